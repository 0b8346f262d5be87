"""The native side of one open model: its library, and the contexts that runs borrow.

Owns lifetimes. Contexts are made on demand, one per run in progress, and kept for the next run. Closing never
waits: contexts in use are freed when their runs return them, and the library after the last of them. Must not
know arrays.
"""

import threading
from collections.abc import Generator
from contextlib import contextmanager

from runtime.errors import ModelClosedError
from runtime.library import Context, Library


class Sessions:
    def __init__(self, name: str, library: Library, threads: int) -> None:
        """Take over `library`. `threads` is what every context gets; `name` is for messages."""
        self._name = name
        self._library = library
        self._threads = threads
        self._idle: list[Context] = []
        self._contexts = 0  # idle or borrowed
        self._closed = False
        self._lock = threading.RLock()

    @contextmanager
    def context(self) -> Generator[Context]:
        """A context for one run. Raises ModelClosedError, NativeError."""
        context = self.borrow()
        try:
            yield context
        finally:
            self.give_back(context)

    def borrow(self) -> Context:
        """As `context`, for the hot path; the caller must give it back, whatever happens."""
        with self._lock:
            if self._closed:
                raise ModelClosedError(self._name)
            if self._idle:
                return self._idle.pop()
            context = self._library.create_context(self._threads)
            self._contexts += 1
            return context

    def give_back(self, context: Context) -> None:
        with self._lock:
            self._idle.append(context)
            if self._closed:
                self._free()

    def close(self) -> None:
        """Refuse new runs and free what no run uses; calling it again does nothing."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._free()

    def _free(self) -> None:
        while self._idle:
            self._idle.pop().close()
            self._contexts -= 1
        if self._contexts == 0:
            self._library.close()
