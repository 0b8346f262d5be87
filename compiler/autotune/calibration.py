"""How far analytic estimates are from the times of records, so that both can be compared with each other."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from statistics import fmean

from compiler.codegen.analytic import estimate
from compiler.ir import ROW_MAJOR, Graph, Task
from compiler.ir.ops.bitsliced_forest import BitslicedForest
from compiler.ir.ops.branching_forest import BranchingForest
from compiler.ir.ops.contraction import Conv, MatMul
from compiler.ir.ops.deep_forest import DeepForest
from compiler.ir.ops.forest_walk import ForestWalk, SumLeaves
from compiler.ir.ops.leafwise_forest import LeafwiseForest
from compiler.ir.ops.masked_forest import MaskedForest
from compiler.ir.ops.movement import Relayout
from compiler.ir.ops.perfect_walk import PerfectWalk
from compiler.ir.ops.pooling import Pool
from compiler.ir.ops.ranked_forest import RankedForest
from compiler.ir.ops.ranked_leaves import RankedLeaves
from compiler.ir.ops.reduction import Reduce
from compiler.ir.ops.sparse_walk import SparseWalk
from compiler.ir.ops.winograd import WinogradConv
from compiler.ir.parser import ParseError
from compiler.targets import Target

FEWEST = 3
"""This many tasks of a kind tell how far estimates of the kind are off; fewer count for all kinds together only."""

_WHOLE_FORESTS = (BitslicedForest, BranchingForest, DeepForest, LeafwiseForest, MaskedForest, RankedForest)
_FORESTS = (*_WHOLE_FORESTS, RankedLeaves, PerfectWalk, SparseWalk, ForestWalk, SumLeaves)
_ANCHORS = (Conv, WinogradConv, MatMul, Pool, Reduce, Relayout, *_FORESTS)


@dataclass(frozen=True)
class Calibration:
    """Factors for analytic estimates: for kinds of regions, and for all others."""

    overall: float = 1.0
    kinds: Mapping[str, float] = field(default_factory=dict[str, float])

    def factor(self, region: Graph) -> float:
        """What to multiply the estimate of a region with."""
        return self.kinds.get(kind_of(region), self.overall)


def calibrate(defaults: Iterable[tuple[Task, float]], target: Target) -> Calibration:
    """Geometric means of seconds by estimates, over tasks with the seconds of their defaults."""
    logarithms: defaultdict[str, list[float]] = defaultdict(list)
    for task, seconds in defaults:
        try:
            region = task.graph()
        except ParseError:
            continue  # of an op from outside the tree, which no estimate knows
        estimated = estimate(region, target)
        if 0 < estimated < math.inf and seconds > 0:
            logarithms[kind_of(region)].append(math.log(seconds / estimated))
    known = [value for values in logarithms.values() for value in values]
    kinds = {kind: math.exp(fmean(values)) for kind, values in logarithms.items() if len(values) >= FEWEST}
    return Calibration(math.exp(fmean(known)) if known else 1.0, kinds)


def kind_of(region: Graph) -> str:
    """Regions of one kind are computed by templates of one kind, whose estimates are wrong in the same way: the ops
    that decide, and whether the result has blocks of channels."""
    anchors = sorted(node.op.name for node in region if isinstance(node.op, _ANCHORS))
    depthwise = any(isinstance(node.op, Conv) and node.op.groups > 1 for node in region)
    blocked = region.outputs[0].type.layout != ROW_MAJOR
    words = [*dict.fromkeys(anchors), *["depthwise"] * depthwise, *["blocked"] * blocked]
    return " ".join(words)
