"""What peers load is made once where it is kept, and made again when anything is different."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from bench.forest.expected import kept_expected
from bench.forest.kept import prepare_or_keep
from bench.isa import NATIVE
from bench.latency import Prepared
from bench.peers.child import ConversionTooLong, convert


@dataclass
class Maker:
    """Makes files, and counts how often."""

    folder: Path
    reason: str = ""
    made: list[str] = field(default_factory=list[str])

    def __call__(self, engine: str) -> Path:
        self.made.append(engine)
        if self.reason:
            raise ConversionTooLong(3)
        path = self.folder / f"{engine}.{len(self.made)}"
        path.write_text("model")
        return path


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "model.json"
    path.write_text("{}")
    return path


def test_it_is_made_once(source: Path, tmp_path: Path) -> None:
    maker = Maker(tmp_path)
    first = prepare_or_keep("xgboost", maker, NATIVE, tmp_path, source, 9)
    assert isinstance(first, Prepared)
    assert prepare_or_keep("xgboost", maker, NATIVE, tmp_path, source, 9) == first
    assert maker.made == ["xgboost"]


def test_another_model_and_a_lost_file_count(source: Path, tmp_path: Path) -> None:
    maker = Maker(tmp_path)

    def prepare(limit: float = 9) -> Prepared:
        found = prepare_or_keep("xgboost", maker, NATIVE, tmp_path, source, limit)
        assert isinstance(found, Prepared)
        return found

    prepare()
    source.write_text("{ }")
    last = prepare()
    assert prepare(limit=10) == last
    last.path.unlink()
    prepare()
    assert len(maker.made) == 3


def test_a_reason_is_kept_too(source: Path, tmp_path: Path) -> None:
    maker = Maker(tmp_path, reason="late")
    for _ in range(2):
        reason = prepare_or_keep("xgboost", maker, NATIVE, tmp_path, source, 3)
        assert reason == "ConversionTooLong: making what it loads takes longer than the limit of 3 s"
    assert len(maker.made) == 1
    prepare_or_keep("xgboost", maker, NATIVE, tmp_path, source, 4)
    assert len(maker.made) == 2


def test_kiln_is_always_made_and_nothing_is_kept_without_a_folder(source: Path, tmp_path: Path) -> None:
    maker = Maker(tmp_path)
    for _ in range(2):
        prepare_or_keep("kiln", maker, NATIVE, tmp_path, source, 9)
        prepare_or_keep("xgboost", maker, NATIVE, None, source, 9)
    assert len(maker.made) == 4
    assert not list(tmp_path.glob("*.json.json")) and not (tmp_path / "kiln.json").exists()


def test_results_are_those_of_the_same_rows_and_model(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[float] = []

    def double(path: Path, rows: np.ndarray) -> np.ndarray:
        seen.append(float(rows[0, 0]))
        return 2 * rows[:, 0]

    monkeypatch.setattr("bench.forest.expected.expected", double)
    ones = np.ones((3, 2), np.float32)
    for rows in (ones, ones, 5 * ones, 5 * ones):
        np.testing.assert_array_equal(kept_expected(source, rows, tmp_path), 2 * rows[:, 0])
    source.write_text("[]")
    kept_expected(source, ones, tmp_path)
    kept_expected(source, ones, None)
    assert seen == [1, 5, 1, 1]


def test_a_converter_that_takes_too_long_is_ended_with_what_it_started(tmp_path: Path) -> None:
    alive = tmp_path / "alive"
    child = f"import time, pathlib; time.sleep(1.5); pathlib.Path({str(alive)!r}).touch()"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    with pytest.raises(ConversionTooLong, match="takes longer than the limit of 1 s"):
        convert([sys.executable, "-c", parent], tmp_path / "made", 1.0)
    time.sleep(1.5)
    assert not alive.exists()
