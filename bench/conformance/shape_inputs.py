"""Which inputs of a model the harness may bind as constants: those on whose value the shape of a result
depends.

The table says it per operator. An input that reaches such a place through other operators (as in the cases
where ONNX has expanded a function) is found by walking back from it; the walk stops where only a shape goes
on.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from onnx import AttributeProto, GraphProto, ModelProto, NodeProto

SHAPE_INPUTS: Final[dict[str, tuple[int, ...]]] = {
    "AffineGrid": (1,),  # size
    "BlackmanWindow": (0,),  # size
    "CenterCropPad": (1,),  # shape
    "Col2Im": (1, 2),  # image_shape, block_shape
    "Compress": (1,),  # condition
    "ConstantOfShape": (0,),  # shape
    "DFT": (1, 2),  # dft_length, axis
    "Expand": (1,),  # shape
    "HammingWindow": (0,),  # size
    "HannWindow": (0,),  # size
    "Loop": (0, 1),  # trip count and condition: the length of every scan output
    "MaxUnpool": (2,),  # output_shape
    "MelWeightMatrix": (0, 1),  # num_mel_bins, dft_length
    "NonMaxSuppression": (0, 1, 2, 3, 4),  # the number of boxes selected follows from all of them
    "NonZero": (0,),  # as many columns as nonzero elements
    "OneHot": (1,),  # depth
    "Pad": (1, 3),  # pads, axes
    "Range": (0, 1, 2),  # start, limit, delta
    **{
        f"Reduce{kind}": (1,)  # axes
        for kind in ("L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "Sum", "SumSquare")
    },
    "Reshape": (1,),  # shape
    "Resize": (2, 3),  # scales, sizes
    "STFT": (1, 3),  # frame_step, frame_length
    "SequenceAt": (1,),  # position: elements differ in shape
    "SequenceErase": (1,),
    "SequenceInsert": (2,),
    "Slice": (1, 2, 3, 4),  # starts, ends, axes, steps
    "Split": (1,),  # sizes
    "SplitToSequence": (1,),  # sizes
    "Squeeze": (1,),  # axes
    "Tile": (1,),  # repeats
    "TopK": (1,),  # k
    "Unique": (0,),  # as many elements as distinct ones
    "Unsqueeze": (1,),  # axes
    "Upsample": (1,),  # scales
}
"""Operator -> positions of inputs on whose *value* the shape of a result depends."""

SHAPE_ONLY: Final = frozenset({"Shape", "Size", "SequenceLength", "OptionalHasElement"})
"""Operators whose results do not depend on the values of their inputs."""


def shape_inputs(model: ModelProto) -> set[str]:
    """The names of the graph inputs that may be bound."""
    producers: dict[str, NodeProto] = {}
    pending: list[str] = []
    for node in _nodes(model.graph):
        producers.update((name, node) for name in node.output if name)
        pending += [node.input[i] for i in SHAPE_INPUTS.get(node.op_type, ()) if i < len(node.input)]
    reached: set[str] = set()
    while pending:
        name = pending.pop()
        if name in reached:
            continue
        reached.add(name)
        producer = producers.get(name)
        if producer is not None and producer.op_type not in SHAPE_ONLY:
            pending += producer.input
            pending += [output.name for graph in _graphs(producer) for output in graph.output]
    return reached & {info.name for info in model.graph.input}


def _nodes(graph: GraphProto) -> Iterator[NodeProto]:
    for node in graph.node:
        yield node
        for nested in _graphs(node):
            yield from _nodes(nested)


def _graphs(node: NodeProto) -> list[GraphProto]:
    return [attribute.g for attribute in node.attribute if attribute.type == AttributeProto.GRAPH]
