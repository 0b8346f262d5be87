"""Random configurations of convolutions and matrix products for ARM, under the emulator."""

from __future__ import annotations

from pathlib import Path

import pytest

from compiler.codegen.plan.packing import unpack
from compiler.codegen.schedules.conv_blocked import ConvBlocked
from compiler.codegen.schedules.matmul_tiled import MatMulTiled
from compiler.ir.interpreter import run_graph
from compiler.targets import Target
from tests.codegen.blocked_regions import check_results, random_operands
from tests.codegen.native import ARMV7, CORTEX_A72
from tests.codegen.task_kernels import sampled_choices
from tests.codegen.test_conv_templates import BLOCKED_CASES, blocked_graph
from tests.codegen.test_matmul import product, row_major_product
from tests.differential.emulated import Job, run_emulated


def jobs_for(target: Target) -> list[Job]:
    """Each region once, with a configuration of its own."""
    lanes = target.lanes(4)
    chosen = []
    for number, (x, w, op, vectors, blocked_image) in enumerate(BLOCKED_CASES.values()):
        graph = blocked_graph(x, w, op, lanes, vectors, blocked_image=blocked_image)
        chosen.append((graph, sampled_choices(ConvBlocked(), graph, target, 1, seed=number)[-1]))
    products = [product(57, 70, 200, 2 * lanes), product(3, 64, 150, lanes), product(90, 5, 70, 2 * lanes)]
    products += [row_major_product((2, 45, 40), (40, 100), transposed=False)]
    chosen += [(graph, sampled_choices(MatMulTiled(), graph, target, 1, seed=3)[-1]) for graph in products]
    return [Job(graph, random_operands(graph), choice) for graph, choice in chosen]


@pytest.mark.parametrize("target", [CORTEX_A72, ARMV7], ids=lambda target: target.name)
def test_results_are_right_whatever_the_configuration(target: Target, tmp_path: Path) -> None:
    jobs = jobs_for(target)
    for job, stored in zip(jobs, run_emulated(jobs, target, tmp_path), strict=True):
        types = [output.type for output in job.graph.outputs]
        results = [unpack(array, type_.layout, type_.shape) for array, type_ in zip(stored, types, strict=True)]
        check_results(results, run_graph(job.graph, list(job.operands)))
