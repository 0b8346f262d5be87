"""Hypothesis strategies for small random graphs over the whole op table.

``cases()`` draws a ``Case``: a graph with arrays for its inputs. Every op of ``OPS`` takes part without being
named here: an op comes with the attributes of one of its samples, and each operand is either a value of the
graph, if type inference accepts it, or a new input that holds the sample's array. So the operands that an op
is picky about (indices, divisors, quantization scales) are such as the op was made for.

Results that the ops leave unspecified are kept out, so that a case has one right answer: see ``CHOOSY``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import strategies as st

from compiler.ir import DType, Graph, InferenceError, Op, Rewriter, Sample, TensorType, Value
from compiler.ir.literal import Array, Literal
from compiler.ir.op import RegionOp
from compiler.ir.ops import (
    OPS,
    binary,
    bitsliced_forest,
    branching_forest,
    deep_forest,
    forest,
    forest_walk,
    indexing,
    leafwise_forest,
    masked_forest,
    perfect_walk,
    quantization,
    ranked_forest,
    ranked_leaves,
    reduction,
    scattering,
    set_features,
    sorting,
    sparse_walk,
    unary,
    winograd,
)
from compiler.ir.ops.constant import Constant

MAX_ELEMENTS = 4096
"""No value of a case has more elements."""

CHOOSY: dict[type[Op], tuple[int, ...]] = {
    # The result is unspecified for some operand values: a divisor of 0, a shift by more than the width, a
    # float that no integer represents, NaN among things to be ordered, a repeated index to scatter to.
    binary.Div: (1,),
    binary.Mod: (0, 1),
    binary.Fmod: (0, 1),
    binary.ShiftLeft: (1,),
    binary.ShiftRight: (1,),
    unary.Cast: (0,),
    reduction.ArgMax: (0,),
    reduction.ArgMin: (0,),
    sorting.TopK: (0,),
    scattering.ScatterElements: (1,),
    scattering.ScatterNd: (1,),
    indexing.Gather: (1,),
    indexing.GatherElements: (1,),
    indexing.GatherNd: (1,),
    quantization.Quantize: (0, 1, 2),
    quantization.Dequantize: (1, 2),
    # Of operands that are finite: what is not spreads within tiles.
    winograd.WinogradConv: (0, 1),
}
"""Operands that are always new inputs with the sample's data, never values that a graph computed."""

SMOOTH_EXCLUDED: tuple[type[Op], ...] = (
    unary.Ceil,
    unary.Floor,
    unary.Round,
    unary.Trunc,
    unary.Sign,
    unary.Tan,
    unary.Not,
    binary.Mod,
    binary.Fmod,
    binary.Equal,
    binary.Less,
    binary.LessEqual,
    reduction.ArgMax,
    reduction.ArgMin,
    sorting.TopK,
    quantization.Quantize,
    forest.ForestSums,
    forest.ForestLeaves,
    forest_walk.ForestWalk,
    bitsliced_forest.BitslicedForest,
    branching_forest.BranchingForest,
    deep_forest.DeepForest,
    leafwise_forest.LeafwiseForest,
    masked_forest.MaskedForest,
    set_features.SetFeatures,
    ranked_forest.RankedForest,
    ranked_leaves.RankedLeaves,
    perfect_walk.PerfectWalk,
    sparse_walk.SparseWalk,
)
"""Ops at whose jumps a difference in the last bit becomes a large one."""


@dataclass(frozen=True)
class Case:
    """A graph with an array for each of its inputs."""

    graph: Graph
    inputs: dict[str, Array]


def op_table(exclude: Sequence[type[Op]] = ()) -> tuple[type[Op], ...]:
    """The ops that a case may consist of: those with samples and one result, but ``exclude``."""
    return tuple(
        cls for cls in OPS if not issubclass(cls, RegionOp | Constant) and cls not in exclude and small_samples(cls)
    )


def small_samples(cls: type[Op]) -> list[Sample]:
    """The samples of an op that are small enough for a case."""
    return [sample for sample in cls.samples() if all(array.size <= MAX_ELEMENTS for array in sample.operands)]


@st.composite
def cases(
    draw: st.DrawFn,
    ops: Sequence[type[Op]] | None = None,
    max_nodes: int = 8,
    constant_inputs: bool = True,
) -> Case:
    """A graph of up to ``max_nodes`` nodes over ``ops`` (default: ``op_table()``).

    With ``constant_inputs``, some of the sample arrays become constants instead of inputs. Every value that
    no node uses is an output.
    """
    builder = _CaseBuilder(draw, constant_inputs)
    table = op_table() if ops is None else tuple(ops)
    for _ in range(draw(st.integers(1, max_nodes))):
        builder.add_node(draw(st.sampled_from(table)))
    return builder.finish()


class _CaseBuilder:
    def __init__(self, draw: st.DrawFn, constant_inputs: bool) -> None:
        self.draw = draw
        self.constant_inputs = constant_inputs
        self.graph = Graph("case")
        self.rewriter = Rewriter(self.graph)
        self.inputs: dict[str, Array] = {}
        self.values: list[Value] = []

    def add_node(self, cls: type[Op]) -> None:
        """Apply the op of one of the samples to values of the graph, or to the sample's operands."""
        samples = small_samples(cls)
        sample = self.draw(st.sampled_from(samples))
        if len(sample.operands) == 1 and self.is_reusable(sample, 0) and self.draw(st.booleans()):
            # Attributes fit few types, so the other way round: first the value, then a sample that accepts
            # it.
            value = self.draw(st.sampled_from(self.values))
            accepting = [other for other in samples if _is_accepted(other.op, [value.type])]
            sample = self.draw(st.sampled_from(accepting)) if accepting else sample
            operands = [value if accepting else None]
        else:
            operands = [self.reuse(sample, index) for index in range(len(sample.operands))]
        self.apply(sample, operands)

    def apply(self, sample: Sample, wanted: Sequence[Value | None]) -> None:
        """Add a node on the values that are wanted and fit, and on the sample's arrays for the others."""
        types = [
            value.type if value else TensorType(DType.of(array.dtype), array.shape)
            for value, array in zip(wanted, sample.operands, strict=True)
        ]
        if not _is_accepted(sample.op, types):
            wanted = [
                value if _fits(value, array) else None for value, array in zip(wanted, sample.operands, strict=True)
            ]
        operands = [value or self.fresh(array) for value, array in zip(wanted, sample.operands, strict=True)]
        self.values += self.rewriter.node(sample.op, operands).results

    def is_reusable(self, sample: Sample, index: int) -> bool:
        """Whether an operand may be a value of the graph."""
        return bool(self.values) and index not in CHOOSY.get(type(sample.op), ())

    def reuse(self, sample: Sample, index: int) -> Value | None:
        """A value of the graph for an operand: of the sample's type if there is one, else any; or None."""
        if not self.is_reusable(sample, index) or self.draw(st.integers(0, 3)) == 0:
            return None
        array = sample.operands[index]
        fitting = [value for value in self.values if _fits(value, array)]
        alike = [value for value in self.values if value.type.dtype.numpy == array.dtype]
        pool = fitting if fitting and self.draw(st.booleans()) else alike
        return self.draw(st.sampled_from(pool)) if pool else None

    def fresh(self, array: Array) -> Value:
        """A new input, or a constant, that holds ``array``."""
        if self.constant_inputs and self.draw(st.integers(0, 3)) == 0:
            value = self.rewriter.constant(Literal(array))
        else:
            name = f"x{len(self.inputs)}"
            self.inputs[name] = array
            value = self.rewriter.input(name, TensorType(DType.of(array.dtype), array.shape))
        self.values.append(value)
        return value

    def finish(self) -> Case:
        """The case, with all unused results as outputs."""
        unused = [value for node in self.graph for value in node.results if not value.uses]
        for number, value in enumerate(unused):
            self.rewriter.output(f"y{number}", value)
        return Case(self.graph, self.inputs)


def _fits(value: Value | None, array: Array) -> bool:
    return value is not None and value.type == TensorType(DType.of(array.dtype), array.shape)


def _is_accepted(op: Op, types: Sequence[TensorType]) -> bool:
    try:
        results = op.infer(*types)
    except InferenceError:
        return False
    return all(result.elements <= MAX_ELEMENTS for result in results)
