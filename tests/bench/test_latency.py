"""Comparisons: engines that cannot run stay on record, differences are found wherever they hide."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench import peers
from bench.latency import Effort, compare, largest_difference, prepare
from bench.models.digits import digits_model

NAN, INF = float("nan"), float("inf")

QUICK = Effort(turns=2, turn_seconds=0.01, pause_seconds=0.0)


def test_missing_and_failing_engines_stay_on_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        peers,
        "PEERS",
        dict(peers.PEERS) | {"absent": "bench.peers.no_such_module", "broken": "tests.bench.broken_peer"},
    )
    model = prepare("digits", digits_model(), ["onnxruntime", "absent", "broken"], tmp_path)
    comparison = compare(model, 1, QUICK)
    assert [row.engine for row in comparison.measured] == ["onnxruntime"]
    assert comparison.measured[0].latency.runs >= 6
    assert "absent is not installed" in comparison.failures["absent"]
    assert comparison.failures["broken"] == "RuntimeError: this engine refuses everything"


def test_an_engine_that_dies_while_it_is_measured_stays_on_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The measured process has a table of its own: the engine takes the place of one that is in it.
    stand_in = tmp_path / "sitecustomize.py"
    stand_in.write_text(
        "import bench.peers; bench.peers.PEERS = dict(bench.peers.PEERS) | {'dying': 'tests.bench.dying_peer'}"
    )
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{Path.cwd()}")
    monkeypatch.setattr(peers, "PEERS", dict(peers.PEERS) | {"dying": "tests.bench.dying_peer"})
    model = prepare("digits", digits_model(), ["onnxruntime", "dying"], tmp_path)
    comparison = compare(model, 1, QUICK)
    assert [row.engine for row in comparison.measured] == ["onnxruntime"]
    assert "ended with status 7" in comparison.failures["dying"]


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        ([1.0, 2.0], [1.0, 2.0], 0.0),
        ([1.0, 3.0], [1.0, 4.0], 0.25),
        ([0.0, -9.0], [0.0, -10.0], 0.1),
        ([NAN, 1.0], [NAN, 1.0], 0.0),
        ([INF, 1.0], [INF, 2.0], 0.5),
        ([NAN, 1.0], [1.0, 1.0], INF),
        ([1.0, 1.0], [NAN, 1.0], INF),
        ([INF, 1.0], [1.0, 1.0], INF),
        ([INF, 1.0], [-INF, 1.0], INF),
        ([1.0], [1.0, 1.0], INF),
    ],
)
def test_the_largest_difference_is_relative_to_the_peers_largest_value(
    ours: list[float], theirs: list[float], expected: float
) -> None:
    assert largest_difference({"y": np.array(ours)}, {"y": np.array(theirs)}) == pytest.approx(expected)


def test_outputs_that_one_side_lacks_differ_infinitely() -> None:
    assert largest_difference({"y": np.zeros(1)}, {"z": np.zeros(1)}) == INF


def test_an_unknown_peer_lists_the_known_ones() -> None:
    with pytest.raises(peers.UnknownPeer, match="known: kiln, onnxruntime, openvino, ncnn, tvm, torch, torch-compile"):
        peers.peer("tensorflow")
