"""Spaces of configurations: enumeration, membership, samples, neighbours and text agree with each other."""

import random

from hypothesis import given
from hypothesis import strategies as st

from compiler.codegen.space import Among, AtMost, Choice, Knob, Pinned, Space

NAMES = ("a", "b", "c")


@st.composite
def spaces(draw: st.DrawFn) -> Space:
    knobs = []
    for name in NAMES:
        values = tuple(draw(st.lists(st.integers(1, 9), min_size=1, max_size=5, unique=True)))
        knobs.append(Knob(name, values, values[0]))
    at_most = AtMost(
        draw(st.sampled_from([("a",), ("a", "b"), NAMES])), draw(st.integers(1, 300)), draw(st.integers(1, 3))
    )
    pinned = Pinned("c", knobs[2].values[0], (("a", draw(st.integers(1, 9))),))
    pairs = draw(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=30))
    among = Among(("b", "a"), tuple(pairs))
    rules = draw(st.lists(st.sampled_from([at_most, pinned, among]), unique=True))
    return Space(tuple(knobs), tuple(rules))


@given(spaces())
def test_enumeration_has_every_legal_configuration_once(space: Space) -> None:
    configs = list(space)
    assert len({Choice.of("t", config) for config in configs}) == len(configs) == space.size
    assert all(config in space for config in configs)
    everything = [dict(zip(NAMES, (a, b, c), strict=True)) for a in range(10) for b in range(10) for c in range(10)]
    assert sum(config in space for config in everything) == space.size


@given(spaces())
def test_text_round_trips(space: Space) -> None:
    assert Space.from_json(space.to_json()) == space


@given(spaces(), st.integers(0, 2**32))
def test_samples_and_neighbours_are_legal(space: Space, seed: int) -> None:
    config = space.sample(random.Random(seed))
    if config is None:
        return
    assert config in space
    for other in space.neighbours(config):
        assert other in space
        assert sum(other[name] != config[name] for name in NAMES) == 1


def test_what_is_no_configuration_is_not_in_a_space() -> None:
    space = Space((Knob("a", (1, 2), 1),))
    for other in ({}, {"a": 3}, {"a": 1, "b": 1}, "a", None):
        assert other not in space


def test_a_pinned_knob_varies_only_where_it_means_something() -> None:
    space = Space((Knob("tile", (1, 4), 4), Knob("rows", (1, 2), 1)), (Pinned("rows", 1, (("tile", 4),)),))
    assert list(space) == [{"tile": 1, "rows": 1}, {"tile": 4, "rows": 1}, {"tile": 4, "rows": 2}]


def test_knobs_that_are_legal_together_only() -> None:
    space = Space((Knob("tile", (1, 4), 4), Knob("span", (1, 2), 1)), (Among(("span", "tile"), ((1, 4), (2, 1))),))
    assert list(space) == [{"tile": 1, "span": 2}, {"tile": 4, "span": 1}]
