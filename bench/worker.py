"""The measured process: one model in one engine, answering requests on its pipes, a line of JSON each.

    python -m bench.worker ENGINE PREPARED THREADS INPUTS.npz

First it sends `Loaded`, right after the first result. Then each request line gets one reply line:

    {"measure": SECONDS, "least": RUNS}   ->  {"seconds": [time of every run]}
    {"save": "OUT.npz", "rows": ROWS}     ->  {"saved": "OUT.npz", "seconds": time of the run}
    {"feed": "INPUTS.npz"}                ->  {"fed": "INPUTS.npz"}

`save` runs the model on the first so many rows of every input, on all where `rows` is null; `feed` changes the inputs
of what follows. End of input ends it. It imports numpy and the one engine only, so that its memory is the engine's.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TextIO

import numpy as np

from bench.peers import Arrays, Refreshed, Session, peer
from bench.timing import timed_runs


@dataclass(frozen=True)
class Loaded:
    """What the start cost: seconds to load the model, seconds of the first run, peak resident bytes, and the bytes
    after it that only this process has."""

    load_seconds: float
    first_run_seconds: float
    peak_bytes: int
    private_bytes: int


def peak_resident_bytes() -> int:
    """The largest resident set of this process so far.

    From /proc rather than getrusage, whose maximum a child inherits from the process that started it.
    """
    status = Path("/proc/self/status").read_text()
    kilobytes = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(kilobytes) * 1024


def private_bytes() -> int:
    """What ending this process would free: pages that no other process has, clean or dirty."""
    rollup = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) * 1024 for line in rollup if line.startswith(("Private_Clean:", "Private_Dirty:")))


def main(arguments: list[str]) -> None:
    """Serve until standard input ends."""
    name, prepared, threads, inputs_file = arguments
    replies = sys.stdout
    sys.stdout = sys.stderr  # what an engine prints must not end up among the replies
    inputs = _read(inputs_file)
    begin = time.perf_counter()
    session = peer(name).load(Path(prepared), int(threads))
    loaded = time.perf_counter()
    session(inputs)
    first = time.perf_counter()
    _send(replies, asdict(Loaded(loaded - begin, first - loaded, peak_resident_bytes(), private_bytes())))
    for line in sys.stdin:
        request = json.loads(line)
        if "feed" in request:
            inputs = _read(request["feed"])
            _send(replies, {"fed": request["feed"]})
        else:
            _send(replies, _answer(request, session, inputs))


def _read(path: str) -> Arrays:
    with np.load(path) as archive:
        return {key: archive[key] for key in archive.files}


def _answer(request: dict[str, object], session: Session, inputs: Arrays) -> dict[str, object]:
    match request:
        case {"measure": int() | float() as budget, "least": int() as least}:
            refresh = partial(session.refresh, inputs) if isinstance(session, Refreshed) else None
            return {"seconds": timed_runs(lambda: session(inputs), budget, least=least, before=refresh)}
        case {"save": str() as path, "rows": int() | None as rows}:
            fed = {name: value[:rows] for name, value in inputs.items()} if rows else inputs
            if isinstance(session, Refreshed):
                session.refresh(fed)
            begin = time.perf_counter()
            found = session(fed)
            seconds = time.perf_counter() - begin
            outputs = {name: np.asarray(value) for name, value in found.items()}
            np.savez(path, allow_pickle=False, **outputs)
            return {"saved": path, "seconds": seconds}
        case _:
            raise ValueError(f"not a request: {request}")


def _send(replies: TextIO, message: dict[str, object]) -> None:
    print(json.dumps(message), file=replies, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
