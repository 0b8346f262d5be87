"""Which records of a session stay, by what a comparison of whole builds says, which is given here."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import pytest

from compiler.model_tuner.keep import RETRIES, Kept, ever_fewer, those_that_hold
from compiler.model_tuner.promise import Promise


def promised(*gains: float) -> Kept:
    """Records that are called a, b, c ..."""
    return tuple(Promise(chr(97 + i), frozenset([f"task {i}"]), gain) for i, gain in enumerate(gains))


def names(kept: Kept) -> str:
    return "".join(promise.name for promise in kept)


EIGHT = promised(*(0.08 - 0.01 * place for place in range(8)))


@dataclass
class Judge:
    """Holds for a source unless one of the records that mislead it is there; remembers what it was asked."""

    misleading: Mapping[str, Collection[str]]
    asked: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    def __call__(self, source: str, kept: Kept) -> bool:
        self.asked.append((source, names(kept)))
        return not set(names(kept)) & set(self.misleading[source])


def test_all_stay_if_all_hold() -> None:
    judge = Judge({"net": ""})
    assert those_that_hold(EIGHT, ["net"], judge) == EIGHT
    assert judge.asked == [("net", "abcdefgh")]


def test_the_half_that_promises_most_stays_if_it_holds() -> None:
    judge = Judge({"net": "f"})
    assert names(those_that_hold(EIGHT, ["net"], judge)) == "abcd"
    assert judge.asked == [("net", "abcdefgh"), ("net", "abcd")]


def test_halving_ends_with_the_first_set_that_holds() -> None:
    assert names(those_that_hold(EIGHT, ["net"], Judge({"net": "dh"}))) == "ab"
    assert names(those_that_hold(EIGHT, ["net"], Judge({"net": "bc"}))) == "a"


def test_none_stay_if_no_set_holds() -> None:
    judge = Judge({"net": "a"})
    assert those_that_hold(EIGHT, ["net"], judge) == ()
    assert [kept for _, kept in judge.asked] == ["abcdefgh", "abcd", "ab", "a"]


def test_the_number_of_comparisons_is_bounded() -> None:
    many = promised(*([0.01] * 1000))
    asked: list[int] = []
    assert those_that_hold(many, ["net"], lambda _, kept: bool(asked.append(len(kept)))) == ()
    assert asked == [1000, 500, 250, 125] and len(asked) == 1 + RETRIES


@pytest.mark.parametrize(
    ("gains", "sets"),
    [
        ((), []),
        ((0.1,), []),
        ((0.0, -0.1), []),
        ((0.1, 0.0), ["a"]),
        ((0.2, 0.1), ["a"]),
        ((0.3, 0.2, 0.1), ["a"]),
        ((0.5, 0.4, 0.3, 0.2, 0.1, 0.0, 0.0, -0.1), ["ab", "a"]),
    ],
)
def test_what_promises_nothing_is_not_tried_again(gains: tuple[float, ...], sets: list[str]) -> None:
    assert [names(kept) for kept in ever_fewer(promised(*gains))] == sets


def test_records_stay_that_hold_for_every_source() -> None:
    """The source that failed is asked first, the others again about what is left."""
    judge = Judge({"first": "", "second": "h", "third": "d"})
    assert names(those_that_hold(EIGHT, ["first", "second", "third"], judge)) == "ab"
    assert judge.asked == [
        *(("first", "abcdefgh"), ("second", "abcdefgh")),
        *(("second", "abcd"), ("first", "abcd"), ("third", "abcd")),
        *(("third", "ab"), ("second", "ab"), ("first", "ab")),
    ]


def test_a_source_that_holds_with_no_set_leaves_none_for_the_others() -> None:
    assert those_that_hold(EIGHT, ["first", "second"], Judge({"first": "", "second": "a"})) == ()


def test_without_a_source_all_stay() -> None:
    assert those_that_hold(EIGHT, [], Judge({})) == EIGHT


def test_an_interrupt_of_a_comparison_ends_all() -> None:
    def interrupted(source: str, kept: Kept) -> bool:
        if len(kept) < len(EIGHT):
            raise KeyboardInterrupt
        return False

    with pytest.raises(KeyboardInterrupt):
        those_that_hold(EIGHT, ["net"], interrupted)
