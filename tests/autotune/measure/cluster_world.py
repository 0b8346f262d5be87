"""What workers of a test's cluster import: a builder that kills its process once, a device that notices company."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

from compiler.autotune.measure.interface import Built, Incumbent, Measured
from compiler.codegen.space import Choice
from compiler.ir import Task
from tests.autotune.fakes import FakeBuilder, FakeDevice


class DeadlyBuilder:
    """The first build in the whole cluster takes its worker with it; ``folder`` remembers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def build(self, task: Task, choices: Sequence[Choice]) -> list[Built]:
        try:
            (self.folder / "killed").touch(exist_ok=False)
        except FileExistsError:
            return FakeBuilder().build(task, choices)
        os.kill(os.getpid(), 9)
        raise AssertionError("not reached")


class BusyDevice:
    """Writes down when it begins and ends; two at once would overlap. Dies with its worker at the first measurement."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def measure(self, task: Task, candidates: Sequence[Built], incumbent: Incumbent | None) -> list[Measured]:
        try:
            (self.folder / "dead").touch(exist_ok=False)
        except FileExistsError:
            pass
        else:
            os.kill(os.getpid(), 9)
        began = time.monotonic()
        time.sleep(0.02)
        with (self.folder / "turns").open("a") as file:
            file.write(f"{began} {time.monotonic()}\n")
        return FakeDevice().measure(task, candidates, incumbent)
