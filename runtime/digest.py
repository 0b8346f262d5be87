"""SHA-256 of files, remembered for large archives that do not change between opens.

A 100 MB archive takes 50 ms to hash on a fast machine and half a second on a small one. The memory keeps the
digest beside everything the file system says about a change (device, inode, size, mtime, ctime; ctime cannot
be set back by a program). As timestamps are coarse, a file changed within the last two seconds is never
remembered.
"""

import hashlib
import os
import time
from contextlib import suppress
from pathlib import Path

from runtime.files import replace_file

_CHUNK = 1 << 20
_SETTLED_NS = 2_000_000_000


def sha256_file(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _identity(info: os.stat_result) -> list[str]:
    return [str(n) for n in (info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns)]


def _recall(note: Path, identity: list[str]) -> str | None:
    try:
        sha256, *seen = note.read_text().split()
    except (OSError, ValueError):
        return None
    return sha256 if seen == identity else None


def remembered_sha256(path: Path, memory: Path) -> str:
    """SHA-256 of `path`, from a note in the directory `memory` while the file has not changed since."""
    info = path.stat()
    identity = _identity(info)
    note = memory / hashlib.sha256(os.fsencode(path.resolve())).hexdigest()
    if sha256 := _recall(note, identity):
        return sha256
    sha256 = sha256_file(path)
    if time.time_ns() - info.st_ctime_ns > _SETTLED_NS and identity == _identity(path.stat()):
        with suppress(OSError):  # a memory that cannot be written costs time, nothing else
            replace_file(note, " ".join([sha256, *identity]).encode())
    return sha256
