"""The build cache: what was not used for longest goes first, what a running build owns stays."""

from __future__ import annotations

import os
from pathlib import Path

from compiler.cache import prune, remember_built, was_built


def fill(cache: Path, name: str, age: int) -> Path:
    path = cache / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(100))
    os.utime(path, (1_000_000 - age, 1_000_000 - age))
    return path


def test_the_oldest_go_first(tmp_path: Path) -> None:
    old, older = fill(tmp_path, "kernels/ab/old", 2), fill(tmp_path, "c/older.o", 3)
    new = fill(tmp_path, "expected/new.npz", 1)
    staging = fill(tmp_path, "staging/build-1/artifact/model.so", 9)
    prune(tmp_path, 250)
    assert [path.exists() for path in (old, older, new, staging)] == [True, False, True, True]
    prune(tmp_path, 0)
    assert [path.exists() for path in (old, new, staging)] == [False, False, True]


def test_a_cache_that_is_not_there(tmp_path: Path) -> None:
    prune(tmp_path / "nothing")
    assert list(tmp_path.iterdir()) == []


def test_builds_are_remembered_until_they_are_pruned(tmp_path: Path) -> None:
    assert not was_built(tmp_path / "cache", "a")
    remember_built(tmp_path / "cache", "a")
    assert was_built(tmp_path / "cache", "a")
    assert not was_built(tmp_path / "cache", "b")
    fill(tmp_path / "cache", "kernels/large", 0)
    prune(tmp_path / "cache", 99)
    assert was_built(tmp_path / "cache", "a"), "it takes no room"


def test_a_cache_that_cannot_be_written_forgets_builds(tmp_path: Path) -> None:
    (tmp_path / "built").write_text("a file")
    remember_built(tmp_path, "a")
    assert not was_built(tmp_path, "a")
