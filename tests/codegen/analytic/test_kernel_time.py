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
from tests.codegen.test_matmul import product

A72, A76, ZEN4 = (resolve(name) for name in ("arm_cortex_a72", "arm_cortex_a76", "znver4"))


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


def test_rows_of_one_set_cost_what_finds_no_place_in_the_cache() -> None:
    apart, crowded = product(112, 1040, 64, 32), product(112, 1024, 64, 32)
    assert timed(apart, ZEN4, rows=14).of_peak > timed(apart, ZEN4, rows=8).of_peak
    costs = [timed(crowded, ZEN4, rows=rows).computing for rows in (8, 10, 12, 14)]
    assert costs == sorted(costs)
    assert costs[-1] > 1.1 * costs[0]


def test_few_rows_wait_for_the_columns_that_the_first_level_cache_does_not_keep() -> None:
    near, far = product(112, 64, 64, 32), product(112, 1040, 64, 32)
    slower = [timed(graph, ZEN4, rows=2).computing / timed(graph, ZEN4, rows=8).computing for graph in (near, far)]
    assert slower[1] > 1.1 * slower[0]


def test_a_loop_that_spills_is_that_of_the_tile_whose_sums_it_adds() -> None:
    graph = product(112, 1040, 64, 32)
    assert timed(graph, ZEN4, rows=14, steps=16).loop.multiply_adds == 14 * 2 * 16
    assert timed(graph, ZEN4, rows=14, steps=16).computing > 1.3 * timed(graph, ZEN4, rows=14).computing
