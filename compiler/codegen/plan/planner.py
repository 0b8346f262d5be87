"""From a fused graph and its compiled kernels to a Plan: where every value lies and what is called in which
order.

Four decisions, in this order: views share the memory of what they view; outputs are produced in the caller's
memory; operands of a concat are produced inside its result; a kernel that allows it overwrites an operand
that dies there. What is left over is copied, and the remaining blocks are packed into one arena. Knows
nothing of C.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from compiler.codegen.kernel_info import KernelInfo
from compiler.codegen.plan.assemble import Decisions, assemble
from compiler.codegen.plan.blocks import Block, CopyRequest, Place, embed
from compiler.codegen.plan.plan import Plan, Storage
from compiler.codegen.plan.views import joined_rows, needs_kernel, packed_constant, view_offset
from compiler.ir import Graph, Layout, Literal, Node, Task, Value, task_of


def graph_tasks(graph: Graph) -> dict[Node, Task]:
    """The nodes that need a kernel, in order, each with its task; equal tasks share a kernel."""
    return {node: task_of(node) for node in graph if needs_kernel(node)}


def plan_graph(graph: Graph, tasks: Mapping[Node, Task], kernels: Mapping[Task, KernelInfo]) -> Plan:
    """The plan of ``graph``, whose kernel nodes are ``graph_tasks(graph)``; raises KeyError for a task
    without kernel."""
    return _Planner(graph, tasks, kernels).plan()


class _Planner:
    def __init__(self, graph: Graph, tasks: Mapping[Node, Task], kernels: Mapping[Task, KernelInfo]) -> None:
        self.graph = graph
        self.tasks = tasks
        self.kernels = kernels
        self.nodes = [*graph, graph.terminator]
        self.steps = {node: step for step, node in enumerate(self.nodes)}
        self.end = len(self.nodes) - 1
        self.places: dict[Value, Place] = {}
        self.constants: dict[tuple[str, Layout], Block] = {}
        self.literals: dict[Block, tuple[Literal, Layout]] = {}
        self.copies: list[CopyRequest] = []

    def plan(self) -> Plan:
        self.place_values()
        self.claim_outputs()
        self.join_concats()
        self.overwrite_operands()
        decisions = Decisions(self.steps, self.places, self.literals, self.copies)
        return assemble(self.graph, self.tasks, self.kernels, decisions)

    def place_values(self) -> None:
        """A block per value, but for views, which lie in their operand's, and constants, one per content."""
        for number, value in enumerate(self.graph.inputs):
            self.places[value] = self.new_place(value, Storage.INPUT, 0, number)
        for node in self.graph:
            offset = view_offset(node)
            for value in node.results:
                if (constant := packed_constant(value)) is not None:
                    self.places[value] = self.place_constant(constant.value, value)
                elif offset is not None:
                    viewed = self.places[node.operands[0]]
                    self.places[value] = Place(viewed.block, viewed.offset + offset, value.type.bytes)
                    viewed.block.last = max(viewed.block.last, self.last_use(value))
                else:
                    self.places[value] = self.new_place(value, Storage.ARENA, self.steps[node])

    def new_place(self, value: Value, storage: Storage, step: int, number: int = 0) -> Place:
        size = value.type.bytes
        return Place(Block(storage, size, step, max(step, self.last_use(value)), number), 0, size)

    def place_constant(self, literal: Literal, value: Value) -> Place:
        size, key = value.type.bytes, (literal.digest, value.type.layout)
        if key not in self.constants:
            self.constants[key] = Block(Storage.WEIGHTS, size, 0, self.end)
            self.literals[self.constants[key]] = (literal, value.type.layout)
        return Place(self.constants[key], 0, size)

    def last_use(self, value: Value) -> int:
        return max((self.steps[user] for user in value.users), default=0)

    def claim_outputs(self) -> None:
        """An output that is a whole block of the arena is computed in the caller's memory; the others are
        copied."""
        for number, (name, value) in enumerate(zip(self.graph.output_names, self.graph.outputs, strict=True)):
            place = self.places[value].resolve()
            if place.block.storage is Storage.ARENA and place.is_whole:
                place.block.storage, place.block.number = Storage.OUTPUT, number
            elif size := value.type.bytes:
                target = Place(Block(Storage.OUTPUT, size, self.end, self.end, number), 0, size)
                self.copies.append(CopyRequest(self.end, f"output {name}", value, target, 1, size))

    def join_concats(self) -> None:
        """Operands of a concat along the outermost axis are made inside its result where they have no
        other home."""
        for node in self.graph:
            rows = joined_rows(node)
            if rows is None or not node.result.type.elements:
                continue
            offset = 0
            for operand in node.operands:
                if operand.type.elements:
                    self.join(node, operand, offset, rows)
                offset += operand.type.bytes // rows

    def join(self, concat: Node, operand: Value, offset: int, rows: int) -> None:
        whole = self.places[concat.result]
        slot = Place(whole.block, whole.offset + offset, operand.type.bytes).resolve()
        place = self.places[operand].resolve()
        free = place.block.storage is Storage.ARENA and place.is_whole and place.block is not slot.block
        if rows == 1 and free:
            embed(place.block, slot)
            return
        target = Place(whole.block, whole.offset + offset, whole.bytes - offset)
        name = concat.origin or "concat"
        self.copies.append(CopyRequest(self.steps[concat], name, operand, target, rows, whole.bytes // rows))

    def overwrite_operands(self) -> None:
        """A result takes the memory of an operand that dies at its kernel, where the kernel works in
        place."""
        for node, task in self.tasks.items():
            if len(node.results) == 1:
                allowed = self.kernels[task].in_place
                next((index for index in allowed if self.overwrite(node, index, allowed)), None)

    def overwrite(self, node: Node, index: int, allowed: Sequence[int]) -> bool:
        result, old = self.places[node.result].resolve(), self.places[node.operands[index]].resolve()
        dies = old.block.storage is Storage.ARENA and old.block.last == self.steps[node] and old.is_whole
        if not dies or old.block is result.block or old.bytes != result.bytes:
            return False
        if node.operands[index].type.dtype.bytes != node.result.type.dtype.bytes:
            return False
        if any(
            self.disturbs(value, old, other in allowed) for other, value in enumerate(node.operands) if other != index
        ):
            return False
        if result.block.storage is Storage.ARENA and result.is_whole:
            embed(result.block, old)
            return True
        # The operand must move into a larger block, or into the caller's: never make a larger block live
        # longer.
        if result.block.storage is Storage.ARENA and old.block.first < result.block.first:
            return False
        embed(old.block, result)
        return True

    def disturbs(self, value: Value, overwritten: Place, in_place: bool) -> bool:
        """Whether a kernel would read ``value`` after having overwritten it in ``overwritten``."""
        place = self.places[value].resolve()
        return place.block is overwritten.block and not (in_place and place == overwritten)
