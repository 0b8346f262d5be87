"""Hands cases to worker processes and collects their verdicts; a worker that dies or hangs is replaced."""

from __future__ import annotations

import json
import queue
import selectors
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from bench.conformance.judge import Verdict

CASE_SECONDS: Final = 300
"""The longest that one case may take."""

START_SECONDS: Final = 120


class _Worker:
    """One worker process; ``run`` gives the verdict on a case even if the process does not survive it."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self._process = self._start()
        self._fresh = True

    def _start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def run(self, name: str) -> Verdict:
        if self._process.poll() is not None:
            self._process, self._fresh = self._start(), True
        assert self._process.stdin is not None
        self._process.stdin.write(f"{name}\n")
        self._process.stdin.flush()
        limit = CASE_SECONDS + (START_SECONDS if self._fresh else 0)
        self._fresh = False
        line = self._answer(limit)
        if line is None:
            self.close()
            return Verdict(name, "crashed", f"no answer within {limit} s")
        if line == "":
            return Verdict(name, "crashed", f"the process ended with status {self._process.wait()}")
        return Verdict(**json.loads(line))

    def _answer(self, limit: float) -> str | None:
        """The next line, ``""`` if the process has ended, ``None`` if it is silent for too long."""
        output = self._process.stdout
        assert output is not None
        with selectors.DefaultSelector() as selector:
            selector.register(output, selectors.EVENT_READ)
            return output.readline() if selector.select(limit) else None

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()


def worker_command(engine: str) -> list[str]:
    """What starts a worker."""
    return [sys.executable, "-m", "bench.conformance.worker", engine]


def run_cases(
    names: Sequence[str], command: Sequence[str], jobs: int, done: Callable[[Verdict], None]
) -> list[Verdict]:
    """The verdicts of ``jobs`` workers on all cases, in the order of ``names``; ``done`` is told each as it
    arrives."""
    waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
    for name in names:
        waiting.put(name)
    verdicts: dict[str, Verdict] = {}
    lock = threading.Lock()

    def work() -> None:
        worker = _Worker(command)
        try:
            while True:
                verdict = worker.run(waiting.get_nowait())
                with lock:
                    verdicts[verdict.name] = verdict
                    done(verdict)
        except queue.Empty:
            return
        finally:
            worker.close()

    with ThreadPoolExecutor(jobs) as executor:
        for future in [executor.submit(work) for _ in range(min(jobs, len(names)))]:
            future.result()
    return [verdicts[name] for name in names]
