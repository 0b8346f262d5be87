"""Plan -> text, for ``--print-ir-after=plan`` and for people: buffers, constants, then calls in order."""

from __future__ import annotations

import json
from collections.abc import Iterator

from compiler.codegen.plan.plan import Address, Buffer, Call, CopyCall, Plan, Storage


def print_plan(plan: Plan) -> str:
    """The text of a plan, with a batch of both plans, ending in a newline."""
    return "\n".join(line for program in plan.programs for line in _lines(program)) + "\n"


def _lines(plan: Plan) -> Iterator[str]:
    yield f"plan {json.dumps(plan.name)} {{"
    yield (
        f"  // arena {plan.arena_bytes} bytes (at least {plan.live_bytes}; {plan.tensor_bytes} without"
        f" sharing), weights {plan.weights_bytes}, scratch {plan.scratch_bytes} per worker"
    )
    for kind, tensors in (("input", plan.inputs), ("output", plan.outputs)):
        for number, (name, type_) in enumerate(tensors):
            yield f"  {kind} {number} {json.dumps(name)}: {type_}"
    for weight in plan.weights:
        yield f"  constant at {weight.offset}: {weight.type} sha256:{weight.literal.digest[:16]}"
    for number, buffer in enumerate(plan.buffers):
        yield f"  %{number} = {_buffer(buffer)}"
    for call in plan.calls:
        yield f"  {_call(call)}"
    yield "}"


def _buffer(buffer: Buffer) -> str:
    unit = "number" if buffer.storage in (Storage.INPUT, Storage.OUTPUT) else "offset"
    return (
        f"{buffer.storage.value} {{{unit} = {buffer.offset}, bytes = {buffer.bytes},"
        f" space = {buffer.space.value}, steps = {buffer.first}..{buffer.last}}}"
    )


def _call(call: Call) -> str:
    if isinstance(call, CopyCall):
        strides = f"{call.destination_stride}, {call.source_stride}"
        return (
            f"{call.step}: {call.launch.value} copy {_address(call.destination)} <- {_address(call.source)}"
            f" {{rows = {call.rows}, row_bytes = {call.row_bytes}, strides = [{strides}]}}"
            f" @{json.dumps(call.name)}"
        )
    operands = ", ".join(map(_address, call.operands))
    results = ", ".join(map(_address, call.results))
    return (
        f"{call.step}: {call.launch.value} {call.symbol}({operands}) -> {results} {{extent = {call.extent},"
        f" scratch = {call.scratch_bytes}}} @{json.dumps(call.name)}"
    )


def _address(address: Address) -> str:
    shift = f"+{address.offset}" if address.offset else ""
    return f"%{address.buffer}{shift}: {address.type}"
