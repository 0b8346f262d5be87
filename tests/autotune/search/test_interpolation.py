"""Guesses between known choices: exact on them, within their range, and near what is near."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.autotune.search.interpolation import Interpolation
from compiler.codegen.space import Choice, Knob, Space

SPACE = Space((Knob("rows", (1, 2, 4, 8, 16, 32), 1), Knob("order", (2, 0, 1), 0), Knob("only", (7,), 7)))
CHOICES = [Choice.of("t", config) for config in SPACE]


@given(st.dictionaries(st.sampled_from(CHOICES), st.floats(-9, 9), min_size=1), st.sampled_from(CHOICES))
def test_guesses_are_within_the_range_of_what_is_known(known: dict[Choice, float], asked: Choice) -> None:
    guess = Interpolation(SPACE, known).guess(asked)
    assert min(known.values()) - 1e-6 <= guess <= max(known.values()) + 1e-6
    if asked in known:
        assert guess == pytest.approx(known[asked], abs=1e-3)


def test_a_step_between_values_counts_alike_whatever_the_values() -> None:
    """Rows of 16 are as near to 8 as to 32."""
    rows = {n: Choice.of("t", {"rows": n, "order": 0, "only": 7}) for n in (8, 16, 32)}
    assert Interpolation(SPACE, {rows[8]: 1.0, rows[32]: 3.0}).guess(rows[16]) == pytest.approx(2.0)


def test_nothing_known_is_less_than_anything() -> None:
    assert Interpolation(SPACE, {}).guess(CHOICES[0]) == -math.inf
