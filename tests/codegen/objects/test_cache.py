"""The object cache on disk: integrity, atomicity, size."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from compiler.codegen.objects import ObjectCache, ObjectFile

ENTRY = ObjectFile(b"\x7fELF code\nwith a line break", "a note, naïve")
DIGEST = "ab" + "0" * 62


def path_of(folder: Path, digest: str) -> Path:
    """Where the entry lies."""
    return folder / digest[:2] / digest[2:]


def test_round_trip(tmp_path: Path) -> None:
    cache = ObjectCache(tmp_path / "deep" / "folder")
    assert cache.load(DIGEST) is None
    cache.store(DIGEST, ENTRY)
    assert cache.load(DIGEST) == ENTRY


@pytest.mark.parametrize(
    "damage", [lambda d: d[:-1], lambda d: d[:40] + b"X" + d[41:], lambda d: d + b"!", lambda d: b""]
)
def test_damaged_entries_are_absent_and_removed(tmp_path: Path, damage) -> None:
    cache = ObjectCache(tmp_path)
    cache.store(DIGEST, ENTRY)
    path = path_of(tmp_path, DIGEST)
    path.write_bytes(damage(path.read_bytes()))
    assert cache.load(DIGEST) is None
    assert not path.exists()


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(KeyboardInterrupt):
        ObjectCache(tmp_path).store(DIGEST, ENTRY)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_writers_and_readers_side_by_side(tmp_path: Path) -> None:
    """A reader sees the whole entry or none."""
    cache, torn = ObjectCache(tmp_path), []
    entries = [ObjectFile(bytes([index]) * 50_000, str(index)) for index in range(3)]

    def write(entry: ObjectFile) -> None:
        for _ in range(30):
            cache.store(DIGEST, entry)

    threads = [threading.Thread(target=write, args=(entry,)) for entry in entries]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        found = cache.load(DIGEST)
        if found is not None and found not in entries:
            torn.append(found)
    assert torn == []
    assert cache.load(DIGEST) in entries


def test_pruning_keeps_what_was_used_last(tmp_path: Path) -> None:
    cache = ObjectCache(tmp_path)
    digests = [f"{index:02x}" + "1" * 62 for index in range(4)]
    for age, digest in enumerate(digests):
        cache.store(digest, ENTRY)
        os.utime(path_of(tmp_path, digest), (1000 + age, 1000 + age))
    cache.load(digests[0])  # used again: now the youngest
    cache.prune(2 * path_of(tmp_path, digests[0]).stat().st_size)
    assert [cache.load(digest) is not None for digest in digests] == [True, False, False, True]


def test_the_cache_prunes_itself_now_and_then(tmp_path: Path) -> None:
    cache = ObjectCache(tmp_path, limit_bytes=0)
    cache.store(DIGEST, ENTRY)
    assert cache.load(DIGEST) == ENTRY
    cache.store("00" + DIGEST[2:], ENTRY)
    assert cache.load(DIGEST) is None
