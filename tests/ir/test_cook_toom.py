"""Minimal filtering is exact in rational arithmetic, and the points that the compiler uses are good ones in float32."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.ir.cook_toom import POINTS, TAPS, Filtering, Matrix, cook_toom, filtering
from compiler.ir.ops.winograd import as_array

FRACTIONS = st.fractions(-20, 20, max_denominator=16)


def product(matrix: Matrix, vector: list[Fraction]) -> list[Fraction]:
    """``matrix @ vector`` without rounding."""
    return [sum((a * b for a, b in zip(row, vector, strict=True)), Fraction(0)) for row in matrix]


def filtered(algorithm: Filtering, taps: list[Fraction], inputs: list[Fraction]) -> list[Fraction]:
    """The correlation by the algorithm."""
    pairs = zip(product(algorithm.weights, taps), product(algorithm.input, inputs), strict=True)
    return product(algorithm.output, [a * b for a, b in pairs])


@given(st.data(), st.integers(1, 5), st.integers(2, 4))
def test_any_distinct_points_give_the_exact_correlation(data: st.DataObject, outputs: int, taps: int) -> None:
    size = outputs + taps - 1
    points = data.draw(st.lists(FRACTIONS, min_size=size - 1, max_size=size - 1, unique=True))
    inputs = data.draw(st.lists(FRACTIONS, min_size=size, max_size=size))
    weights = data.draw(st.lists(FRACTIONS, min_size=taps, max_size=taps))
    algorithm = cook_toom(points, outputs, taps)
    assert algorithm.size == size
    direct = [sum((weights[t] * inputs[i + t] for t in range(taps)), Fraction(0)) for i in range(outputs)]
    assert filtered(algorithm, weights, inputs) == direct


@pytest.mark.parametrize("outputs", POINTS)
@given(data=st.data())
def test_the_algorithms_in_use_are_exact(outputs: int, data: st.DataObject) -> None:
    inputs = data.draw(st.lists(FRACTIONS, min_size=outputs + TAPS - 1, max_size=outputs + TAPS - 1))
    weights = data.draw(st.lists(FRACTIONS, min_size=TAPS, max_size=TAPS))
    direct = [sum((weights[t] * inputs[i + t] for t in range(TAPS)), Fraction(0)) for i in range(outputs)]
    assert filtered(filtering(outputs), weights, inputs) == direct


@pytest.mark.parametrize("points", [(0, 1), (0, 1, 1), (0, 1, 2, 3)])
def test_points_must_be_as_many_as_needed_and_distinct(points: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="needs 3 distinct points"):
        cook_toom([Fraction(point) for point in points], 2, 3)


def test_the_smallest_algorithm_is_the_one_of_the_paper() -> None:
    """B^T and A^T of F(2, 3) by Lavin and Gray, up to the scale and the sign of rows, which move between the three."""
    algorithm = filtering(2)
    assert [[abs(c) for c in row] for row in algorithm.input] == [
        [1, 0, 1, 0],
        [0, 1, 1, 0],
        [0, 1, 1, 0],
        [0, 1, 0, 1],
    ]
    assert [[abs(c) for c in row] for row in algorithm.output] == [[1, 1, 1, 0], [0, 1, 1, 1]]


@pytest.mark.parametrize("outputs", POINTS)
def test_coefficients_of_kernels_are_exact_in_float32(outputs: int) -> None:
    algorithm = filtering(outputs)
    for coefficient in (c for matrix in (algorithm.input, algorithm.output) for row in matrix for c in row):
        assert Fraction(float(np.float32(float(coefficient)))) == coefficient


def float32_error(algorithm: Filtering, channels: int = 64, tiles: int = 200) -> float:
    """Root mean square error, relative to the results, of a two-dimensional correlation all in float32 but for the
    weights, on random normal data."""
    generator = np.random.default_rng(0)
    size, outputs = algorithm.size, len(algorithm.output)
    x = generator.standard_normal((channels, tiles, size, size)).astype(np.float32)
    w = generator.standard_normal((channels, TAPS, TAPS)).astype(np.float32)
    into, back, weights = (as_array(m) for m in (algorithm.input, algorithm.output, algorithm.weights))
    u = (weights @ w.astype(np.float64) @ weights.T).astype(np.float32)
    into, back = into.astype(np.float32), back.astype(np.float32)
    sums = np.zeros((tiles, size, size), np.float32)
    for channel, kernel in zip(into @ x @ into.T, u, strict=True):
        sums += channel * kernel
    actual = back @ sums @ back.T
    windows = np.lib.stride_tricks.sliding_window_view(x.astype(np.float64), (TAPS, TAPS), (2, 3))
    expected = np.einsum("ctijab,cab->tij", windows, w.astype(np.float64))
    assert actual.shape == (tiles, outputs, outputs)
    return float(np.sqrt(((actual - expected) ** 2).mean() / (expected**2).mean()))


def test_the_points_in_use_round_better_than_the_usual_ones() -> None:
    usual = cook_toom([Fraction(point) for point in (0, 1, -1, 2, -2)], 4, TAPS)
    assert float32_error(filtering(2)) < 4e-7
    assert float32_error(filtering(4)) < 1.2e-6
    assert float32_error(filtering(4)) < 0.6 * float32_error(usual)
