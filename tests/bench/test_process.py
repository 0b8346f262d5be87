"""Measured processes: what they report is of one engine alone, and their failures are told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from bench.inputs import random_inputs, save_model
from bench.latency import largest_difference
from bench.models.digits import digits_model
from bench.peers import peer
from bench.process import Worker, WorkerFailed, Workload, available_processors


@pytest.fixture(scope="module")
def workload(tmp_path_factory: pytest.TempPathFactory) -> Workload:
    folder = tmp_path_factory.mktemp("workload")
    model = save_model(digits_model(), folder / "digits.onnx")
    np.savez(folder / "inputs.npz", allow_pickle=False, **random_inputs(model))
    return Workload("onnxruntime", folder / "digits.onnx", 1, folder / "inputs.npz")


def test_a_worker_measures_and_gives_the_engines_outputs(workload: Workload) -> None:
    with Worker(workload) as worker:
        seconds = worker.measure(0.02)
        outputs = worker.outputs()
        processors = Path(f"/proc/{worker.process_id}/status").read_text()
    assert len(seconds) >= 3
    assert all(0 < s < 1 for s in seconds)
    expected = peer("onnxruntime").load(workload.prepared, 1)(random_inputs(onnx.load(workload.prepared)))
    assert largest_difference(outputs, expected) < 1e-5
    assert f"Cpus_allowed_list:\t{available_processors()[0]}\n" in processors


def test_the_start_of_a_process_is_accounted_for(workload: Workload) -> None:
    ballast = np.ones(150 << 20, np.uint8)  # must not count as the worker's memory
    with Worker(workload) as worker:
        loaded, ready = worker.loaded, worker.ready_seconds
    assert ballast.nbytes > loaded.peak_bytes > 20 << 20
    assert 0 < loaded.load_seconds + loaded.first_run_seconds < ready


def test_a_model_that_an_engine_refuses_is_told_with_its_reason(workload: Workload, tmp_path: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"not a model")
    with pytest.raises(WorkerFailed, match=r"onnxruntime .* ended with status 1: .*broken\.onnx"):
        Worker(Workload("onnxruntime", broken, 1, workload.inputs))


def test_a_worker_that_dies_is_noticed(workload: Workload) -> None:
    with Worker(workload) as worker, pytest.raises(WorkerFailed, match="not a request"):
        worker.ask({"measure": "long"})
