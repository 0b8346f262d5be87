"""The loop-nest builder: the text it makes, the code that text becomes, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tvm import tirx

from compiler.codegen.tir import KernelBuilder, KernelError, assembly, lanes, literal, parallel_extent, select
from compiler.ir.dtypes import DType
from compiler.targets import Target
from tests.codegen.native import ARMV7, CORTEX_A72, HOST, X86_V3, instructions, llvm, load, run


def relu(rows: int, columns: int, width: int) -> tirx.PrimFunc:
    """``y = max(x, 0)`` over a matrix."""
    k = KernelBuilder("k_relu")
    x, y = (k.pointer(name, DType.F32, (rows, columns)) for name in "xy")
    with k.parallel(rows) as i:
        for j, count in k.strips(columns, width):
            value = k.let(x[i, lanes(j, count)], "value")
            y[i, lanes(j, count)] = select(value < 0.0, 0.0, value)
    return k.finish()


def test_text_of_a_kernel() -> None:
    text = relu(3, 21, 8).script()
    body = text[text.index("@T.prim_func") :].strip()
    assert body == Path(__file__).with_name("golden_relu.txt").read_text().strip()


def test_threads_may_split_the_parallel_loop_anywhere() -> None:
    func = relu(7, 21, 8)
    x = np.random.default_rng(1).standard_normal((7, 21)).astype(np.float32)
    y = np.full_like(x, 9)
    kernel = load(func)
    assert parallel_extent(func) == 7
    for begin, end in ((0, 2), (5, 7), (4, 4)):
        kernel(x.ctypes.data, y.ctypes.data, begin, end)
    np.testing.assert_array_equal(y[[0, 1, 5, 6]], np.maximum(x, 0)[[0, 1, 5, 6]])
    assert (y[2:5] == 9).all()


@pytest.mark.parametrize("columns", [1, 3, 8, 13, 16, 37])
def test_strips_cover_every_element_once(columns: int) -> None:
    x = np.random.default_rng(columns).standard_normal((2, columns)).astype(np.float32)
    y = np.zeros_like(x)
    run(relu(2, columns, 8), x, y)
    np.testing.assert_array_equal(y, np.maximum(x, 0))


@pytest.mark.parametrize("extent", range(1, 40))
def test_overlapping_strips_cover_every_element_with_fewer_vectors(extent: int) -> None:
    k = KernelBuilder("k_cover")
    y = k.pointer("y", DType.F32, (extent,))
    strips: list[int] = []
    with k.parallel(1):
        for offset, width in k.strips(extent, 8, overlapping=True):
            y[lanes(offset, width)] = y[lanes(offset, width)] * 0.0 + 1.0
            strips.append(width)
    result = np.zeros(extent, np.float32)
    run(k.finish(), result)
    np.testing.assert_array_equal(result, np.ones(extent, np.float32))
    assert len(strips) <= 2 + (extent >= 8)


def test_branches_loops_and_registers() -> None:
    """The Collatz steps of each number: a data-dependent loop with a branch in it."""
    k = KernelBuilder("k_collatz")
    x, y = k.pointer("x", DType.I64, (10,)), k.pointer("y", DType.I32, (10,))
    with k.parallel(10) as i:
        number, steps = k.registers("number", DType.I64, ()), k.registers("steps", DType.I32, ())
        number[()] = x[i]
        steps[()] = literal(0, "int32")
        with k.while_(number[()] > 1):
            with k.if_(tirx.EQ(number[()] % 2, literal(0, "int64"))):
                number[()] = number[()] // 2
            with k.else_():
                number[()] = number[()] * 3 + 1
            steps[()] = steps[()] + 1
        y[i] = steps[()]
    numbers, result = np.arange(1, 11, dtype=np.int64), np.zeros(10, np.int32)
    run(k.finish(), numbers, result)
    np.testing.assert_array_equal(result, [0, 1, 7, 2, 5, 8, 16, 3, 19, 6])


def test_unrolled_loops_are_written_out() -> None:
    k = KernelBuilder("k_square")
    x, y = (k.pointer(name, DType.F32, (4, 8)) for name in "xy")
    with k.parallel(1), k.unrolled(4) as i:
        value = k.let(x[i, lanes(0, 8)], "value")
        y[i, lanes(0, 8)] = value * value
    func = k.finish()
    assert not [line for line in instructions(assembly(func, llvm(HOST)), "k_square") if line.startswith("cmp")][1:]
    x_data = np.arange(32, dtype=np.float32).reshape(4, 8)
    result = np.zeros_like(x_data)
    run(func, x_data, result)
    np.testing.assert_array_equal(result, x_data**2)


def test_reshaped_views_share_memory() -> None:
    k = KernelBuilder("k_views")
    x, y = k.pointer("x", DType.F32, (6, 4)), k.pointer("y", DType.F32, (24,))
    grid = y.reshape((2, 3, 4))
    with k.parallel(2) as a, k.serial(3, "b") as b:
        grid[a, b, lanes(0, 4)] = x[a * 3 + b, lanes(0, 4)]
        # A store through one view is seen by a load through the other.
        y[a * 12 + b * 4] = grid[a, b, 0] + 1.0
    x_data = np.arange(24, dtype=np.float32).reshape(6, 4)
    result = np.zeros(24, np.float32)
    run(k.finish(), x_data, result)
    np.testing.assert_array_equal(result, x_data.ravel() + (np.arange(24) % 4 == 0))


def test_a_named_condition_keeps_its_value() -> None:
    """What ``let`` returns is the value at that place, even when the memory it came from changes later."""
    k = KernelBuilder("k_swap")
    x = k.pointer("x", DType.F32, (2,))
    with k.parallel(1):
        swap = k.let(x[0] > x[1], "swap")
        first, second = k.let(x[0], "first"), k.let(x[1], "second")
        x[0] = select(swap, second, first)
        x[1] = select(swap, first, second)
    func = k.finish()
    data = np.array([5, 3], np.float32)
    run(func, data)
    np.testing.assert_array_equal(data, [3, 5])


def test_pointers_need_the_alignment_of_an_element_only() -> None:
    memory = np.arange(66, dtype=np.float32) - 33
    x, y = memory[1:64].reshape(3, 21), np.zeros(66, np.float32)[3:].reshape(3, 21)
    run(relu(3, 21, 8), x, y)
    np.testing.assert_array_equal(y, np.maximum(x, 0))


def test_a_result_may_be_its_operand() -> None:
    memory = np.random.default_rng(5).standard_normal((9, 37)).astype(np.float32)
    wanted = np.maximum(memory, 0)
    run(relu(9, 37, 8), memory, memory)
    np.testing.assert_array_equal(memory, wanted)


def test_misuse_is_an_error_that_names_the_kernel() -> None:
    with pytest.raises(KernelError, match="k_none: no parallel loop"):
        KernelBuilder("k_none").finish()
    k = KernelBuilder("k_wrong")
    x = k.pointer("x", DType.F32, (4, 4))
    with pytest.raises(KernelError, match="k_wrong: strips of 12"):
        next(k.strips(100, 12))
    with pytest.raises(KernelError, match="else_ does not follow"), k.else_():
        pass
    with pytest.raises(KernelError, match="outermost"), k.serial(3), k.parallel(3):
        pass
    with pytest.raises(IndexError, match="x has 2 dimensions, got 1"):
        x[0]
    with pytest.raises(ValueError, match="cannot view"):
        x.reshape((3, 5))
    with pytest.raises(KernelError, match="without statements"), KernelBuilder("k_empty").serial(3):
        pass


@pytest.mark.parametrize(
    ("target", "level", "instruction"),
    [
        (X86_V3, 1, "prefetcht0"),
        (X86_V3, 2, "prefetcht1"),
        (CORTEX_A72, 1, "prfm\tpldl1keep"),
        (CORTEX_A72, 2, "prfm\tpldl2keep"),
        (ARMV7, 2, "pld"),
    ],
    ids=lambda value: value.name if isinstance(value, Target) else str(value),
)
def test_a_prefetch_is_an_instruction(target: Target, level: int, instruction: str) -> None:
    k = KernelBuilder("k_prefetch", index_bits=8 * target.pointer_bytes)
    x, y = (k.pointer(name, DType.F32, (100,)) for name in "xy")
    with k.parallel(50) as i:
        k.prefetch(x, (i + 50,), level=level)
        y[i] = x[i]
    assert any(line.startswith(instruction) for line in instructions(assembly(k.finish(), llvm(target)), "k_prefetch"))


def test_a_call_knows_its_first_iteration() -> None:
    k = KernelBuilder("k_first")
    y = k.pointer("y", DType.F32, (9,))
    with k.parallel(9) as i:
        y[i] = literal(0, "float32")
        with k.if_(k.is_first(i)):
            y[i] = literal(1, "float32")
    result = np.zeros(9, np.float32)
    kernel = load(k.finish())
    for begin, end in ((0, 3), (3, 8), (8, 9)):
        kernel(result.ctypes.data, begin, end)
    np.testing.assert_array_equal(np.flatnonzero(result), [0, 3, 8])


def test_parts_of_an_array() -> None:
    k = KernelBuilder("k_parts")
    y = k.pointer("y", DType.F32, (12,))
    middle = y.part(4, (2, 3))
    with k.parallel(1):
        middle[0, lanes(1, 2)] = literal(5, "float32")
        middle.part(3, (3,)).reshape((3, 1))[2, 0] = literal(7, "float32")
    result = np.zeros(12, np.float32)
    run(k.finish(), result)
    np.testing.assert_array_equal(result, [0, 0, 0, 0, 0, 5, 5, 0, 0, 7, 0, 0])
    with pytest.raises(ValueError, match="not inside"):
        y.part(8, (5,))
