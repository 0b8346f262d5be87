"""Objects on disk, by content address.

Owns the file format and its integrity: an entry is written under a temporary name and renamed, carries a
digest of its contents, and one that does not match is treated as absent. Knows nothing of how objects are
made.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from compiler.codegen.objects.job import ObjectFile

_MAGIC = b"kiln-object-1\n"
_DIGEST_BYTES = 32


class CacheUnwritableError(Exception):
    """The cache directory cannot be written."""

    def __init__(self, folder: Path, error: OSError) -> None:
        super().__init__(f"cannot write the kernel cache {folder}: {error.strerror or error}")
        self.folder = folder


class ObjectCache:
    """The entries below one directory, which need not exist yet.

    One store in 256 (by its address, so that no counter is needed) prunes the cache to ``limit_bytes``.
    """

    def __init__(self, folder: Path, limit_bytes: int = 4 << 30) -> None:
        self.folder = folder
        self.limit_bytes = limit_bytes

    def load(self, digest: str) -> ObjectFile | None:
        """The object with this content address, or None; a damaged entry is removed."""
        path = self._path(digest)
        try:
            data = path.read_bytes()
        except OSError:
            return None
        entry = _decode(data)
        with suppress(OSError):
            if entry is None:
                path.unlink()
            else:
                os.utime(path)  # the age by which ``prune`` chooses
        return entry

    def store(self, digest: str, entry: ObjectFile) -> None:
        """Write an object; readers and other writers never see half of it.

        Raises:
            CacheUnwritableError: permissions, a full disk, or a file where the directory should be.
        """
        path = self._path(digest)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _write_atomically(path, _encode(entry))
        except OSError as error:
            raise CacheUnwritableError(self.folder, error) from error
        if digest.startswith("00"):
            self.prune(self.limit_bytes)

    def prune(self, limit_bytes: int) -> None:
        """Remove the entries that were not used for longest until the rest takes at most ``limit_bytes``."""
        entries = sorted(_sizes_by_age(self.folder), reverse=True)
        kept = 0
        for _, size, path in entries:
            kept += size
            if kept > limit_bytes:
                with suppress(OSError):
                    path.unlink()

    def _path(self, digest: str) -> Path:
        return self.folder / digest[:2] / digest[2:]


def _encode(entry: ObjectFile) -> bytes:
    header = json.dumps({"note": entry.note}, sort_keys=True).encode() + b"\n"
    body = header + entry.data
    return _MAGIC + hashlib.sha256(body).digest() + body


def _decode(data: bytes) -> ObjectFile | None:
    body_at = len(_MAGIC) + _DIGEST_BYTES
    body = data[body_at:]
    if not data.startswith(_MAGIC) or hashlib.sha256(body).digest() != data[len(_MAGIC) : body_at]:
        return None
    header, _, code = body.partition(b"\n")
    return ObjectFile(code, json.loads(header)["note"])


def _write_atomically(path: Path, data: bytes) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise


def _sizes_by_age(folder: Path) -> list[tuple[float, int, Path]]:
    """(last use, bytes, path) of every entry; another process may remove some meanwhile."""
    found: list[tuple[float, int, Path]] = []
    for path in folder.glob("??/*"):
        with suppress(OSError):
            status = path.stat()
            found.append((status.st_mtime, status.st_size, path))
    return found
