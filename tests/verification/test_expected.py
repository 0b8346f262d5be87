"""Answers of an oracle: asked once per content, again when what is remembered is damaged."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from compiler.ir.literal import Array
from compiler.verification import Answer, expected_answer


class CountingOracle:
    """Doubles its input, and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, inputs: Mapping[str, Array]) -> Answer:
        self.asked += 1
        return Answer({"out/put": 2 * inputs["x"]}, "a test")


@pytest.fixture
def oracle() -> CountingOracle:
    return CountingOracle()


def test_the_second_time_it_is_remembered(oracle: CountingOracle, tmp_path: Path) -> None:
    inputs = {"x": np.arange(3.0)}
    for _ in range(2):
        answer = expected_answer("key", inputs, oracle, tmp_path)
        np.testing.assert_array_equal(answer.outputs["out/put"], [0, 2, 4])
        assert answer.authority == "a test"
    assert oracle.asked == 1


def test_other_content_is_asked_for(oracle: CountingOracle, tmp_path: Path) -> None:
    for key, x in (("key", [1.0]), ("other", [1.0]), ("key", [2.0]), ("key", [[1.0]])):
        expected_answer(key, {"x": np.array(x)}, oracle, tmp_path)
    assert oracle.asked == 4


@pytest.mark.parametrize("damage", [b"", b"PK nothing", None])
def test_a_damaged_answer_is_asked_for_again(damage: bytes | None, oracle: CountingOracle, tmp_path: Path) -> None:
    inputs = {"x": np.arange(3.0)}
    expected_answer("key", inputs, oracle, tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-40] if damage is None else damage)
    answer = expected_answer("key", inputs, oracle, tmp_path)
    np.testing.assert_array_equal(answer.outputs["out/put"], [0, 2, 4])
    assert oracle.asked == 2
