"""Several batches in processes that load a model once, and what an engine must show before it is timed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.latency import Entry, PreparedModel, compare_batches, largest_difference
from bench.models.tree_maker import ForestShape, rows_of, write_forest
from bench.peers import DATA, PREDICTION, Arrays, ForestFile, forest_peer
from bench.process import Worker, Workload

SHAPE = ForestShape(trees=4, features=3, outputs=1, depth=3, leaves=8)
EXPECTED = np.arange(2000, dtype=np.float32)
BATCH = PreparedModel("net", Path(), Path(), {}, {}, expected={PREDICTION: EXPECTED})
ENTRY = Entry(Path("row.npz"), rows=1000, tolerance=1e-4, most_seconds=10.0)


class Tried(Worker):
    """A worker that answers a trial with what it was made of."""

    def __init__(self, results: np.ndarray, seconds: float) -> None:
        self.answer = ({PREDICTION: results}, seconds)

    def trial(self, rows: int | None) -> tuple[dict[str, np.ndarray], float]:
        assert rows == ENTRY.rows
        return self.answer


@pytest.mark.parametrize(
    ("results", "seconds", "refusal"),
    [
        (EXPECTED[:1000], 4.9, None),
        (EXPECTED[:1000] + 0.09, 4.9, None),
        (EXPECTED[:1000] + 0.11, 4.9, "its results differ by 1.1e-04 from what is expected, more than 1e-04"),
        (EXPECTED[:1000] * np.float32(np.nan), 4.9, "its results differ by inf"),
        (EXPECTED[:999], 4.9, "its results differ by inf"),
        (EXPECTED[:1000], 5.5, "a run would take about 11 s, more than the limit of 10"),
    ],
)
def test_only_who_is_right_and_fast_enough_is_timed(results: np.ndarray, seconds: float, refusal: str | None) -> None:
    said = ENTRY.refusal(Tried(results, seconds), BATCH)
    assert said is None if refusal is None else said is not None and said.startswith(refusal)


def test_differences_may_be_relative_to_a_given_scale() -> None:
    ours, theirs = {"y": np.array([1e-6])}, {"y": np.array([2e-6])}
    assert largest_difference(ours, theirs) == pytest.approx(0.5)
    assert largest_difference(ours, theirs, 10.0) == pytest.approx(1e-7)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("batches")
    write_forest(SHAPE, folder / "net.json")
    for count in (7, 30):
        np.savez(folder / f"{count}.npz", allow_pickle=False, **{DATA: rows_of(SHAPE, count, seed=count)})
    return forest_peer("xgboost").prepare_forest(ForestFile(folder / "net.json", 3, folder / "7.npz"), folder, "host")


def test_a_worker_takes_other_inputs_and_parts_of_them(prepared: Path) -> None:
    session = forest_peer("xgboost").load(prepared, 1)

    def want(count: int) -> Arrays:
        return session({DATA: rows_of(SHAPE, count, seed=count)})

    with Worker(Workload("xgboost", prepared, 1, prepared.parent / "7.npz")) as worker:
        np.testing.assert_array_equal(worker.outputs()[PREDICTION], want(7)[PREDICTION])
        worker.feed(prepared.parent / "30.npz")
        first, seconds = worker.trial(5)
        np.testing.assert_array_equal(first[PREDICTION], want(30)[PREDICTION][:5])
        assert seconds > 0
        np.testing.assert_array_equal(worker.outputs()[PREDICTION], want(30)[PREDICTION])


def test_no_batches_start_no_process() -> None:
    assert not list(compare_batches([], 1, effort=pytest.fail))  # pyright: ignore[reportArgumentType]
