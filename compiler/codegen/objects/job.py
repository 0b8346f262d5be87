"""What is asked of a worker and what comes back, as plain data that crosses process boundaries."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Job:
    """One object file to make.

    ``emitter`` names a function, ``package.module:function``, that a worker calls with ``(arguments,
    target)``: a text and a ``compiler.targets.Target``. It returns the object's bytes and a note, a text that
    is kept beside them. ``key`` is the caller's name for the job, by which results and errors refer to it.
    """

    key: str
    emitter: str
    arguments: str

    def digest(self, *environment: str) -> str:
        """The content address of the result: what is compiled, and everything around it that has a say."""
        state = hashlib.sha256()
        for text in (self.emitter, self.arguments, *environment):
            data = text.encode()
            state.update(len(data).to_bytes(8, "little") + data)
        return state.hexdigest()


@dataclass(frozen=True)
class ObjectFile:
    """A relocatable object and what its emitter noted about it."""

    data: bytes = field(repr=False)
    note: str


class JobError(Exception):
    """A job failed; the message names the job and says how."""

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(f"{key}: {reason}")
        self.key = key
        self.reason = reason


class JobRaisedError(JobError):
    """The emitter or the code generator raised; ``details`` is the worker's traceback."""

    def __init__(self, key: str, reason: str, details: str) -> None:
        super().__init__(key, reason)
        self.details = details


class JobCrashedError(JobError):
    """The worker process died while it worked on the job."""


class JobTimeoutError(JobError):
    """The job took longer than its limit and its worker was killed."""


class JobMemoryError(JobError):
    """The job needed more memory than there is, or than it was allowed; its worker may have died of it."""


class JobsFailedError(Exception):
    """Some jobs of a batch failed; the others were completed and are in ``completed``."""

    def __init__(self, failures: list[JobError], completed: dict[str, ObjectFile]) -> None:
        shown = "\n  ".join(str(failure) for failure in failures[:10])
        more = f"\n  and {len(failures) - 10} more" if len(failures) > 10 else ""
        super().__init__(f"{len(failures)} of {len(failures) + len(completed)} kernels failed:\n  {shown}{more}")
        self.failures = failures
        self.completed = completed


class WorkerStartError(Exception):
    """A worker process did not come up; the message carries what it printed."""
