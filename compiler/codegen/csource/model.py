"""The generated model.c: a Plan as C, for the runtime to execute.

One wrapper per call puts addresses into a kernel's arguments; tables describe inputs, outputs and calls. The
contract is kiln_plan.h. Knows nothing of how the kernels compute; whoever reads the text should see the whole
run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from compiler.codegen.csource.text import array, comment, number, string
from compiler.codegen.plan import Address, Call, CopyCall, KernelCall, Plan, Storage
from compiler.ir import DType, TensorType
from compiler.targets import Target

# The names of kiln_dtype in kiln.h.
_DTYPES = {
    DType.BOOL: "KILN_BOOL",
    DType.I8: "KILN_INT8",
    DType.U8: "KILN_UINT8",
    DType.I16: "KILN_INT16",
    DType.U16: "KILN_UINT16",
    DType.I32: "KILN_INT32",
    DType.U32: "KILN_UINT32",
    DType.I64: "KILN_INT64",
    DType.U64: "KILN_UINT64",
    DType.F16: "KILN_FLOAT16",
    DType.BF16: "KILN_BFLOAT16",
    DType.F32: "KILN_FLOAT32",
    DType.F64: "KILN_FLOAT64",
}


@dataclass(frozen=True)
class WeightsDigest:
    """What the plan repeats of the header of weights.bin, so that foreign weights are refused."""

    payload_bytes: int
    sha256: bytes


CAREFUL_HERTZ = 1.5e9
"""The clock at which kernels are taken to reach their peak when the runtime decides how many threads a call is worth:
low, since few kernels reach it."""


def model_source(plan: Plan, target: Target, weights: WeightsDigest) -> str:
    """The text of model.c; the same text for equal plans."""
    return "\n".join(_lines(plan, target, weights)) + "\n"


def _prefixed(plan: Plan) -> Iterator[tuple[str, Plan]]:
    """The plan itself and those for smaller tiles, with what the names of what belongs to them begin with."""
    tiles = plan.batch.smaller if plan.batch else ()
    return zip(("", *(f"rows_{tile.rows}_" for tile in tiles)), plan.programs, strict=True)


def _lines(plan: Plan, target: Target, weights: WeightsDigest) -> Iterator[str]:
    yield f"/* {comment(plan.name)} for {comment(target.name)}, generated."
    for program in plan.programs:
        yield " *"
        yield (
            f" * {len(program.calls)} calls; weights {program.weights_bytes} bytes;"
            f" scratch {program.scratch_bytes} a worker;"
        )
        yield f" * arena {program.arena_bytes} (at least {program.live_bytes}; {program.tensor_bytes} without sharing)."
    yield " */"
    yield '#include "kiln_plan.h"'
    yield ""
    yield "#include <string.h>"
    yield ""
    yield from _declarations(plan)
    for prefix, program in _prefixed(plan):
        for index, call in enumerate(program.calls):
            yield ""
            yield from _wrapper(program, f"{prefix}call_{index}", call)
    yield ""
    dynamic = plan.batch is not None
    yield from array("kiln_tensor", "inputs", [_tensor(*tensor, dynamic=dynamic) for tensor in plan.inputs])
    yield ""
    yield from array("kiln_tensor", "outputs", [_tensor(*tensor, dynamic=dynamic) for tensor in plan.outputs])
    for prefix, program in _prefixed(plan):
        yield ""
        rows = [_row(f"{prefix}call_{index}", call) for index, call in enumerate(program.calls)]
        yield from array("kiln_call", f"{prefix}calls", rows)
    yield ""
    yield from array("kiln_program", "programs", _programs(plan))
    yield ""
    yield from array("char *const", "features", [string(feature) for feature in target.features])
    yield ""
    yield from _plan(plan, target, weights)


def _declarations(plan: Plan) -> Iterator[str]:
    yield "/* Kernels, by the hash of what they compute: operands, results, scratch if any, iterations. */"
    declared: dict[str, int] = {}
    for program in plan.programs:
        for call in program.calls:
            if isinstance(call, KernelCall):
                declared[call.symbol] = len(_arguments(program, call))
    for symbol, count in declared.items():
        yield f"void {symbol}({'void *, ' * count}int32_t, int32_t);"


def _wrapper(plan: Plan, name: str, call: Call) -> Iterator[str]:
    yield f"/* {comment(call.name)}"
    if isinstance(call, KernelCall):
        yield f" * {comment(call.template)} {comment(call.config)}"
        yield from (f" *   {_described(plan, operand)}" for operand in call.operands)
        yield from (f" *   -> {_described(plan, result)}" for result in call.results)
    else:
        yield f" *   {_described(plan, call.source)}"
        yield f" *   -> {_described(plan, call.destination)}"
    yield " */"
    yield f"static void {name}(const kiln_frame *f, int32_t begin, int32_t end, int32_t worker) {{"
    yield from (f"    {line}" for line in _body(plan, call))
    yield "}"


def _body(plan: Plan, call: Call) -> Iterator[str]:
    if isinstance(call, CopyCall):
        yield "(void)worker;"
        yield f"const char *source = {_pointer(plan, call.source, 'const char *')};"
        yield f"char *destination = {_pointer(plan, call.destination, 'char *')};"
        yield "for (int32_t row = begin; row < end; row++)"
        yield (
            f"    memcpy(destination + (size_t)row * {call.destination_stride},"
            f" source + (size_t)row * {call.source_stride}, {call.row_bytes});"
        )
        return
    if not call.scratch_bytes:
        yield "(void)worker;"
    yield f"{call.symbol}("
    yield from (f"    {argument}," for argument in _arguments(plan, call))
    yield "    begin, end);"


def _arguments(plan: Plan, call: KernelCall) -> list[str]:
    arguments = [_pointer(plan, address, "void *") for address in (*call.operands, *call.results)]
    return [*arguments, "KILN_SCRATCH(f, worker)"] if call.scratch_bytes else arguments


def _pointer(plan: Plan, address: Address, kind: str) -> str:
    """An expression of C type ``kind``, ``char *`` or ``void *`` with or without const."""
    buffer = plan.buffers[address.buffer]
    match buffer.storage:
        case Storage.INPUT:
            base, offset = f"(const char *)f->inputs[{buffer.offset}]", address.offset
        case Storage.OUTPUT:
            base, offset = f"(char *)f->outputs[{buffer.offset}]", address.offset
        case Storage.WEIGHTS:
            base, offset = "f->weights", buffer.offset + address.offset
        case Storage.ARENA:
            base, offset = "f->arena", buffer.offset + address.offset
    return f"({kind})({base} + {offset})"


def _described(plan: Plan, address: Address) -> str:
    buffer = plan.buffers[address.buffer]
    if buffer.storage in (Storage.INPUT, Storage.OUTPUT):
        return f"{address.type} {buffer.storage.value} {buffer.offset} + {address.offset}"
    return f"{address.type} {buffer.storage.value} + {buffer.offset + address.offset}"


def _tensor(name: str, type_: TensorType, *, dynamic: bool) -> str:
    dims = [str(size) for size in type_.shape]
    size = type_.bytes
    if dynamic:
        dims[0], size = "KILN_DYNAMIC", size // type_.shape[0]
    shape = f"(const int64_t[]){{{', '.join(dims)}}}" if type_.shape else "NULL"
    return f"{{{string(name)}, {_DTYPES[type_.dtype]}, {type_.rank}, {shape}, {size}u}}"


def _row(function: str, call: Call) -> str:
    costs = ", ".join(map(number, (call.flops, call.bytes, call.seconds)))
    return f"{{{string(call.name)}, {function}, {call.extent}, {costs}}}"


def _programs(plan: Plan) -> list[str]:
    batch = plan.batch
    tiles = (batch, *batch.smaller) if batch else ()
    sizes = [(tile.rows, tile.seconds) for tile in tiles] or [(0, 0.0)]
    return [
        f"{{{prefix}calls, {len(program.calls)}, {rows}, {number(seconds)}}}"
        for (prefix, program), (rows, seconds) in zip(_prefixed(plan), sizes, strict=True)
    ]


def _plan(plan: Plan, target: Target, weights: WeightsDigest) -> Iterator[str]:
    elements = [type_.dtype.bytes for _, type_ in (*plan.inputs, *plan.outputs)]
    digest = ", ".join(f"0x{byte:02x}" for byte in weights.sha256)
    yield "const kiln_plan kiln_model_plan = {"
    yield "    .abi = KILN_PLAN_ABI,"
    yield f"    .name = {string(plan.name)},"
    yield f"    .target = {string(target.name)},"
    yield "    .features = features,"
    yield f"    .n_features = {len(target.features)},"
    yield "    .inputs = inputs,"
    yield f"    .n_inputs = {len(plan.inputs)},"
    yield "    .outputs = outputs,"
    yield f"    .n_outputs = {len(plan.outputs)},"
    yield f"    .io_alignment = {max(elements, default=1)},"
    yield "    .programs = programs,"
    yield f"    .n_programs = {len(plan.programs)},"
    if plan.batch:
        yield f"    .row_tile = {plan.batch.rows},"
        yield f"    .same_results = {str(plan.batch.same_results).lower()},"
    yield f"    .arena_bytes = {max(program.arena_bytes for program in plan.programs)}u,"
    yield f"    .scratch_bytes = {max(program.scratch_bytes for program in plan.programs)}u,"
    yield f"    .flops_per_second = {target.peak_flops_per_cycle * CAREFUL_HERTZ:g},"
    yield f"    .weights_bytes = {weights.payload_bytes}u,"
    yield f"    .weights_sha256 = {{{digest}}},"
    yield "};"
