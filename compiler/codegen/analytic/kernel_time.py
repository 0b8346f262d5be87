"""Cycles of a whole kernel of sums of products, from its assembly and its task: a model, nothing is run.

Its multiply-adds are spread over the innermost loops as its register tiles are (``tile_runs``): a loop belongs to the
tiles of as many sums as it has accumulators. A tile takes as long as its loop keeps the busiest part of the core busy,
or its chains of sums, as far as the core does not go on to the next tile meanwhile. Beside that comes what is fetched
from the second-level cache: weights, if they do not stay in the first, and lines that find no place in their set of it.
Memory comes from ``machine``: of arithmetic, weights and activations the slowest counts fully, as the others overlap
with it, but for a quarter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from compiler.codegen.analytic.assembly import Code, Loop
from compiler.codegen.analytic.loop_time import LoopTime, loop_time, store_cycles
from compiler.codegen.analytic.machine import (
    far_bytes_per_cycle,
    instruction_window,
    near_bytes_per_cycle,
    streaming_cycles,
)
from compiler.codegen.analytic.tile_runs import TileRun, multiply_adds, tile_runs
from compiler.codegen.analytic.winograd import WinogradCut, WinogradTiling, transforms_cycles
from compiler.codegen.analytic.working_sets import STAYS, WorkingSets, working_sets
from compiler.codegen.work import node_flops
from compiler.ir import Graph, Node
from compiler.ir.ops.contraction import Conv, MatMul
from compiler.ir.ops.winograd import WinogradConv
from compiler.targets import Target

OVERLAPPED = 1 / 4
"""What is left of the time of a part that runs beside a slower one."""

TILE_CYCLES, ENTRY_CYCLES = 8.0, 3.0
"""What a tile, and each time that its innermost loop is entered, takes beside arithmetic: addresses and branches."""

INTERFERENCE = 4
"""The exponent by which computing and fetching from the second-level cache add up: where both take alike, a fifth is
lost, and next to nothing where one takes half of the other. Seen on a product's tiles of two, three and four rows."""


class NoSumsError(ValueError):
    """A kernel without a loop of multiply-adds."""

    def __init__(self, template: str) -> None:
        super().__init__(f"no loop of this kernel of {template} multiplies and adds vectors")


@dataclass(frozen=True)
class KernelTime:
    """``multiply_adds``: vectors that must be multiplied and added, those of padding left out; ``loop``: the innermost
    loop that does most of them, of which an iteration takes ``loop_time``; ``remainder``: the part of them that tiles
    of another size do; the rest is cycles of the whole kernel."""

    multiply_adds: float
    loop: Loop
    loop_time: LoopTime
    remainder: float
    computing: float
    writing: float
    weights: float
    activations: float
    fma_ports: float

    @property
    def cycles(self) -> float:
        """The slowest part, and a quarter of the others."""
        parts = (self.computing + self.writing, self.weights, self.activations)
        return max(parts) + OVERLAPPED * (sum(parts) - max(parts))

    @property
    def of_peak(self) -> float:
        """Multiply-adds by those that the core can do in as many cycles."""
        return self.multiply_adds / self.fma_ports / self.cycles


def kernel_time(
    region: Graph, template: str, config: Mapping[str, int], code: Code, target: Target, extent: int = 1
) -> KernelTime:
    """The model's answer for the kernel that a template made of a region; ``extent``: iterations of its parallel loop.

    Raises NoSumsError for a kernel without a loop of multiply-adds.
    """
    loops = [loop for loop in code.loops if loop.multiply_adds]
    sums = sums_of(region)
    if not loops or not sums:
        raise NoSumsError(template)
    model = _Model(loops, template, config, target, extent)
    runs = {node: model.runs(node) for node in sums}
    every = [run for found in runs.values() for run in found]
    usual = max(every, key=lambda run: run.products)
    alike = sum(run.products for run in every if run.sums == usual.sums)
    main = model.loop_of(usual.sums)
    epilogue = sum(node_flops(node) for node in region if node not in sums) / target.lanes(4) / target.fma_ports
    return KernelTime(
        multiply_adds=sum(multiply_adds(node, target) for node in sums),
        loop=main,
        loop_time=loop_time(main, target),
        remainder=1 - alike / sum(run.products for run in every),
        computing=sum(model.computing(node, found) for node, found in runs.items()),
        writing=sum(model.writing(node, found) for node, found in runs.items()) + epilogue,
        weights=sum(model.weights(node) for node in sums),
        activations=model.activations(region, sums),
        fma_ports=target.fma_ports,
    )


def sums_of(region: Graph) -> list[Node]:
    """The convolutions and matrix products of a region."""
    return [node for node in region if isinstance(node.op, Conv | MatMul | WinogradConv)]


@dataclass(frozen=True)
class _Model:
    """A kernel's loops of multiply-adds, and what its nest does with them."""

    loops: Sequence[Loop]
    template: str
    config: Mapping[str, int]
    target: Target
    extent: int

    def runs(self, node: Node) -> list[TileRun]:
        """The register tiles of a sum of products; of an unknown nest, those of the loop with most accumulators."""
        if found := tile_runs(node, self.template, self.config, self.target):
            return found
        sums = max(len(loop.chains) for loop in self.loops)
        count = max(1.0, node.result.type.elements / self.target.lanes(4) / sums)
        return [TileRun(sums, 1, count, multiply_adds(node, self.target))]

    def loop_of(self, sums: int) -> Loop:
        """The loop of the tiles of so many sums: the fastest with as many accumulators, since LLVM also makes loops of
        what surrounds a loop and of what is left over of it; with none, one of the next smaller number. Where a loop
        spills, its sums go from register to register, so that there seem to be more of them."""
        held = [(min(len(loop.chains), sums) if loop.spills else len(loop.chains), loop) for loop in self.loops]
        most = max((count for count, _ in held if count <= sums), default=0)
        if not most:
            return max(self.loops, key=lambda loop: loop.multiply_adds)
        alike = [loop for count, loop in held if count == most]
        return min(alike, key=lambda loop: loop_time(loop, self.target).cycles / loop.multiply_adds)

    def sets(self, node: Node) -> WorkingSets:
        """What the nest keeps using."""
        return working_sets(node, self.template, self.config, self.extent, self.target)

    def computing(self, node: Node, runs: Sequence[TileRun]) -> float:
        """All tiles, each by the slowest of what it keeps busy, and by what is fetched meanwhile."""
        target, fetched = self.target, self.sets(node).fetched(self.target)
        total = 0.0
        for run in runs:
            loop, products = self.loop_of(run.sums), run.products / run.count
            time, steps = loop_time(loop, target), products / loop.multiply_adds
            instructions = steps * len(loop.instructions) + 3 * run.sums
            waiting = steps * time.chains / (1 + instruction_window(target) / instructions)
            reads = products / run.sums
            # Weights of a tile come in order, twice as fast as what machine says of all that a kernel reads.
            fetching = reads * run.vectors * target.vector_bytes / (2 * near_bytes_per_cycle(target)) * fetched
            # A vector of elements is read once, an element that is broadcast from memory at every step.
            crowded = run.crowded / (target.lanes(4) if target.multiplies_by_element else 1)
            fetching += reads * crowded * target.cache_line_bytes / near_bytes_per_cycle(target)
            total += run.count * _beside(max(steps * time.throughput, waiting), fetching)
        return total

    def writing(self, node: Node, runs: Sequence[TileRun]) -> float:
        """What surrounds the loops of all tiles, and stores of the sums; of Winograd's algorithm, its transforms."""
        around = sum(run.count * (TILE_CYCLES + run.entries * ENTRY_CYCLES) for run in runs)
        if isinstance(node.op, WinogradConv):
            tiling = WinogradTiling(self.config["run"], self.config["share"], self.config["tile"])
            return around + transforms_cycles(WinogradCut.of(node, self.target), tiling)
        vectors = sum(run.count * run.sums for run in runs)
        return around + vectors * (store_cycles(self.target) + 1 / self.target.fma_ports)

    def weights(self, node: Node) -> float:
        """All weights from afar. Those that do not stay in the second-level cache come again for every span of the
        result: in order, from the third one, where there is one that holds them, as fast as the second one delivers."""
        sets, target, bytes_ = self.sets(node), self.target, node.operands[1].type.bytes
        far = far_bytes_per_cycle(target)
        if bytes_ + sets.inputs <= STAYS * target.l2_bytes:
            return bytes_ / far
        again = 2 * near_bytes_per_cycle(target) if bytes_ <= STAYS * target.l3_bytes else far
        return bytes_ / far + (sets.passes - 1) * bytes_ / again

    def activations(self, region: Graph, sums: Sequence[Node]) -> float:
        """Operands and results once, in order, wherever they are."""
        weights = [node.operands[1] for node in sums]
        data = [value for value in (*region.inputs, *region.outputs) if value not in weights]
        return streaming_cycles(sum(value.type.bytes for value in data), self.target)


def _beside(computing: float, fetching: float) -> float:
    """Cycles of both together: a core computes while it fetches, but the more evenly the less."""
    return (computing**INTERFERENCE + fetching**INTERFERENCE) ** (1 / INTERFERENCE)
