"""What a call of the plan has to do: its arithmetic, its bytes, and the shape of its sums. Counts; measures nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass

from compiler.codegen.plan.plan import Address, Call, KernelCall, Plan, Storage
from compiler.codegen.work import node_flops, padding_flops
from compiler.ir import Graph, Node
from compiler.ir.cook_toom import TAPS
from compiler.ir.ops.contraction import Conv, MatMul
from compiler.ir.ops.winograd import WinogradConv

COPY = "copy"
OTHER = "other"
WINOGRAD = "winograd"
DEPTHWISE = "depthwise"
SUMS_OF_PRODUCTS = frozenset({"conv", "matmul"})
"""Kinds whose speed is bounded by multiply-adds: direct convolutions and matrix products."""


@dataclass(frozen=True)
class Contraction:
    """A sum of products in a kernel; `pixels` are the positions of an output channel or column.

    `shape` is for readers: ``64<-256 1x1/1 56x56`` is a convolution of 256 to 64 channels with a window of 1x1 at
    stride 1 into 56 x 56 pixels, ``128x768x3072`` a product of rows x sum x columns.
    """

    kind: str
    shape: str
    flops: int
    input_channels: int
    output_channels: int
    pixels: int
    stride: int


@dataclass(frozen=True)
class Work:
    """One call of a plan. `flops` are those of the contractions by the direct algorithm, or of everything where
    there is none; `weight_bytes` of `bytes` are constants."""

    name: str
    template: str
    config: str
    contractions: tuple[Contraction, ...]
    flops: float
    other_flops: float
    bytes: float
    weight_bytes: float

    @property
    def kind(self) -> str:
        """What bounds it: the kinds of its contractions, or the algorithm where that changes the count."""
        if WINOGRAD in self.template:
            return WINOGRAD
        kinds = dict.fromkeys(contraction.kind for contraction in self.contractions)
        return "+".join(kinds) or (OTHER if self.template else COPY)

    @property
    def shape(self) -> str:
        """The shapes of its contractions."""
        return ", ".join(contraction.shape for contraction in self.contractions)

    @property
    def is_sum_of_products(self) -> bool:
        """Whether percent of the machine's peak is what to judge it by."""
        return self.kind != WINOGRAD and bool(kinds := set(self.kind.split("+"))) and kinds <= SUMS_OF_PRODUCTS


def plan_work(plan: Plan) -> list[Work]:
    """The work of every call, in the plan's order."""
    return [_work(plan, call) for call in plan.calls]


def _work(plan: Plan, call: Call) -> Work:
    if not isinstance(call, KernelCall):
        return Work(call.name, "", "", (), 0.0, 0.0, call.bytes, 0.0)
    sums = tuple(contractions(call.task.graph()))
    flops = float(sum(contraction.flops for contraction in sums))
    weights = [address for address in call.operands if _is_weight(plan, address)]
    return Work(
        name=call.name,
        template=call.template,
        config=call.config,
        contractions=sums,
        flops=flops or call.flops,
        other_flops=max(call.flops - flops, 0.0) if sums else 0.0,
        bytes=call.bytes,
        weight_bytes=float(sum(address.type.bytes for address in weights)),
    )


def _is_weight(plan: Plan, address: Address) -> bool:
    return plan.buffers[address.buffer].storage is Storage.WEIGHTS


def contractions(region: Graph) -> list[Contraction]:
    """The sums of products of a region."""
    return [found for node in region if (found := _contraction(node))]


def _contraction(node: Node) -> Contraction | None:
    if not isinstance(node.op, Conv | MatMul | WinogradConv):
        return None
    result = node.results[0].type
    left, right = (operand.type.shape for operand in node.operands)
    if isinstance(node.op, WinogradConv):
        flops, pixels = 2 * result.elements * left[1] * TAPS**2, math.prod(result.shape[2:])
        shape = f"{right[1]}<-{left[1]} {TAPS}x{TAPS}/1 {_times(result.shape[2:])}"
        return Contraction(WINOGRAD, shape, flops, left[1], right[1], pixels, 1)
    if isinstance(node.op, MatMul):
        flops = 2 * result.elements * left[-1]
        pixels = result.elements // result.shape[-1]
        shape = f"{pixels}x{left[-1]}x{result.shape[-1]}"
        return Contraction("matmul", shape, flops, left[-1], result.shape[-1], pixels, 1)
    groups = node.op.groups
    kind = DEPTHWISE if groups > 1 and right[1] == 1 else "conv"
    flops = node_flops(node) - padding_flops(node)
    pixels, stride = math.prod(result.shape[2:]), max(node.op.strides)
    shape = f"{right[0]}<-{left[1]} {_times(right[2:])}/{stride} {_times(result.shape[2:])}"
    shape += f" in {groups} groups" if groups > 1 and kind != DEPTHWISE else ""
    return Contraction(kind, shape, flops, right[1], right[0] // groups, pixels, stride)


def _times(sizes: tuple[int, ...]) -> str:
    return "x".join(map(str, sizes))
