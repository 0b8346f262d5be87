"""Every peer that is installed gives the model's outputs, by their names, on the processors that it was pinned to."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

from bench import peers
from bench.inputs import random_inputs, save_model
from bench.isa import ISAS, isa_named
from bench.latency import largest_difference
from bench.models.digits import digits_model
from bench.peers import PEERS, MissingPeer, peer
from bench.peers.child import ConversionFailed, convert
from bench.process import Worker, WorkerMoved, Workload, available_processors
from compiler.targets import resolve

SLOW_TO_BUILD = ("tvm", "torch-compile")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("peers")
    model = save_model(digits_model(), folder / "digits.onnx")
    np.savez(folder / "inputs.npz", allow_pickle=False, **random_inputs(model))
    return folder


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.long] if name in SLOW_TO_BUILD else []) for name in PEERS]
)
@pytest.mark.parametrize("threads", [1, 2])
def test_a_peer_agrees_with_the_reference(name: str, threads: int, folder: Path) -> None:
    try:
        engine = peer(name)
    except MissingPeer as missing:
        pytest.skip(str(missing))
    if threads > len(available_processors()):
        pytest.skip("needs two processors")
    expected = peer("onnxruntime").load(folder / "digits.onnx", 1)(random_inputs(onnx.load(folder / "digits.onnx")))
    prepared = engine.prepare(folder / "digits.onnx", folder, "host")
    with Worker(Workload(name, prepared, threads, folder / "inputs.npz")) as worker:
        worker.measure(0.01)
        worker.check_processors()
        assert worker.processors() <= set(available_processors()[:threads])
        assert largest_difference(worker.outputs(), expected) < 1e-5
    assert engine.version()
    assert sum(path.stat().st_size for path in engine.runtime_files()) > 0


def test_a_converter_that_crashes_is_a_refusal_with_its_reason(tmp_path: Path) -> None:
    crash = [sys.executable, "-c", "import os; print('ValueError: no such operator', flush=True); os.abort()"]
    with pytest.raises(ConversionFailed, match="ended with status -6: ValueError: no such operator"):
        convert(crash, tmp_path / "made")
    with pytest.raises(ConversionFailed, match=r"ended with status 0: \(it printed nothing\)"):
        convert([sys.executable, "-c", "pass"], tmp_path / "made")


def test_a_package_that_cannot_be_imported_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "PEERS", {"odd": "tests.bench.unimportable_peer"})
    with pytest.raises(MissingPeer, match=r"odd cannot be imported \(versions do not fit\); .*bench-all"):
        peer("odd")


def test_a_worker_that_moves_to_other_processors_is_found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Worker(Workload("onnxruntime", folder / "digits.onnx", 1, folder / "inputs.npz")) as worker:
        monkeypatch.setattr(worker, "processors", lambda: {0, 99})
        with pytest.raises(WorkerMoved, match=r"was pinned to processors \[\d+\] and ran on \[0, 99\]"):
            worker.check_processors()


def test_every_engine_is_held_or_refused() -> None:
    for isa in ISAS:
        assert (isa.held or PEERS.keys()) <= PEERS.keys()
        assert resolve(isa.target)
    assert isa_named("avx2").refusal("onnxruntime") == "it has no documented switch that holds it to avx2"
    assert isa_named("avx2").refusal("kiln") is None
    assert isa_named("native").refusal("onnxruntime") is None
