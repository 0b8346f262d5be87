"""MetaSchedule's half: its search in a process of its own, which is ended when its time is over."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bench.diagnostics import last_words
from bench.metaschedule.records import READY, TRIALS, Effort, NothingFoundError, Trial

DIAGNOSTICS = "diagnostics.txt"
POLL_SECONDS = 0.02
NO_LIMIT = 1 << 30
"""More trials than anybody waits for."""
ENVIRONMENT = {
    # Kernels run on one thread, on the processor that their process is pinned to.
    "TVM_NUM_THREADS": "1",
    "TVM_BIND_THREADS": "0",
}


@dataclass(frozen=True)
class MetaScheduleHalf:
    """What the search came to; ``best`` is the folder with its best kernel's library and scheduled module."""

    effort: Effort
    best: Path


def tune_metaschedule(
    name: str, task: Path, form: str, seconds: float, seed: int, folder: Path, trials: int = NO_LIMIT
) -> MetaScheduleHalf:
    """Have MetaSchedule search for so many seconds, which begin when its process has imported what it needs; ``folder``
    is empty. What has been measured by then counts. Raises NothingFoundError."""
    search = [sys.executable, "-m", "bench.metaschedule.search"]
    command = [*search, str(task), form, str(seed), str(folder), str(trials)]
    scratch = folder / "scratch"  # what processes leave there that are ended
    scratch.mkdir()
    with (folder / DIAGNOSTICS).open("w") as sink:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            env={**os.environ, **ENVIRONMENT, "TMPDIR": str(scratch)},
            start_new_session=True,
        )
        try:
            while process.poll() is None and not (folder / READY).exists():
                time.sleep(POLL_SECONDS)
            begin = time.monotonic()
            with suppress(subprocess.TimeoutExpired):
                process.wait(seconds)
            used = time.monotonic() - begin
        finally:
            _end(process)
    return read_journal(name, folder, seconds, begin, used)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a search and the processes that it started, which are in its group."""
    with suppress(ProcessLookupError):  # all of them have ended
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def read_journal(name: str, folder: Path, limit: float, begin: float, used: float) -> MetaScheduleHalf:
    """What a search wrote down that began at ``begin`` of the monotonic clock; what ended after ``limit`` seconds does
    not count. Raises NothingFoundError."""
    journal, diagnostics = folder / TRIALS, folder / DIAGNOSTICS
    lines = journal.read_text().split("\n")[:-1] if journal.exists() else []  # the last one may end anywhere
    rows = [row for row in map(json.loads, lines) if row["at"] - begin <= limit]
    trials = tuple(Trial(row["at"] - begin, row["seconds"]) for row in rows)
    places = [row["place"] for row in rows if row["place"]]
    if not places:
        failures = [row["detail"] for row in rows]
        words = last_words(failures[-1] if failures else diagnostics.read_text())
        raise NothingFoundError(f"{name}: MetaSchedule has no kernel after {len(trials)} trials: {words}")
    return MetaScheduleHalf(Effort(limit, used, trials), folder / places[-1])
