"""Make attention one ``fused`` node: softmax(q k' * scale + mask) v without its scores in memory.

Before::

    %3 = transpose(%0) {permutation = [0, 2, 1, 3]} : f32[1,4,128,64]
    %4 = transpose(%1) {permutation = [0, 2, 1, 3]} : f32[1,4,128,64]
    %5 = matmul(%3, %4) {transpose_b = true} : f32[1,4,128,128]
    %6 = reduce_max(%5) {axes = [3]} : f32[1,4,128,1]
    %7 = sub(%5, %6) : f32[1,4,128,128]
    %8 = exp(%7) : f32[1,4,128,128]
    %9 = reduce_sum(%8) {axes = [3]} : f32[1,4,128,1]
    %10 = div(%8, %9) : f32[1,4,128,128]
    %11 = transpose(%2) {permutation = [0, 2, 1, 3]} : f32[1,4,128,64]
    %12 = matmul(%10, %11) : f32[1,4,128,64]
    %13 = transpose(%12) {permutation = [0, 2, 1, 3]} : f32[1,128,4,64]

After::

    %3 = fused(%0, %1, %2) [
        graph "attention" (...) { ... the same nodes ... }
      ] : f32[1,128,4,64]

What a kernel template may rely on: two products, of which the second one's left operand is computed from the
first one's result by elementwise ops and reductions that keep the last axis, which they fold; of at least one
reduction; all of these of the shape of the scores, or of one number per row of them. Operands of products and
the result are at most transposed, with the last axis in place; other operands are inputs of the region.
"""

from __future__ import annotations

from dataclasses import dataclass

from compiler.ir.dtypes import DType
from compiler.ir.graph import Graph, Node, Value
from compiler.ir.ops.contraction import MatMul
from compiler.ir.ops.movement import Transpose
from compiler.ir.ops.reduction import Reduce
from compiler.ir.rewriter import Rewriter
from compiler.ir.types import ROW_MAJOR
from compiler.passes.base import Pass, Statistics
from compiler.passes.context import PassContext
from compiler.passes.fusion.outline import outline
from compiler.passes.op_kinds import has_one_use, is_elementwise


@dataclass(frozen=True)
class FuseAttention(Pass):
    """``min_queries``: with fewer rows of scores per head, packing the keys costs more than it saves."""

    name = "fuse-attention"

    min_queries: int = 8

    def run(self, graph: Graph, context: PassContext) -> Statistics:
        position = {node: index for index, node in enumerate(graph)}
        rewriter = Rewriter(graph)
        fused = 0
        for node in list(graph):
            if node.erased or not isinstance(node.op, MatMul):
                continue
            members = attention_around(node)
            if members is not None and node.result.type.shape[-2] >= self.min_queries:
                outline(rewriter, sorted(members, key=position.__getitem__), "attention")
                fused += 1
        return {"attention": fused}


def attention_around(second: Node) -> set[Node] | None:
    """The nodes of an attention whose second product is this one, or None if it is not one."""
    weights, value = second.operands
    if not isinstance(second.op, MatMul) or second.op.transpose_b:
        return None
    web = _row_web(weights)
    products = [node for node in web or () if isinstance(node.op, MatMul)]
    if web is None or len(products) != 1 or not has_one_use(weights):
        return None
    (first,) = products
    members = {*web, second}
    products = (first.result.type, second.result.type)
    if any(type_.dtype is not DType.F32 for type_ in products) or products[0].shape[:-2] != products[1].shape[:-2]:
        return None
    if not _folds_rows_of(first.result, web) or not _is_closed(members, second):
        return None
    for operand in (*first.operands, value):
        if (moved := _row_transpose(operand.producer)) is not None and has_one_use(operand):
            members.add(moved)
    users = second.result.users
    if len(users) == 1 and has_one_use(second.result) and (moved := _row_transpose(users[0])) is not None:
        members.add(moved)
    values = [value for node in members for value in (*node.operands, *node.results)]
    return members if all(value.type.layout == ROW_MAJOR for value in values) else None


def _row_web(weights: Value) -> set[Node] | None:
    """The product that ``weights`` are computed from, with the row-wise ops between; None if there are more of them."""
    reached = _row_ops_behind(weights)
    products = [node for node in reached if isinstance(node.op, MatMul)]
    if len(products) != 1:
        return None
    web = {products[0]}
    pending = [products[0]]
    while pending:
        new = [user for user in pending.pop().result.users if user in reached and user not in web]
        web.update(new)
        pending += new
    return web


def _row_ops_behind(value: Value) -> dict[Node, None]:
    """Elementwise ops and reductions of the last axis that ``value`` depends on, and the products that those read."""
    found: dict[Node, None] = {}
    pending = [value]
    while pending:
        node = pending.pop().producer
        if node is None or node in found:
            continue
        if isinstance(node.op, MatMul):
            found[node] = None
        elif is_elementwise(node.op) or _is_row_reduction(node):
            found[node] = None
            pending += node.operands
    return found


def _is_row_reduction(node: Node) -> bool:
    last = (node.operands[0].type.rank - 1,) if node.operands else ()
    return isinstance(node.op, Reduce) and node.op.keep and node.op.axes == last


def _folds_rows_of(scores: Value, web: set[Node]) -> bool:
    """Whether some op reduces rows of the scores, and all have their shape, or that of one number per row."""
    shape = scores.type.shape
    row_shape = (*shape[:-1], 1)
    reductions = [node for node in web if isinstance(node.op, Reduce)]
    folded = all(node.operands[0].type.shape == shape for node in reductions)
    shaped = all(node.result.type.shape in (shape, row_shape) for node in web)
    return bool(reductions) and folded and shaped and shape[-1] > 1


def _is_closed(members: set[Node], root: Node) -> bool:
    """Whether nothing but the root's result is used outside."""
    return all(use.node in members for node in members if node is not root for use in node.result.uses)


def _row_transpose(node: Node | None) -> Node | None:
    """The node if it is a transpose that leaves the last axis in place."""
    if node is None or not isinstance(node.op, Transpose):
        return None
    return node if node.op.permutation[-1] == len(node.op.permutation) - 1 else None
