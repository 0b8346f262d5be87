"""The nine networks inside the onnx package: with their own weights they give the outputs that the package ships,
with random ones they agree with ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

import compiler
import runtime
from bench.models.light import LIGHT_DIRECTORY, LIGHT_MODELS, light_model, randomize_light_model
from compiler.codegen.toolchain import NoCompilerError, find_compiler
from compiler.ir.literal import Array
from compiler.targets import resolve
from tests.zoo.parity import Peer, assert_agree, assert_same_bits, assert_vary

LARGE = ("vgg19", "bvlc_alexnet", "zfnet512")
"""Those with hundreds of megabytes of weights are long tests."""

ARM = "arm_cortex_a72"

NETWORKS = [pytest.param(n, marks=[pytest.mark.long] if n in LARGE else []) for n in LIGHT_MODELS]


def input_of(model: onnx.ModelProto) -> tuple[str, tuple[int, ...]]:
    """Name and shape of the picture."""
    stored = {tensor.name for tensor in model.graph.initializer}
    (info,) = (value for value in model.graph.input if value.name not in stored)
    return info.name, tuple(d.dim_value for d in info.type.tensor_type.shape.dim)


@pytest.mark.parametrize("name", NETWORKS)
def test_own_weights_give_the_shipped_output(name: str, build_cache: Path) -> None:
    model = light_model(name)
    picture, shape = input_of(model)
    # What the package's own test runner feeds these networks: a ramp from 0 to 1.
    ramp = np.arange(np.prod(shape), dtype=np.float64).reshape(shape) / np.prod(shape)
    shipped = onnx.load_tensor(LIGHT_DIRECTORY / f"light_{name}_output_0.pb")
    with (
        compiler.compile(model, cache_dir=build_cache) as artifact,
        runtime.Model(artifact.directory, threads=1) as compiled,
    ):
        (output,) = compiled.run({picture: ramp.astype(np.float32)}).values()
    assert_agree({"output": output}, {"output": numpy_helper.to_array(shipped)})


@pytest.mark.parametrize("name", NETWORKS)
def test_random_weights_agree_with_onnxruntime(name: str, build_cache: Path) -> None:
    model = randomize_light_model(name, seed=1)
    picture, shape = input_of(model)
    samples = [{picture: random_picture(shape, seed)} for seed in range(2)]
    peer = Peer(model.SerializeToString())
    expected = [peer.run(sample) for sample in samples]
    assert_vary(expected)
    with (
        compiler.compile(model, cache_dir=build_cache, verify=False) as artifact,
        runtime.Model(artifact.directory, threads=1) as one,
        runtime.Model(artifact.directory, threads=2) as two,
    ):
        for sample, want in zip(samples, expected, strict=True):
            got = one.run(sample)
            assert_agree(got, want)
            assert_same_bits(two.run(sample), got)


@pytest.mark.parametrize("name", NETWORKS)
def test_it_builds_for_arm(name: str, build_cache: Path) -> None:
    try:
        find_compiler(resolve(ARM))
    except NoCompilerError as error:
        pytest.skip(str(error))
    with compiler.compile(light_model(name), ARM, cache_dir=build_cache, verify=False) as artifact:
        assert artifact.manifest.target.name == ARM


def random_picture(shape: tuple[int, ...], seed: int) -> Array:
    """Smooth noise of unit variance: neighbouring pixels resemble each other, as in pictures."""
    rng = np.random.default_rng(seed)
    coarse = rng.standard_normal((*shape[:-2], shape[-2] // 8 + 1, shape[-1] // 8 + 1))
    fine = coarse.repeat(8, axis=-2).repeat(8, axis=-1)[..., : shape[-2], : shape[-1]]
    return (fine + 0.3 * rng.standard_normal(shape)).astype(np.float32)
