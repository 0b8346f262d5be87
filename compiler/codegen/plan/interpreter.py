"""Runs a plan in numpy over one array of bytes: the reference semantics of this level.

Kernels are replaced by the reference of their task, so that a wrong result can only come from the plan: from
an address, a lifetime or the order of calls.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from compiler.codegen.plan.packing import Array, pack, unpack
from compiler.codegen.plan.plan import Address, Call, CopyCall, Plan, Storage
from compiler.ir import Op
from compiler.ir.interpreter import run_graph

Bytes = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]


def run_plan(plan: Plan, inputs: Mapping[str, Array], ops: Iterable[type[Op]] = (), seed: int = 0) -> dict[str, Array]:
    """The outputs for named row-major inputs. Memory starts as seeded noise, so that nothing may rely on
    zeros."""
    memory = _Memory(plan, inputs, np.random.default_rng(seed))
    for call in plan.calls:
        _execute(memory, call, tuple(ops))
    return {
        name: unpack(memory.outputs[i].view(type_.dtype.numpy).reshape(type_.physical_shape), type_.layout, type_.shape)
        for i, (name, type_) in enumerate(plan.outputs)
    }


class _Memory:
    def __init__(self, plan: Plan, inputs: Mapping[str, Array], generator: np.random.Generator) -> None:
        def noise(size: int) -> Bytes:
            return generator.integers(0, 256, size, np.uint8)

        self.plan = plan
        self.inputs = [_raw(pack(inputs[name], type_.layout)) for name, type_ in plan.inputs]
        self.outputs = [noise(type_.bytes) for _, type_ in plan.outputs]
        self.arena = noise(plan.arena_bytes)
        self.weights = noise(plan.weights_bytes)
        for weight in plan.weights:
            stored = _raw(pack(weight.literal.array, weight.layout))
            self.weights[weight.offset : weight.offset + stored.size] = stored

    def bytes(self, address: Address, size: int) -> Bytes:
        """The ``size`` bytes at an address, as a view."""
        buffer = self.plan.buffers[address.buffer]
        match buffer.storage:
            case Storage.INPUT:
                base, start = self.inputs[buffer.offset], 0
            case Storage.OUTPUT:
                base, start = self.outputs[buffer.offset], 0
            case Storage.WEIGHTS:
                base, start = self.weights, buffer.offset
            case Storage.ARENA:
                base, start = self.arena, buffer.offset
        start += address.offset
        view = base[start : start + size]
        assert view.size == size, f"{address} lies outside of its buffer"
        return view

    def load(self, address: Address) -> Array:
        """A copy of the logical array at an address."""
        type_ = address.type
        stored = self.bytes(address, type_.bytes).copy().view(type_.dtype.numpy).reshape(type_.physical_shape)
        return unpack(stored, type_.layout, type_.shape)

    def store(self, address: Address, array: Array) -> None:
        """Write a logical array to an address."""
        self.bytes(address, address.type.bytes)[:] = _raw(pack(array, address.type.layout))


def _execute(memory: _Memory, call: Call, ops: tuple[type[Op], ...]) -> None:
    if isinstance(call, CopyCall):
        _copy(memory, call)
        return
    results = run_graph(call.task.graph(ops), [memory.load(operand) for operand in call.operands])
    for address, array in zip(call.results, results, strict=True):
        memory.store(address, array)


def _copy(memory: _Memory, call: CopyCall) -> None:
    source = memory.bytes(call.source, (call.rows - 1) * call.source_stride + call.row_bytes)
    destination = memory.bytes(call.destination, (call.rows - 1) * call.destination_stride + call.row_bytes)
    for row in range(call.rows):
        at, to = row * call.source_stride, row * call.destination_stride
        destination[to : to + call.row_bytes] = source[at : at + call.row_bytes]


def _raw(array: Array) -> Bytes:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8)
