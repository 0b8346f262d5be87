"""Work in progress on disk: invisible until it is complete, and swept away when its process was killed.

A staging folder is held by a lock that the operating system drops with the process, so the next build can
tell an abandoned folder from one in use. Knows nothing of what is being built.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LOCK = "lock"
_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
_NOT_SUPPORTED = (errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP)


class Staging:
    """A private folder in ``parent`` that vanishes with ``close``, with the object, or with the next
    staging there."""

    def __init__(self, parent: Path, prefix: str) -> None:
        """Make the folder, after removing abandoned ones of the same prefix. Raises OSError."""
        parent.mkdir(parents=True, exist_ok=True)
        with _locked(parent):
            _sweep(parent, prefix)
            self.folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
            lock = os.open(self.folder / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX)
        self._finalizer = weakref.finalize(self, _discard, self.folder, lock, os.getpid())

    def close(self) -> None:
        """Remove the folder; harmless when done before."""
        self._finalizer()

    def __enter__(self) -> Staging:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _discard(folder: Path, lock: int, owner: int) -> None:
    if os.getpid() != owner:
        return  # a forked child has no say in its parent's folder
    shutil.rmtree(folder, ignore_errors=True)
    os.close(lock)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _sweep(parent: Path, prefix: str) -> None:
    """Remove staging folders whose process is gone: nobody holds their lock."""
    for folder in parent.glob(f"{prefix}*"):
        try:
            lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            continue  # not ours, or another user's
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except BlockingIOError:
            continue
        finally:
            os.close(lock)


def put_in_place(made: Path, destination: Path) -> None:
    """Give ``made`` the name ``destination`` in one step; what was there takes the name ``made``, or is
    gone."""
    if not destination.is_dir():
        os.replace(made, destination)
        return
    if not _exchange(made, destination):
        aside = made.with_name(made.name + ".old")
        os.rename(destination, aside)
        os.rename(made, destination)


def _exchange(a: Path, b: Path) -> bool:
    """Swap two names atomically (renameat2 of Linux); False where kernel, C library or file system cannot."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    if rename(_AT_FDCWD, os.fsencode(a), _AT_FDCWD, os.fsencode(b), _RENAME_EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in _NOT_SUPPORTED:
        return False
    raise OSError(code, os.strerror(code), str(b))
