"""Damaged models, each in bounded time and memory: an error of ours, or a model that verifies and can be computed."""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

import pytest

REPOSITORY = Path(__file__).parents[3]
MEMORY = 3 << 30
"""Bytes of address space, of which libraries take half a gigabyte."""
HANG_S = 60.0
"""Nothing that a mutant makes anyone do takes a tenth of it."""


class Failed(AssertionError):
    """A mutant that ended the process, or kept it."""


def outcomes(begin: int, end: int) -> Counter[str]:
    """What came of the mutants of these numbers. Raises Failed with the number of the one that did harm."""
    command = [sys.executable, "-m", "tests.frontends.xgboost.mutation_worker", str(begin), str(end), str(MEMORY)]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
    with (
        tempfile.TemporaryFile("w+") as said,
        subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, stderr=said) as process,
    ):
        assert process.stdout is not None
        found: Counter[str] = Counter()
        last = b""
        for part in pieces(process.stdout):
            if part is None:
                process.kill()
                raise Failed(f"after {begin + found.total()} mutants: {HANG_S} s without a word: {last!r}")
            lines = (last + part).split(b"\n")
            last = lines.pop()
            found.update(line.split(b" ", 1)[1].decode() for line in lines)
        if process.wait() != 0:
            said.seek(0)
            raise Failed(f"mutant {last.decode().strip()} ended the process: {said.read()[-2000:]}")
    assert found.total() == end - begin
    return found


def pieces(stream: IO[bytes]) -> Iterator[bytes | None]:
    """What arrives, as it arrives; None once nothing has for too long."""
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        while True:
            if not selector.select(HANG_S):
                yield None
                return
            part = os.read(stream.fileno(), 1 << 16)
            if not part:
                return
            yield part


def test_some_mutants() -> None:
    found = outcomes(0, 1500)
    assert {"accepted", "MalformedModel", "UnreadableModel", "UnsupportedModel"} <= found.keys()


@pytest.mark.long
def test_many_mutants(capsys: pytest.CaptureFixture[str]) -> None:
    step = 5000
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        parts = pool.map(lambda begin: outcomes(begin, begin + step), range(0, 100_000, step))
        found = sum(parts, Counter[str]())
    told = ", ".join(f"{count} {name}" for name, count in found.most_common())
    with capsys.disabled():
        print(f"\n{found.total()} mutated models: {told}")
    assert found.total() == 100_000
