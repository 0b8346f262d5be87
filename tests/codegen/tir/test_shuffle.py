"""Lanes that move between vectors: where each element ends up."""

from __future__ import annotations

import numpy as np
import pytest

from compiler.codegen.tir import KernelBuilder, doubled, every, interleaved, lanes, repeated, transposed
from compiler.ir.dtypes import DType
from compiler.targets import Target
from tests.codegen.native import CORTEX_A72, HOST, X86_V2, X86_V3, index_bits, run

TARGETS = pytest.mark.parametrize("target", [HOST, X86_V2, X86_V3, CORTEX_A72], ids=lambda target: target.name)


@TARGETS
@pytest.mark.parametrize(("columns", "rows"), [(1, 4), (2, 2), (2, 16), (4, 4), (8, 16), (16, 16)])
def test_transposed_columns_are_rows(columns: int, rows: int, target: Target) -> None:
    matrix = np.arange(columns * rows, dtype=np.float32).reshape(columns, rows)
    result = np.zeros((rows, columns), np.float32)
    k = KernelBuilder("k_transpose", index_bits=index_bits(target))
    x, y = k.pointer("x", DType.F32, matrix.shape), k.pointer("y", DType.F32, result.shape)
    with k.parallel(1):
        vectors = [k.let(x[column, lanes(0, rows)], "column") for column in range(columns)]
        for number, row in enumerate(transposed(k, vectors)):
            y[number, lanes(0, columns)] = row
    run(k.finish(), matrix, result, target=target)
    np.testing.assert_array_equal(result, matrix.T)


@TARGETS
@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_interleaved_vectors_and_every_so_many_lanes(count: int, target: Target) -> None:
    vectors = np.arange(8 * count, dtype=np.float32).reshape(count, 8)
    mixed, first = np.zeros(8 * count, np.float32), np.zeros(8, np.float32)
    k = KernelBuilder("k_interleave", index_bits=index_bits(target))
    x = k.pointer("x", DType.F32, vectors.shape)
    y, z = k.pointer("y", DType.F32, mixed.shape), k.pointer("z", DType.F32, first.shape)
    with k.parallel(1):
        both = k.let(interleaved([x[number, lanes(0, 8)] for number in range(count)]), "both")
        y[lanes(0, 8 * count)] = both
        z[lanes(0, 8)] = every(both, count)
    run(k.finish(), vectors, mixed, first, target=target)
    np.testing.assert_array_equal(mixed, vectors.T.ravel())
    np.testing.assert_array_equal(first, vectors[0])


@TARGETS
@pytest.mark.parametrize("count", [1, 4, 8])
def test_an_element_in_as_many_lanes_as_wanted(count: int, target: Target) -> None:
    vector, result = np.arange(4, dtype=np.float32), np.zeros((4, count), np.float32)
    k = KernelBuilder("k_repeat", index_bits=index_bits(target))
    x, y = k.pointer("x", DType.F32, vector.shape), k.pointer("y", DType.F32, result.shape)
    with k.parallel(1):
        loaded = k.let(x[lanes(0, 4)], "x")
        for number in range(4):
            y[number, lanes(0, count)] = repeated(loaded, number, count)
    run(k.finish(), vector, result, target=target)
    np.testing.assert_array_equal(result, np.repeat(vector[:, None], count, axis=1))


@TARGETS
@pytest.mark.parametrize("count", [1, 2, 4, 8])
def test_a_vector_twice(count: int, target: Target) -> None:
    vector, result = np.arange(count, dtype=np.float32), np.zeros(2 * count, np.float32)
    k = KernelBuilder("k_double", index_bits=index_bits(target))
    x, y = k.pointer("x", DType.F32, vector.shape), k.pointer("y", DType.F32, result.shape)
    with k.parallel(1):
        y[lanes(0, 2 * count)] = doubled(k.let(x[lanes(0, count)], "x"))
    run(k.finish(), vector, result, target=target)
    np.testing.assert_array_equal(result, np.concatenate([vector, vector]))
