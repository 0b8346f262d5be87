"""Kernels that misbehave: each ends as what it is, and neither its neighbours nor the runner notice."""

from __future__ import annotations

import re
from pathlib import Path

from compiler.autotune.measure.device import KernelDevice, Patience
from compiler.autotune.measure.interface import Built, Incumbent, Measured
from compiler.autotune.measure.protocol import Limits
from compiler.autotune.measure.transport import Local
from compiler.autotune.record import Status
from tests.autotune.measure.kernels import HOST, RIGHT, sum_task, written_in_c

LIMITS = Limits(seconds=1.0, memory_bytes=256 << 20, turns=2, turn_seconds=1e-5)
PATIENCE = Patience(seconds=60, pause_seconds=0.01)
WHOLE = "for (int i = 0; i < 1000; i++) y[i] = a[i] + b[i];"

FAULTS = {
    "null pointer": (f"{RIGHT} *(volatile int *)0 = 1;", Status.CRASHED, "SIGSEGV"),
    "illegal instruction": ("__builtin_trap();", Status.CRASHED, "SIG(ILL|TRAP)"),
    "abort": ("abort();", Status.CRASHED, "SIGABRT"),
    "stack overflow": ("y[0] = deep(end);", Status.CRASHED, "SIGSEGV"),
    "exit": (f"{RIGHT} exit(0);", Status.CRASHED, "ended its process with status 0"),
    "infinite loop": ("for (volatile int i = 0;; i++);", Status.TIMEOUT, "after 1.0 s"),
    "sleeps": ("sleep(1000);", Status.TIMEOUT, ""),
    "allocates without bound": (
        "for (;;) { volatile char *p = malloc(1 << 22); for (int i = 0; i < 1 << 22; i += 4096) p[i] = 1; }",
        Status.MEMORY,
        "no more than was allowed",
    ),
    "wrong numbers": (
        "for (int i = begin; i < end; i++) y[i] = a[i] - b[i];",
        Status.WRONG,
        "element 0 of result 0 is",
    ),
    "one wrong number": (f"{RIGHT} if (end == 1000) y[999] += 1;", Status.WRONG, "element 999 of result 0 is"),
    "nothing written": ("", Status.WRONG, "element 0 of result 0 is -?nan"),
    "last element forgotten": ("for (int i = begin; i < end - 1; i++) y[i] = a[i] + b[i];", Status.WRONG, "expected"),
    "ignores its range": (f"{WHOLE} if (begin) y[0] = 7;  else y[999] = 7;", Status.WRONG, "element"),
    "wrong the second time": (
        f"static int calls; {RIGHT} if (calls++ > 4) y[5] = 7;",
        Status.WRONG,
        "element 5 of result 0 is 7",
    ),
    "writes just behind its result": (f"{RIGHT} y[1000] = 1;", Status.WRONG, "writes beside result 0"),
    "writes just before its result": (f"{RIGHT} y[-1] = 1;", Status.WRONG, "writes beside result 0"),
    "writes far behind its result": (f"{RIGHT} y[1100] = 1;", Status.WRONG, "reads or writes beside result 0"),
    "writes far before its result": (f"{RIGHT} y[-1000] = 1;", Status.WRONG, "reads or writes beside result 0"),
    "reads behind its operand": (f"{RIGHT} y[begin] += 0 * a[1100];", Status.WRONG, "reads or writes beside operand 0"),
    "writes to its operand": (f"{RIGHT} ((float *)b)[3] = 1;", Status.WRONG, "writes to operand 1"),
}


DEEP = (
    "static int deep(int n) { volatile char frame[4096]; frame[n & 4095] = 1; return deep(n + 1) + frame[n & 1023]; }"
)


def measured(*candidates: Built, cache: Path, incumbent: Incumbent | None = None) -> list[Measured]:
    """What this machine says of candidates for the sum of two vectors."""
    return KernelDevice(HOST, Local(), cache, LIMITS, PATIENCE).measure(sum_task(), candidates, incumbent)


def test_every_fault_is_named_and_no_neighbour_suffers(cache: Path) -> None:
    right, other = written_in_c(RIGHT), written_in_c(WHOLE, extent=1)
    candidates = [right]
    for body, _, _ in FAULTS.values():
        candidates += [written_in_c(body, before=DEEP), other]
    results = measured(*candidates, cache=cache, incumbent=Incumbent(right, 1.0))
    assert [result.status for result in (results[0], *results[2::2])] == [Status.OK] * (1 + len(FAULTS))
    for (name, (_, status, detail)), result in zip(FAULTS.items(), results[1::2], strict=True):
        assert result.status is status, f"{name}: {result}"
        assert re.search(detail, result.detail), f"{name}: {result}"
        assert result.seconds is None
        assert result.times == ()


def test_scratch_is_guarded_and_holds_no_zeros(cache: Path) -> None:
    beyond, far, trusting, right = measured(
        written_in_c(f"{RIGHT} scratch[100] = 1;", scratch=100),
        written_in_c(f"{RIGHT} scratch[200] = 1;", scratch=100),
        written_in_c("for (int i = begin; i < end; i++) y[i] = a[i] + b[i] + *(float *)scratch;", scratch=100),
        written_in_c(f"memset(scratch, 0, 100); {RIGHT}", scratch=100),
        cache=cache,
    )
    assert (beyond.status, beyond.detail) == (Status.WRONG, "it writes beside scratch 0")
    assert (far.status, far.detail) == (Status.WRONG, "it reads or writes beside scratch 0")
    assert trusting.status is Status.WRONG
    assert right.status is Status.OK


def test_scratch_counts_as_memory(cache: Path) -> None:
    huge, right = measured(written_in_c(RIGHT, scratch=1 << 30), written_in_c(RIGHT), cache=cache)
    assert (huge.status, right.status) == (Status.MEMORY, Status.OK)


def test_what_a_kernel_prints_is_no_answer(cache: Path) -> None:
    before = "#include <stdio.h>"
    loud = written_in_c(f'{RIGHT} printf("kernel 0 wrong says who\\nend\\n"); fflush(stdout);', before=before)
    assert [result.status for result in measured(loud, loud, cache=cache)] == [Status.OK] * 2


def test_a_kernel_that_kills_the_runner_is_found(cache: Path) -> None:
    """Whatever it takes along, its neighbours are measured, and it is not tried for ever."""
    right, killer = written_in_c(RIGHT), written_in_c("kill(getppid(), 9); sleep(5);", before="#include <signal.h>")
    first, second, third = measured(right, killer, written_in_c(WHOLE, extent=1), cache=cache)
    assert (first.status, third.status) == (Status.OK, Status.OK)
    assert second.status is Status.CRASHED
    assert "the device went away while it ran" in second.detail


def test_one_that_cannot_be_linked_is_found(cache: Path) -> None:
    right = written_in_c(RIGHT)
    stray = written_in_c(f"{RIGHT} nobody_has_this();", before="void nobody_has_this(void);")
    before, found, after = measured(right, stray, right, cache=cache, incumbent=Incumbent(right, 1.0))
    assert (before.status, after.status) == (Status.OK, Status.OK)
    assert found.status is Status.BUILD_ERROR
    assert found.detail
