"""Networks of 3x3 convolutions, end to end: Winograd's algorithm is chosen, is right, and is the same bytes again."""

from __future__ import annotations

import filecmp
from pathlib import Path

import onnx
import pytest

import compiler
from bench.accuracy.measure import winograd_calls
from compiler.passes.table import STANDARD
from tests.bench.accuracy.networks import convolutions


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three convolutions, large enough for the algorithm to be cheaper."""
    path = tmp_path_factory.mktemp("network") / "convolutions.onnx"
    onnx.save(convolutions(3), path)
    return path


def test_convolutions_by_winograd_agree_with_the_framework(network: Path) -> None:
    pytest.importorskip("onnxruntime")
    with compiler.compile(network) as artifact:
        report = artifact.report
        assert sum(winograd_calls(report.plan).values()) == 3
        assert "2 random inputs agree with onnxruntime" in report.verification


def test_transformed_weights_take_the_place_of_the_others(network: Path) -> None:
    with compiler.compile(network, verify=False) as artifact:
        stored = [weight.type.shape for weight in artifact.report.plan.weights]
    assert sum(shape[1:] == (64, 64) for shape in stored) == 3
    assert not [shape for shape in stored if shape[2:] == (3, 3)]


def test_without_winograd_every_convolution_is_direct(network: Path) -> None:
    text = STANDARD.replace("choose-layouts", "choose-layouts{winograd=false}")
    with compiler.compile(network, pipeline=text, verify=False) as artifact:
        assert not winograd_calls(artifact.report.plan)
        assert artifact.manifest.provenance["pipeline"] == text


def test_two_builds_are_the_same_bytes(network: Path, tmp_path: Path) -> None:
    for name, cache in (("a", None), ("b", tmp_path / "cold cache")):
        with compiler.compile(network, cache_dir=cache) as artifact:
            artifact.save(tmp_path / name)
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert filecmp.cmpfiles(tmp_path / "a", tmp_path / "b", files, shallow=False) == (files, [], [])
