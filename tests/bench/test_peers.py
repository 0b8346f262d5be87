"""Every peer that is installed gives the model's outputs, by their names, on the processors that it was pinned to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from bench.inputs import random_inputs, with_known_shapes
from bench.latency import largest_difference
from bench.models.digits import digits_model
from bench.peers import PEERS, MissingPeer, peer
from bench.process import Worker, Workload, available_processors


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("peers")
    model = with_known_shapes(digits_model())
    onnx.save(model, folder / "digits.onnx")
    np.savez(folder / "inputs.npz", allow_pickle=False, **random_inputs(model))
    return folder


@pytest.mark.parametrize("name", PEERS)
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
        assert worker.processors() == set(available_processors()[:threads])
        assert largest_difference(worker.outputs(), expected) < 1e-5
    assert engine.version()
    assert sum(path.stat().st_size for path in engine.runtime_files()) > 0
