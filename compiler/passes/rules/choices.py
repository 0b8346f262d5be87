"""Conversions and choices: casts that do nothing or cancel, selects and ifs with a known condition."""

from __future__ import annotations

from compiler.ir.dtypes import DType
from compiler.ir.graph import Node
from compiler.ir.ops import binary, unary
from compiler.ir.ops.region import If
from compiler.ir.rewriter import Rewriter
from compiler.passes.op_kinds import constant_of, splat_of
from compiler.passes.rules.arithmetic import replace_broadcast

_SIGNIFICANT_BITS = {DType.BF16: 8, DType.F16: 11, DType.F32: 24, DType.F64: 53}
_EXPONENT_BITS = {DType.BF16: 8, DType.F16: 5, DType.F32: 8, DType.F64: 11}


def cast_to_own_type(node: Node, op: unary.Cast, rewriter: Rewriter) -> bool:
    """cast(x) to the type that x has -> x."""
    if node.operands[0].type != node.result.type:
        return False
    rewriter.replace(node, node.operands[0])
    return True


def cast_of_cast(node: Node, op: unary.Cast, rewriter: Rewriter) -> bool:
    """cast(cast(x)) -> cast(x), or x, where the first cast loses nothing and the kind of number stays the
    same."""
    inner = node.operands[0].producer
    if inner is None or not isinstance(inner.op, unary.Cast):
        return False
    x = inner.operands[0]
    source, middle = x.type.dtype, node.operands[0].type.dtype
    if not holds_all_of(middle, source):
        return False
    if op.to is source:
        rewriter.replace(node, x)
        return True
    if not (source.is_float == middle.is_float == op.to.is_float) or {DType.BOOL, DType.BF16} & {source, middle, op.to}:
        return False
    rewriter.replace(node, rewriter.emit(op, x))
    return True


def holds_all_of(wide: DType, narrow: DType) -> bool:
    """Whether every value of ``narrow`` is a value of ``wide``."""
    if narrow is DType.BOOL or wide is narrow:
        return True
    if wide is DType.BOOL or (narrow.is_float and not wide.is_float):
        return False
    if narrow.is_float:
        return _SIGNIFICANT_BITS[wide] >= _SIGNIFICANT_BITS[narrow] and _EXPONENT_BITS[wide] >= _EXPONENT_BITS[narrow]
    digits = 8 * narrow.bytes - narrow.is_signed
    if wide.is_float:
        return _SIGNIFICANT_BITS[wide] >= digits and wide is not DType.BF16
    return 8 * wide.bytes - wide.is_signed >= digits and (wide.is_signed or not narrow.is_signed)


def select_with_known_condition(node: Node, op: binary.Select, rewriter: Rewriter) -> bool:
    """select(true, a, b) -> a; select(c, a, a) -> a."""
    condition, a, b = node.operands
    splat = splat_of(condition)
    if splat is None and a is not b:
        return False
    return replace_broadcast(node, b if splat is False else a, rewriter)


def select_on_not(node: Node, op: binary.Select, rewriter: Rewriter) -> bool:
    """select(not c, a, b) -> select(c, b, a)."""
    condition, a, b = node.operands
    if condition.producer is None or not isinstance(condition.producer.op, unary.Not):
        return False
    rewriter.set_operands(node, (condition.producer.operands[0], b, a))
    return True


def if_with_known_condition(node: Node, op: If, rewriter: Rewriter) -> bool:
    """if(true) -> the nodes of its first region."""
    condition = constant_of(node.operands[0])
    if condition is None:
        return False
    region = node.regions[0] if condition.array.item() else node.regions[1]
    rewriter.replace(node, *rewriter.inline(region, node.operands[1:]))
    return True


RULES = (
    cast_to_own_type,
    cast_of_cast,
    select_with_known_condition,
    select_on_not,
    if_with_known_condition,
)
