"""Every model of the zoo, compiled for this machine, agrees with ONNX Runtime on real inputs."""

from __future__ import annotations

from pathlib import Path

import pytest

import compiler
import runtime
from tests.zoo.models import ZOO_MODELS, ZooModel
from tests.zoo.parity import Peer, assert_agree, assert_same_bits, assert_vary


@pytest.mark.parametrize("model", ZOO_MODELS, ids=lambda model: model.name)
def test_it_agrees_with_onnxruntime(model: ZooModel, zoo: Path, build_cache: Path) -> None:
    path = zoo / model.file
    peer = Peer(path, model.bound)
    samples = model.samples(zoo)
    expected = [peer.run(sample) for sample in samples]
    assert_vary(expected)
    with compiler.compile(path, inputs=model.shapes, bind=model.bound, cache_dir=build_cache) as artifact:
        assert "agree with onnxruntime" in artifact.report.verification
        plan = artifact.report.plan
        assert plan.arena_bytes < 0.6 * plan.tensor_bytes, "tensors share memory"
        with runtime.Model(artifact.directory, threads=1) as one, runtime.Model(artifact.directory, threads=2) as two:
            for sample, want in zip(samples, expected, strict=True):
                got = one.run(sample)
                assert_agree(got, want)
                assert_same_bits(two.run(sample), got)
