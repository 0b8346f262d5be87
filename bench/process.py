"""Starting, pinning and talking to measured processes (`bench.worker`) from the driving side."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self, TextIO, cast

import numpy as np
from numpy.typing import NDArray

from bench.diagnostics import last_words
from bench.timing import LEAST_RUNS
from bench.worker import Loaded


@dataclass(frozen=True)
class Workload:
    """One engine with one prepared model on so many threads, fed with the arrays of an .npz file; `environment` is
    added to the process's own."""

    engine: str
    prepared: Path
    threads: int
    inputs: Path
    environment: Mapping[str, str] = field(default_factory=dict)


# How many seconds a process gets to end by itself once its input has ended.
PATIENCE = 20.0


class WorkerFailed(RuntimeError):
    """A measured process that gives no figures."""


class WorkerEnded(WorkerFailed):
    """A measured process ended before it answered."""

    def __init__(self, workload: Workload, code: int | None, diagnostics: str) -> None:
        where = f"{workload.engine} on {workload.prepared.name}"
        super().__init__(f"{where} ended with status {code}: {last_words(diagnostics)}")


class WorkerMoved(WorkerFailed):
    """An engine moved its threads to other processors than its process was pinned to."""

    def __init__(self, workload: Workload, allowed: set[int], found: set[int]) -> None:
        super().__init__(f"{workload.engine} was pinned to processors {sorted(allowed)} and ran on {sorted(found)}")


def available_processors() -> list[int]:
    """The processors that this process may use (a container's set, not the machine's)."""
    return sorted(os.sched_getaffinity(0))


class Worker:
    """A measured process, pinned to `threads` of the processors from the `first` on; a context manager that ends it.

    `ready_seconds` is the time from before the process existed to the arrival of its first result.
    """

    def __init__(self, workload: Workload, first: int = 0) -> None:
        self.workload = workload
        self._pinned = set(available_processors()[first : first + workload.threads])
        # A regular file, not a pipe: an engine that prints a lot would block on a pipe that nobody reads.
        self._diagnostics = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed in __exit__
        begin = time.perf_counter()
        self._process = subprocess.Popen(
            [
                *("taskset", "-c", ",".join(map(str, sorted(self._pinned)))),
                *(sys.executable, "-m", "bench.worker", workload.engine, str(workload.prepared)),
                *(str(workload.threads), str(workload.inputs)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._diagnostics,
            text=True,
            env={**os.environ, **workload.environment},
        )
        try:
            self.loaded = Loaded(**self._reply())  # type: ignore[arg-type]
        except WorkerFailed:
            self._end()
            raise
        self.ready_seconds = time.perf_counter() - begin

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    @property
    def process_id(self) -> int:
        """The number of the measured process."""
        return self._process.pid

    def processors(self) -> set[int]:
        """Where the threads of the measured process may run: where it was pinned to, unless the engine moved them."""
        threads = Path(f"/proc/{self.process_id}/task").iterdir()
        return set().union(*(os.sched_getaffinity(int(thread.name)) for thread in threads))

    def check_processors(self) -> None:
        """Raise WorkerMoved if the engine left the processors that its process was pinned to."""
        if not (found := self.processors()) <= self._pinned:
            raise WorkerMoved(self.workload, self._pinned, found)

    def measure(self, budget: float, least: int = LEAST_RUNS) -> Sequence[float]:
        """The seconds of every run within `budget` seconds, of so many runs at least."""
        return cast(list[float], self.ask({"measure": budget, "least": least})["seconds"])

    def outputs(self) -> dict[str, NDArray[np.generic]]:
        """What the model gives for its inputs."""
        return self.trial(None)[0]

    def trial(self, rows: int | None) -> tuple[dict[str, NDArray[np.generic]], float]:
        """What the model gives for the first so many rows of its inputs, or all, and the seconds of that one run."""
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "outputs.npz"
            seconds = cast(float, self.ask({"save": str(path), "rows": rows})["seconds"])
            with np.load(path) as archive:
                return {name: archive[name] for name in archive.files}, seconds

    def feed(self, inputs: Path) -> None:
        """Take the arrays of another .npz file from now on."""
        self.ask({"feed": str(inputs)})

    def ask(self, request: dict[str, object]) -> dict[str, object]:
        """Send one request of the protocol of `bench.worker` and wait for its reply; raises WorkerFailed."""
        requests = cast(TextIO, self._process.stdin)
        try:
            print(json.dumps(request), file=requests, flush=True)
        except BrokenPipeError:
            self._fail()
        return self._reply()

    def _reply(self) -> dict[str, object]:
        line = cast(TextIO, self._process.stdout).readline()
        if not line:
            self._fail()
        return json.loads(line)

    def _fail(self) -> NoReturn:
        code = self._process.wait()
        self._diagnostics.seek(0)
        raise WorkerEnded(self.workload, code, self._diagnostics.read())

    def _end(self) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            cast(TextIO, stream).close()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._diagnostics.close()
