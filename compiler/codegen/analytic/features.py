"""Numbers that describe a lowered kernel, for models of its time, and the static model's answer.

Most are ratios: cycles of a part by the cycles of all multiply-adds at the peak, loads per multiply-add, working sets
by the sizes of caches. These mean the same in another shape and on another target, so that what a model learned from
some kernels says something of others. ``cycles`` alone is absolute. What ``llvm-mca`` makes of the main loop is one
more, where it is installed and knows the processor; a model takes a feature that a kernel lacks as unknown.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from compiler.codegen.analytic.assembly import Code, Kind, Loop
from compiler.codegen.analytic.kernel_time import KernelTime, NoSumsError, kernel_time, sums_of
from compiler.codegen.analytic.loop_time import LoopTime, loop_time
from compiler.codegen.analytic.machine import HERTZ
from compiler.codegen.analytic.mca import mca_features
from compiler.codegen.analytic.moving_time import MovingTime, moving_time
from compiler.codegen.analytic.working_sets import working_sets
from compiler.codegen.kernel_info import KernelInfo
from compiler.codegen.space import Config
from compiler.ir import Graph
from compiler.targets import Target

Features = dict[str, float]


def kernel_features(
    region: Graph,
    template: str,
    config: Config,
    code: Code,
    info: KernelInfo,
    target: Target,
    *,
    asks_mca: bool = True,
) -> Features:
    """Features of the kernel that a template made of a region, by name; all finite.

    Which there are depends on what the kernel computes: one that multiplies and adds no vectors has no tiles. The
    static model's answer does not depend on ``llvm-mca``, which need not be asked.
    """
    features = {f"template_{template}": 1.0}
    features |= {f"knob_{name}": math.log2(1 + max(0, value)) for name, value in config.items()}
    features |= _whole(code, info, target)
    try:
        time = kernel_time(region, template, config, code, target, info.extent)
    except NoSumsError:
        moving = moving_time(region, code, target)
        features |= _of_moving(moving, info, target)
        loop = moving.loop
    else:
        features |= _of_sums(time, target) | _of_caches(region, template, config, info, target)
        loop = time.loop
    return features | mca_features(loop, target) if asks_mca else features


def predicted_seconds(features: Mapping[str, float], target: Target) -> float:
    """The static model's answer for one execution on one core, in units of a clock that all targets share."""
    return features["cycles"] / HERTZ


def _whole(code: Code, info: KernelInfo, target: Target) -> Features:
    instructions = sum(len(loop.instructions) for loop in (*code.loops, code.around))
    return {
        "iterations": math.log2(info.extent),
        "instructions": math.log2(instructions),
        "loops": float(len(code.loops)),
        "scratch_by_l1": info.scratch_bytes / target.l1d_bytes,
        "scratch_by_l2": _by(info.scratch_bytes, target.l2_bytes),
        "intensity": math.log2(1 + info.flops / max(1.0, info.bytes)),
        "spilled_around": float(code.around.spills),
    }


def _of_moving(time: MovingTime, info: KernelInfo, target: Target) -> Features:
    ideal = max(1.0, info.bytes) / target.vector_bytes / target.load_ports
    parts = {
        "cycles": time.cycles,
        "cycles_by_ideal": time.cycles / ideal,
        "computing_by_ideal": time.computing / ideal,
        "traffic_by_ideal": time.traffic / ideal,
    }
    return parts | _of_loop(time.loop, loop_time(time.loop, target), target)


def _of_sums(time: KernelTime, target: Target) -> Features:
    ideal = time.multiply_adds / time.fma_ports
    parts = {
        "cycles": time.cycles,
        "cycles_by_ideal": time.cycles / ideal,
        "computing_by_ideal": time.computing / ideal,
        "writing_by_ideal": time.writing / ideal,
        "weights_by_ideal": time.weights / ideal,
        "activations_by_ideal": time.activations / ideal,
        "remainder": time.remainder,
        "accumulators": float(len(time.loop.chains)),
        "longest_chain": float(max(time.loop.chains.values(), default=0)),
    }
    return parts | _of_loop(time.loop, time.loop_time, target)


def _of_loop(loop: Loop, time: LoopTime, target: Target) -> Features:
    """An iteration of the main loop: its parts by its multiply-adds, or by what it moves where there are none."""
    unit = loop.multiply_adds or max(1.0, (sum(loop.loads) + sum(loop.stores)) / target.vector_bytes)
    counts = loop.counts
    return {
        "multiply_adds": float(loop.multiply_adds),
        "loop_cycles": time.cycles / unit,
        "loop_arithmetic": time.arithmetic / unit,
        "loop_chains": time.chains / unit,
        "loop_loads": time.loads / unit,
        "loop_stores": time.stores / unit,
        "loop_issue": time.issue / unit,
        "loaded": len(loop.loads) / unit,
        "loaded_bytes": sum(loop.loads) / unit,
        "broadcast": sum(size == 4 for size in loop.loads) / unit,
        "by_element": loop.by_element / unit,
        "spilled": loop.spills / unit,
        "fetched_ahead": counts[Kind.PREFETCH] / unit,
        "overhead": (counts[Kind.SCALAR] + counts[Kind.BRANCH]) / unit,
        "other_arithmetic": counts[Kind.SIMD] / unit,
    }


def _of_caches(region: Graph, template: str, config: Config, info: KernelInfo, target: Target) -> Features:
    """The working sets of the heaviest sum of products."""
    node = max(sums_of(region), key=lambda node: node.result.type.elements * node.operands[1].type.shape[-1])
    sets = working_sets(node, template, config, info.extent, target)
    parts = {"panel": sets.weights, "rows": sets.inputs, "results": sets.outputs, "all_weights": _weight_bytes(region)}
    caches = {"l1": target.l1d_bytes, "l2": target.l2_bytes}
    return {f"{name}_by_{cache}": _by(part, size) for name, part in parts.items() for cache, size in caches.items()}


def _weight_bytes(region: Graph) -> float:
    """Bytes of all weights."""
    return float(sum(node.operands[1].type.bytes for node in sums_of(region)))


def _by(bytes_: float, size: int) -> float:
    """Bytes by the size of a cache; in one that is not there nothing fits, so the bytes themselves."""
    return bytes_ / size if size else bytes_
