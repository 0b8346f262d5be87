"""What the runner answers is read, or refused as a whole."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.autotune.measure.plan import IncompleteAnswerError, RunLine, read_answer
from compiler.autotune.record import Status


def test_an_answer_has_a_line_per_kernel() -> None:
    text = "0 ok 1000 2000 | 500 600\n"
    text += "1 wrong element 3 of result 0\n2 crashed signal 11\n3 timeout\n4 memory\n5 ok |\nend\n"
    assert read_answer(text, 6) == [
        RunLine(Status.OK, (1000 * 1e-9, 2000 * 1e-9), (500 * 1e-9, 600 * 1e-9)),
        RunLine(Status.WRONG, detail="element 3 of result 0"),
        RunLine(Status.CRASHED, detail="SIGSEGV"),
        RunLine(Status.TIMEOUT),
        RunLine(Status.MEMORY),
        RunLine(Status.OK),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "end\n",
        "0 ok 1 |\n",
        "1 ok 1 |\nend\n",
        "0 great\nend\n",
        "0 ok x |\nend\n",
        "0 ok 1\nend\n",
        "0 crashed signal 999\nend\n",
    ],
)
def test_half_an_answer_is_none(text: str) -> None:
    with pytest.raises(IncompleteAnswerError):
        read_answer(text, 1)


@given(st.text(), st.integers(0, 3))
def test_garbage_is_refused_not_a_crash(text: str, count: int) -> None:
    with contextlib.suppress(IncompleteAnswerError):
        assert len(read_answer(text, count)) == count
