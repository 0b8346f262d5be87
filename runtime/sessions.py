"""The native side of one open model: its library, and the sessions that runs borrow.

Owns lifetimes. Sessions are made on demand, one per run in progress, and kept for the next run. Closing never
waits: sessions in use are freed when their runs return them, and the library after the last of them. Must not
know arrays.
"""

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar

from runtime.errors import ModelClosedError
from runtime.library import Library


class Closable(Protocol):
    """What is kept here."""

    def close(self) -> None:
        """Free it; nobody uses it."""
        ...


S = TypeVar("S", bound=Closable)


class Sessions(Generic[S]):
    """`borrow` and `give_back` take no lock, which would take longer than all else they do: lists are safe to share,
    and whoever gives a session back after `close` frees it."""

    def __init__(self, name: str, library: Library, make: Callable[[], S]) -> None:
        """Take over `library`. `make` makes a session of it; `name` is for messages."""
        self._name = name
        self._library = library
        self._make = make
        self._idle: list[S] = []
        self._sessions = 0  # idle or borrowed
        self._closed = False
        self._freed = False
        self._lock = threading.RLock()  # a garbage collection inside may close the model

    @contextmanager
    def session(self) -> Generator[S]:
        """A session for one run. Raises ModelClosedError, NativeError."""
        session = self.borrow()
        try:
            yield session
        finally:
            self.give_back(session)

    def borrow(self) -> S:
        """As `session`, for the hot path; the caller must give it back, whatever happens."""
        try:
            session = self._idle.pop()
        except IndexError:
            return self._made()
        if self._closed:
            self.give_back(session)
            raise ModelClosedError(self._name)
        return session

    def _made(self) -> S:
        with self._lock:
            if self._closed:
                raise ModelClosedError(self._name)
            session = self._make()
            self._sessions += 1
            return session

    def give_back(self, session: S) -> None:
        self._idle.append(session)
        if self._closed:
            self._free()

    def close(self) -> None:
        """Refuse new runs and free what no run uses; calling it again does nothing."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._free()

    def _free(self) -> None:
        with self._lock:
            while True:
                try:
                    session = self._idle.pop()
                except IndexError:
                    break
                session.close()
                self._sessions -= 1
            if self._sessions == 0 and not self._freed:
                self._freed = True
                self._library.close()
