"""The static model of whole kernels: what it must get right whatever its constants are."""

from __future__ import annotations

import math

import pytest

from compiler.codegen.analytic.assembly import read_code
from compiler.codegen.analytic.kernel_time import KernelTime, NoSumsError, kernel_time
from compiler.codegen.kernels import choose_template
from compiler.codegen.schedules import SCHEDULES
from compiler.codegen.tir import assembly
from compiler.ir import Graph
from compiler.ir.ops.pooling import MaxPool
from compiler.targets import Target, resolve
from compiler.targets.llvm import llvm_target_dict
from tests.codegen import test_winograd as winograd
from tests.codegen.test_blocked_windows import pool_region, square
from tests.codegen.test_conv_templates import blocked_graph, conv2d

A72, A76 = resolve("arm_cortex_a72"), resolve("arm_cortex_a76")


def timed(region: Graph, target: Target, **knobs: int) -> KernelTime:
    template = choose_template(region, target, SCHEDULES)
    config = {**template.space(region, target).default, **knobs}
    text = assembly(template.emit(region, config, target, "kernel").func, llvm_target_dict(target))
    return kernel_time(region, template.name, config, read_code(text, target.isa), target)


def convolution(x, w, op) -> Graph:
    return blocked_graph(x, w, op, 4, 2, blocked_image=True)


def test_products_with_padding_are_left_out() -> None:
    graph = convolution((1, 8, 5, 6), (8, 8, 3, 3), conv2d(1, 1, 1))
    inside = (3 * 5 - 2) * (3 * 6 - 2)
    assert timed(graph, A72).multiply_adds == 8 * 8 * inside / 4


@pytest.mark.parametrize("target", [A72, A76], ids=lambda target: target.name)
def test_nothing_is_faster_than_the_peak_and_long_sums_come_close(target: Target) -> None:
    short = timed(convolution((1, 8, 28, 28), (64, 8, 1, 1), conv2d()), target)
    long = timed(convolution((1, 512, 28, 28), (64, 512, 1, 1), conv2d()), target)
    assert short.of_peak < long.of_peak < 1
    assert long.of_peak > 0.9


def test_narrow_tiles_cost_more_where_they_load_more() -> None:
    graph = convolution((1, 64, 28, 28), (64, 64, 1, 1), conv2d())
    assert timed(graph, A72, tile=1).cycles > 1.2 * timed(graph, A72).cycles


def test_a_row_of_unlike_tiles_costs_what_its_tiles_cost() -> None:
    graph = convolution((1, 64, 9, 10), (64, 64, 3, 3), conv2d())
    whole, mixed, single = (timed(graph, A72, tile=tile).computing for tile in (8, 7, 1))
    assert whole < mixed < single
    assert math.isclose(mixed, whole * 7 / 8 + single / 8, rel_tol=0.01)


def test_a_kernel_without_products_is_refused() -> None:
    with pytest.raises(NoSumsError, match="pool_blocked"):
        timed(pool_region(MaxPool, square((1, 16, 9, 9), 3), 4), A72)


def test_winograd_is_judged_by_the_products_that_it_has() -> None:
    case = winograd.Case((1, 64, 28, 28), 64)
    transformed = timed(case.blocked(4, A72, vectors=2), A72)
    direct = timed(convolution((1, 64, 28, 28), (64, 64, 3, 3), conv2d(1, 1, 1)), A72)
    assert transformed.multiply_adds == 7 * 7 * 36 * 64 * 64 / 4
    assert transformed.of_peak < direct.of_peak
    assert transformed.cycles < direct.cycles / 2
