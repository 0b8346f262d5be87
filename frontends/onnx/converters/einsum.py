"""Einsum, contracted pair by pair from the left into transposes, sums and matrix products."""

from __future__ import annotations

import math
import re
import string
from dataclasses import dataclass

from compiler.ir import Value
from compiler.ir.ops.contraction import MatMul
from frontends.onnx.context import Converter, MalformedModel, NodeContext
from frontends.onnx.converters.term import Term


@dataclass(frozen=True)
class Labelled:
    """A tensor whose axis i carries ``labels[i]``; labels are distinct."""

    term: Term
    labels: str

    def size(self, label: str) -> int:
        """Size of the labelled axis."""
        return self.term.shape[self.labels.index(label)]

    def ordered(self, labels: str) -> Labelled:
        """With its axes in another order."""
        return Labelled(self.term.transpose(*map(self.labels.index, labels)), labels)

    def aligned(self, labels: str) -> Term:
        """With an axis of size 1 for each of ``labels`` that it lacks, in that order."""
        ordered = self.ordered("".join(label for label in labels if label in self.labels))
        return ordered.term.reshape(*(self.size(label) if label in self.labels else 1 for label in labels))

    def summed(self, labels: str) -> Labelled:
        """Without the axes ``labels``, which are summed."""
        if not labels:
            return self
        kept = "".join(label for label in self.labels if label not in labels)
        return Labelled(self.term.sum([self.labels.index(label) for label in labels], keep=False), kept)


def _einsum(ctx: NodeContext) -> Value:
    inputs, output = _parse(ctx)
    operands = [_without_repeats(Term.input(ctx, i), labels) for i, labels in enumerate(inputs)]
    result = operands[0]
    for index, other in enumerate(operands[1:], 2):
        needed = output + "".join(operand.labels for operand in operands[index:])
        result = _contract(result, other, needed)
    result = result.summed("".join(label for label in result.labels if label not in output))
    missing = [label for label in output if label not in result.labels]
    if missing:
        raise MalformedModel(f"Einsum {ctx.name!r}: output label {missing[0]!r} names no input axis")
    return result.ordered(output).term.value


def _parse(ctx: NodeContext) -> tuple[list[str], str]:
    """Labels of the inputs and of the output. An ellipsis becomes labels of its own, aligned to the right."""
    equation = ctx.string("equation").replace(" ", "")
    left, arrow, right = equation.partition("->")
    terms = left.split(",")
    pattern = r"[A-Za-z]*(\.\.\.)?[A-Za-z]*"
    if len(terms) != len(ctx.items) or not all(re.fullmatch(pattern, part) for part in (*terms, right)):
        raise MalformedModel(f"Einsum {ctx.name!r}: equation {equation!r} does not fit {len(ctx.items)} inputs")
    spare = [label for label in string.ascii_letters + string.digits if label not in equation]
    ranks = [
        ctx.input(i).type.rank - len(part.replace("...", "")) if "..." in part else 0 for i, part in enumerate(terms)
    ]
    broadcast = "".join(spare[: max(ranks)])
    inputs = [part.replace("...", broadcast[len(broadcast) - rank :]) for part, rank in zip(terms, ranks, strict=True)]
    for index, labels in enumerate(inputs):
        if len(labels) != ctx.input(index).type.rank or min(ranks) < 0:
            raise MalformedModel(f"Einsum {ctx.name!r}: equation {equation!r} does not fit input {index}")
    if arrow:
        return inputs, right.replace("...", broadcast)
    once = sorted(label for label in set(left) - set(",.") if left.count(label) == 1)
    return inputs, broadcast + "".join(once)


def _without_repeats(term: Term, labels: str) -> Labelled:
    """The diagonal over each repeated label, taken by stepping through the two merged axes."""
    for label in dict.fromkeys(labels):
        while labels.count(label) > 1:
            first, second = [axis for axis, other in enumerate(labels) if other == label][:2]
            size = term.shape[first]
            if term.shape[second] != size:
                raise MalformedModel(f"Einsum: axes of one label {label!r} differ in size")
            rest = [axis for axis in range(term.rank) if axis not in (first, second)]
            shape = [term.shape[axis] for axis in rest]
            merged = term.transpose(*rest, first, second).reshape(*shape, size * size)
            term = merged.slice(-1, 0, size, size + 1)
            labels = "".join(labels[axis] for axis in rest) + label
    return Labelled(term, labels)


def _contract(a: Labelled, b: Labelled, needed: str) -> Labelled:
    """The product of two tensors, summed over every label that is not in ``needed``."""
    a = a.summed("".join(label for label in a.labels if label not in b.labels + needed))
    b = b.summed("".join(label for label in b.labels if label not in a.labels + needed))
    shared = [label for label in a.labels if label in b.labels]
    batch = "".join(label for label in shared if label in needed)
    inner = "".join(label for label in shared if label not in needed)
    rows = "".join(label for label in a.labels if label not in shared)
    columns = "".join(label for label in b.labels if label not in shared)
    if not inner:
        labels = batch + rows + columns
        return Labelled(a.aligned(labels) * b.aligned(labels), labels)
    a, b = _broadcast_inner(a, b, inner), _broadcast_inner(b, a, inner)
    left, right = a.ordered(batch + rows + inner), b.ordered(batch + inner + columns)
    depth = math.prod(left.size(label) for label in inner)
    m, n = [left.size(label) for label in rows], [right.size(label) for label in columns]
    count = len(batch)
    product = left.term.reshape(*left.term.shape[:count], math.prod(m), depth).apply(
        MatMul(), right.term.reshape(*right.term.shape[:count], depth, math.prod(n))
    )
    return Labelled(product.reshape(*product.shape[:count], *m, *n), batch + rows + columns)


def _broadcast_inner(a: Labelled, b: Labelled, inner: str) -> Labelled:
    """``a`` with summed axes of size 1 repeated to the size that they have in ``b``."""
    sizes = (max(a.size(label), b.size(label)) if label in inner else a.size(label) for label in a.labels)
    return Labelled(a.term.broadcast(*sizes), a.labels)


CONVERTERS: dict[str, Converter] = {"Einsum": _einsum}
