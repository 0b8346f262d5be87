"""Every model of the zoo builds for a Cortex-A72 and agrees with ONNX Runtime under an emulator, where there is one."""

from __future__ import annotations

from pathlib import Path

import pytest

import compiler
from compiler.codegen.toolchain import NoCompilerError, emulator, find_compiler
from compiler.targets import resolve
from compiler.verification import build_runner
from tests.zoo.models import ZOO_MODELS, ZooModel
from tests.zoo.parity import Peer, assert_agree, assert_same_bits

TARGET = "arm_cortex_a72"


@pytest.fixture(scope="module", autouse=True)
def cross_compiler() -> None:
    """Skip where no C compiler builds for the target."""
    try:
        find_compiler(resolve(TARGET))
    except NoCompilerError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("model", ZOO_MODELS, ids=lambda model: model.name)
def test_it_builds_and_agrees_with_onnxruntime(model: ZooModel, zoo: Path, build_cache: Path) -> None:
    path, target = zoo / model.file, resolve(TARGET)
    with compiler.compile(
        path, TARGET, inputs=model.shapes, bind=model.bound, cache_dir=build_cache, verify=False
    ) as artifact:
        assert artifact.manifest.target.name == TARGET
        prefix = emulator(target)
        if prefix is None:
            pytest.skip(f"built, but nothing runs programs of {TARGET} here")
        runner = build_runner(find_compiler(target), build_cache / "c", prefix)
        sample = model.samples(zoo)[0]
        got = runner.run(artifact.directory, artifact.manifest, sample, threads=1)
        assert_agree(got, Peer(path, model.bound).run(sample))
        assert_same_bits(runner.run(artifact.directory, artifact.manifest, sample, threads=2), got)
