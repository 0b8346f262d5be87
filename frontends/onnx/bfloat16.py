"""bfloat16 around converters: inputs are widened to float32, results that ONNX says are bfloat16 are rounded
back.

The IR computes in float32 and wider only; so do CPUs, but for products.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from onnx import NodeProto, TensorProto

from compiler.ir.dtypes import DType, widen_bf16
from compiler.ir.graph import Value
from compiler.ir.ops.constant import Constant
from compiler.ir.ops.unary import Cast
from compiler.ir.rewriter import Rewriter
from compiler.ir.types import TensorType
from frontends.onnx.context import Item
from frontends.onnx.errors import Unsupported
from frontends.onnx.preflight import inferred_types


def widened(item: Item, rewriter: Rewriter, label: str) -> Item:
    """A bfloat16 value as float32, exactly; everything else as it is."""
    if not isinstance(item, Value) or item.type.dtype is not DType.BF16:
        return item
    if item.producer is not None and isinstance(item.producer.op, Constant):
        return rewriter.constant(widen_bf16(item.producer.op.value.array))
    return rewriter.emit(Cast(DType.F32), item, origin=label)


def narrowed(
    results: Sequence[Item],
    node: NodeProto,
    opset: int,
    types: Mapping[str, TensorType],
    rewriter: Rewriter,
    label: str,
) -> list[Item]:
    """The float32 results of an operator whose inputs were widened, rounded where they ought to be bfloat16.

    ``types`` are those of the node's inputs as they were. Raises Unsupported where the schema does not tell.
    """
    stated = inferred_types(node, opset, types)
    rounded: list[Item] = []
    for name, item in zip(node.output, results, strict=False):
        if not isinstance(item, Value) or item.type.dtype is not DType.F32 or not name:
            rounded.append(item)
            continue
        if name not in stated:
            raise Unsupported("its result's element type for bfloat16 inputs cannot be inferred")
        is_bf16 = stated[name].tensor_type.elem_type == TensorProto.BFLOAT16
        rounded.append(rewriter.emit(Cast(DType.BF16), item, origin=label) if is_bf16 else item)
    return rounded
