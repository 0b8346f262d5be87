"""What is told to the runner and what it says, as text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from compiler.autotune.measure.protocol import Answer, RunLine, read_answer
from compiler.autotune.record import Status

ANSWER = """begin 0
kernel 0 ok 1500.0 1501.5 | 1400.0 1402.5
begin 1
kernel 1 wrong element 3 of result 0 is 1, expected 2
begin 2
kernel 2 crashed signal 11
begin 3
kernel 3 timeout after 10.0 s
begin 4
kernel 4 memory no more than was allowed
begin 5
kernel 5 ok |
end
"""


def test_a_whole_answer() -> None:
    answer = read_answer(ANSWER)
    assert (answer.complete, answer.running, answer.refusal) == (True, None, None)
    assert list(answer.ended) == list(range(6))
    first = answer.ended[0]
    assert first.status is Status.OK
    assert [round(seconds * 1e9, 1) for seconds in first.times] == [1500.0, 1501.5]
    assert [round(seconds * 1e9, 1) for seconds in first.incumbent_times] == [1400.0, 1402.5]
    assert answer.ended[1] == RunLine(Status.WRONG, detail="element 3 of result 0 is 1, expected 2")
    assert answer.ended[2] == RunLine(Status.CRASHED, detail="SIGSEGV")
    assert [answer.ended[index].status for index in (3, 4)] == [Status.TIMEOUT, Status.MEMORY]
    assert answer.ended[5] == RunLine(Status.OK)


@given(st.integers(0, len(ANSWER)))
def test_what_has_come_of_a_broken_answer_is_the_beginning_of_the_whole(length: int) -> None:
    """A device may go away at any byte: no line is taken for a shorter one."""
    answer, whole = read_answer(ANSWER[:length]), read_answer(ANSWER)
    assert answer.complete == (length == len(ANSWER))
    assert answer.ended == {index: whole.ended[index] for index in range(len(answer.ended))}
    if answer.running is not None:
        assert answer.running == len(answer.ended)


@given(st.text() | st.binary().map(lambda raw: raw.decode(errors="replace")))
def test_garbage_is_no_answer(text: str) -> None:
    assert isinstance(read_answer(text), Answer)


WORDS = [
    "kernel",
    "begin",
    "end",
    "refused",
    "ok",
    "wrong",
    "crashed",
    "signal",
    "|",
    "0",
    "1",
    "-1",
    "1e9",
    "2.5",
    "\n",
]


@given(st.lists(st.sampled_from(WORDS) | st.text(max_size=4)).map(" ".join))
def test_what_looks_like_an_answer_is_read_or_ignored(text: str) -> None:
    for index, line in read_answer(text).ended.items():
        assert index >= 0
        assert (line.status is Status.OK) == (not line.detail)
        assert all(seconds >= 0 for seconds in line.times)


@given(st.lists(st.text(st.characters(exclude_characters="\n", codec="utf-8")).map(lambda text: f"Welcome {text}\n")))
def test_greetings_of_a_shell_are_ignored(greetings: list[str]) -> None:
    lines = ANSWER.splitlines(keepends=True)
    mixed = [line for pair in zip(lines, [*greetings, *[""] * len(lines)], strict=False) for line in reversed(pair)]
    assert read_answer("".join(mixed)) == read_answer(ANSWER)


def test_a_refusal() -> None:
    answer = read_answer("refused kernels.so: No such file or directory\n")
    assert answer.refusal == "kernels.so: No such file or directory"
    assert not answer.complete
