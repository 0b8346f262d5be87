"""A schedule template from outside the tree that is wrong on purpose: its tanh forgets the sign."""

from __future__ import annotations

from compiler.codegen.schedules import Config, Kernel
from compiler.codegen.schedules.elementwise import Elementwise
from compiler.ir import Graph, Rewriter, clone
from compiler.ir.ops.unary import Abs, Tanh
from compiler.targets import Target


class UnsignedTanh(Elementwise):
    """Computes |tanh x| where tanh x is asked for."""

    name = "unsigned-tanh"
    version = 1

    def matches(self, region: Graph, target: Target) -> bool:
        """Elementwise regions with a tanh."""
        return super().matches(region, target) and any(isinstance(node.op, Tanh) for node in region)

    def emit(self, region: Graph, config: Config, target: Target, symbol: str) -> Kernel:
        """The kernel of another region."""
        wrong = clone(region)
        rewriter = Rewriter(wrong)
        for node in wrong.nodes:
            if isinstance(node.op, Tanh):
                absolute = rewriter.after(node).emit(Abs(), node.result)
                users = [user for user in node.result.users if user is not absolute.producer]
                rewriter.replace_uses(node.result, absolute, users)
        return super().emit(wrong, config, target, symbol)


SCHEDULES = (UnsignedTanh,)
