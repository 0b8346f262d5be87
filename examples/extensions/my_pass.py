"""A pass from outside the tree: ``x * sigmoid(x)`` becomes the op of ``my_op.py``.

    python -m compiler.build model.onnx --load my_op.py --load my_pass.py --passes use-silu,standard

Before::

    %1 = sigmoid(%0) : f32[8]
    %2 = mul(%0, %1) : f32[8]

After::

    %1 = my.silu(%0) : f32[8]
"""

from __future__ import annotations

from dataclasses import dataclass

from my_op import Silu

from compiler.ir import Graph, Node, Rewriter
from compiler.ir.ops.binary import Mul
from compiler.ir.ops.unary import Sigmoid
from compiler.passes import Pass, PassContext, RuleSet, Statistics


def product_with_own_sigmoid(node: Node, op: Mul, rewriter: Rewriter) -> bool:
    """mul(x, sigmoid(x)) -> silu(x), in either order. The annotation of ``op`` is what the rule matches."""
    for x, gate in (node.operands, node.operands[::-1]):
        if gate.producer is None or not isinstance(gate.producer.op, Sigmoid):
            continue
        if gate.producer.operands == (x,) and Silu.accepts(x.type.dtype):
            rewriter.replace(node, rewriter.emit(Silu(), x))
            return True
    return False


@dataclass(frozen=True)
class UseSilu(Pass):
    """Applies the rule until it applies no more; a sigmoid that nothing else uses is erased on the way."""

    name = "use-silu"

    def run(self, graph: Graph, context: PassContext) -> Statistics:
        return RuleSet((product_with_own_sigmoid,)).apply(graph)


PASSES = (UseSilu,)
