"""Memory that a kernel cannot leave unnoticed, and calls that cannot take the test process down with them.

Every array lies flush against an inaccessible page: at its end or at its start. Calls happen in a forked child on
shared memory, so that an access outside, a trap or an endless loop is a failure with a name.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import signal
import traceback
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.generic]

CALL_SECONDS = 60
_PAGE = mmap.PAGESIZE
_LIBC = ctypes.CDLL(None, use_errno=True)


class CallFailedError(AssertionError):
    """A guarded call ended with a signal."""


class Arena:
    """Arrays between inaccessible pages; all are released together."""

    def __init__(self, *, flush_end: bool = True) -> None:
        self._flush_end = flush_end
        self._maps: list[mmap.mmap] = []

    def array(self, like: Array) -> Array:
        """A copy of ``like`` that ends (or starts) at an inaccessible page."""
        pages = -(-max(like.nbytes, 1) // _PAGE)
        memory = mmap.mmap(-1, (pages + 2) * _PAGE)
        self._maps.append(memory)
        base = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        for guard in (base, base + (pages + 1) * _PAGE):
            if _LIBC.mprotect(ctypes.c_void_p(guard), ctypes.c_size_t(_PAGE), 0):
                raise OSError(ctypes.get_errno(), "mprotect")
        start = _PAGE + (pages * _PAGE - like.nbytes if self._flush_end else 0)
        copy = np.frombuffer(memory, like.dtype, like.size, start).reshape(like.shape)
        copy[...] = like
        return copy


def call_guarded(*actions: Callable[[], None]) -> None:
    """Run ``actions`` in turn in a child that shares the arenas' memory: to start one takes longer than most actions.
    Raises CallFailedError with the number of the action that a signal ends, or that raises."""
    progress = np.frombuffer(mmap.mmap(-1, _PAGE), np.int32)
    child = os.fork()
    if child == 0:
        try:
            for number, action in enumerate(actions):
                progress[0] = number
                signal.alarm(CALL_SECONDS)
                action()
        except Exception:  # noqa: BLE001 -- told to the parent, which raises
            traceback.print_exc()
            os._exit(1)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    which = f"call {progress[0] + 1} of {len(actions)}"
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise CallFailedError(f"{which} raised an exception, which is printed above")
    if os.WIFSIGNALED(status):
        name = signal.Signals(os.WTERMSIG(status)).name
        hint = {"SIGSEGV": "an access outside of an array", "SIGALRM": "no end"}.get(name, "a trap")
        raise CallFailedError(f"{which} ended with {name}: {hint}")


def pointers(arrays: Sequence[Array]) -> list[ctypes.c_void_p]:
    """Their addresses as kernel arguments."""
    return [ctypes.c_void_p(array.ctypes.data) for array in arrays]
