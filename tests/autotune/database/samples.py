"""Records for tests of the database: by hand, and drawn."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from compiler.autotune.record import Record, Status, TimeSource
from compiler.autotune.validity import Validity
from compiler.codegen.space import Choice
from compiler.ir import Task, parse_graph

FINGERPRINT = "x86_64-v512-0000000000000000"
TOOLCHAIN = "generator 1"
VALIDITY = Validity(TOOLCHAIN, {"tiled": 1, "direct": 2})


def sum_task(size: int) -> Task:
    """A task of its own for each size."""
    text = f'graph "t" (%0 "x": f32[{size}]) {{\n%1 = add(%0, %0) : f32[{size}]\nreturn %1 "y"\n}}'
    return Task.of(parse_graph(text))


TASKS = tuple(sum_task(size) for size in range(1, 6))


def record_of(task: Task, seconds: float | None = 1e-3, **changes: Any) -> Record:
    """A measured record of ``tiled``; failed if it has no seconds."""
    fields: dict[str, Any] = {
        "task": task.hash,
        "fingerprint": FINGERPRINT,
        "choice": Choice.of("tiled", {"rows": 4}),
        "version": 1,
        "toolchain": TOOLCHAIN,
        "status": Status.OK if seconds is not None else Status.CRASHED,
        "source": TimeSource.MEASURED,
        "seconds": seconds,
    }
    return Record(**{**fields, **changes})


_seconds = st.floats(0, 1e3, allow_nan=False)
_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_facts = st.one_of(_texts, st.integers(), st.floats(allow_nan=False, allow_infinity=False))


@st.composite
def records(draw: st.DrawFn) -> Record:
    """Any record of one of ``TASKS``."""
    status = draw(st.sampled_from(Status))
    return Record(
        task=draw(st.sampled_from(TASKS)).hash,
        fingerprint=draw(st.sampled_from([FINGERPRINT, "other"])),
        choice=Choice.of(
            draw(st.sampled_from(["tiled", "direct"])),
            draw(st.dictionaries(_texts, st.integers(-(2**40), 2**40), max_size=3)),
        ),
        version=draw(st.integers(1, 2)),
        toolchain=draw(st.sampled_from([TOOLCHAIN, "generator 2"])),
        status=status,
        source=draw(st.sampled_from(TimeSource)),
        seconds=draw(_seconds) if status is Status.OK else None,
        times=tuple(draw(st.lists(_seconds, max_size=3))),
        detail=draw(_texts),
        is_default=draw(st.booleans()),
        provenance=draw(st.dictionaries(_texts, _facts, max_size=3)),
    )


def texts_of(drawn: list[Record]) -> dict[str, str]:
    """The texts of the records' tasks."""
    wanted = {record.task for record in drawn}
    return {task.hash: task.text for task in TASKS if task.hash in wanted}
