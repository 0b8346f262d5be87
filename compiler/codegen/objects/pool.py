"""Persistent worker processes.

Owns their life: started when needed, kept warm between calls, replaced when they crash or hang, ended with
this process. Knows what a job is, but not what is cached. Workers are fresh interpreters, never forks: TVM
and threads do not survive a fork, and a fork of a program without a ``__main__`` guard would run it again.
"""

from __future__ import annotations

import atexit
import os
import re
import select
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO

from compiler.codegen.objects.channel import ChannelClosedError, Header, receive, send
from compiler.codegen.objects.job import (
    Job,
    JobCrashedError,
    JobError,
    JobMemoryError,
    JobRaisedError,
    JobTimeoutError,
    ObjectFile,
    WorkerStartError,
)

_START_SECONDS = 120.0
_JOBS_WORTH_A_WORKER = 16
"""Importing TVM takes about as long as this many kernels."""
_JOBS_PER_LIFE = 4000
"""A worker is replaced after so many jobs, in case the code generator leaks."""

_OUT_OF_MEMORY = re.compile(r"\bMemoryError\b|bad_alloc|out of memory|Cannot allocate memory", re.IGNORECASE)
"""How Python, C++, LLVM and the system say that there is no more memory."""

Outcome = ObjectFile | JobError


@dataclass(frozen=True)
class JobLimits:
    """What one job may take: seconds, and bytes of address space beyond its worker's own (None: no bound)."""

    seconds: float
    memory_bytes: int | None = None


def available_cpus() -> int:
    """How many CPUs this process may use."""
    return len(os.sched_getaffinity(0))


class Worker:
    """One process and the two pipes to it; ``modules`` are imported while it starts."""

    def __init__(self, modules: Sequence[str] = ()) -> None:
        self._messages = tempfile.TemporaryFile()  # noqa: SIM115 -- lives as long as the worker
        self._process = subprocess.Popen(
            [sys.executable, "-m", "compiler.codegen.objects.worker", *modules],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._messages,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)},
        )
        self._ready = False
        self._jobs = 0

    def run(self, job: Job, target_json: str, limits: JobLimits) -> Outcome:
        """Do one job; after JobCrashedError or JobTimeoutError the worker is gone, after JobMemoryError it may be.

        Raises:
            WorkerStartError: the process does not come up at all.
        """
        self._wait_until_ready()
        self._jobs += 1
        request: Header = {
            "emitter": job.emitter,
            "arguments": job.arguments,
            "target": target_json,
            "memory_bytes": limits.memory_bytes,
        }
        try:
            send(self._input, request)
            if not self._answers_within(limits.seconds):
                self.kill()
                return JobTimeoutError(job.key, f"killed after {limits.seconds:g} s")
            reply, data = receive(self._output)
        except ChannelClosedError:
            epitaph = self._epitaph()
            return (JobMemoryError if _OUT_OF_MEMORY.search(epitaph) else JobCrashedError)(job.key, epitaph)
        if reply["status"] == "raised":
            if _OUT_OF_MEMORY.search(reply["reason"]):
                return JobMemoryError(job.key, reply["reason"])
            return JobRaisedError(job.key, reply["reason"], reply["details"])
        return ObjectFile(data, reply["note"])

    @property
    def usable(self) -> bool:
        """Whether it can take another job."""
        return self._process.poll() is None and self._jobs < _JOBS_PER_LIFE

    def close(self) -> None:
        """Let it end: it leaves when its input does."""
        with suppress(BrokenPipeError):
            self._input.close()
        try:
            self._process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            self.kill()
        self._output.close()
        self._messages.close()

    def kill(self) -> None:
        """End it now."""
        self._process.kill()
        self._process.wait()

    def _wait_until_ready(self) -> None:
        if self._ready:
            return
        try:
            if not self._answers_within(_START_SECONDS):
                self.kill()
                raise WorkerStartError(f"no sign of life after {_START_SECONDS:g} s: {self._last_words()}")
            receive(self._output)
        except ChannelClosedError as error:
            raise WorkerStartError(self._epitaph()) from error
        self._ready = True

    @property
    def _input(self) -> BinaryIO:
        assert self._process.stdin is not None
        return self._process.stdin  # type: ignore[return-value]

    @property
    def _output(self) -> BinaryIO:
        assert self._process.stdout is not None
        return self._process.stdout  # type: ignore[return-value]

    def _answers_within(self, seconds: float) -> bool:
        poll = select.poll()
        poll.register(self._output, select.POLLIN)
        return bool(poll.poll(seconds * 1000))

    def _epitaph(self) -> str:
        code = self._process.wait()
        cause = signal.Signals(-code).name if code < 0 else f"exit status {code}"
        return f"the worker died of {cause}: {self._last_words()}"

    def _last_words(self) -> str:
        self._messages.seek(0)
        lines = self._messages.read().decode(errors="replace").strip().splitlines()
        return " | ".join(lines[-3:]) or "it printed nothing"


class Pool:
    """Idle workers, and the threads that drive busy ones for the length of a call."""

    def __init__(self) -> None:
        self._idle: list[Worker] = []
        self._lock = threading.Lock()

    def run(
        self,
        jobs: Iterable[Job],
        target_json: str,
        *,
        workers: int,
        limits: JobLimits,
        done: Callable[[Job, Outcome], None],
    ) -> None:
        """Do all jobs, calling ``done`` for each as it ends, one call at a time.

        Raises:
            WorkerStartError: workers do not come up.
        """
        waiting = list(reversed(list(jobs)))
        errors: list[BaseException] = []
        count = self._crew_size(len(waiting), workers)

        def drive() -> None:
            try:
                self._drive(waiting, target_json, limits, done)
            except BaseException as error:  # noqa: BLE001 -- raised again by the calling thread
                errors.append(error)
                waiting.clear()

        threads = [threading.Thread(target=drive, daemon=True) for _ in range(count)]
        for thread in threads:
            thread.start()
        try:
            for thread in threads:
                thread.join()
        except KeyboardInterrupt:
            waiting.clear()
            raise
        if errors:
            raise errors[0]

    def warm_up(self, count: int, modules: Sequence[str]) -> None:
        """Start workers now, without waiting for them, so that they are ready when the first job comes."""
        with self._lock:
            self._idle.extend(Worker(modules) for _ in range(count - len(self._idle)))

    def close(self) -> None:
        """End all idle workers."""
        with self._lock:
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.close()

    def _crew_size(self, jobs: int, limit: int) -> int:
        """As many workers as there are warm ones; more only for a batch that repays their start."""
        with self._lock:
            warm = len(self._idle)
        return max(1, min(limit, jobs, max(warm, -(-jobs // _JOBS_WORTH_A_WORKER)))) if jobs else 0

    def _drive(
        self, waiting: list[Job], target_json: str, limits: JobLimits, done: Callable[[Job, Outcome], None]
    ) -> None:
        worker = self._take()
        try:
            while True:
                with self._lock:
                    if not waiting:
                        return
                    job = waiting.pop()
                if not worker.usable:
                    worker.close()
                    worker = Worker()
                outcome = worker.run(job, target_json, limits)
                with self._lock:
                    done(job, outcome)
        finally:
            self._give_back(worker)

    def _take(self) -> Worker:
        with self._lock:
            while self._idle:
                worker = self._idle.pop()
                if worker.usable:
                    return worker
                worker.close()
        return Worker()

    def _give_back(self, worker: Worker) -> None:
        if not worker.usable:
            worker.close()
            return
        with self._lock:
            self._idle.append(worker)


class _SharedPool:
    """The pool of this process: one for all calls, made on first use, and never one inherited by a fork."""

    def __init__(self) -> None:
        self._pool: Pool | None = None
        self._owner = 0

    def get(self) -> Pool:
        if self._pool is None or self._owner != os.getpid():
            self._pool, self._owner = Pool(), os.getpid()
            atexit.register(self._pool.close)
        return self._pool


SHARED = _SharedPool()
