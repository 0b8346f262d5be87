"""The page: everything about one build in a single file, without a reference to anything outside of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from string import Template

from compiler.artifact import Artifact, SaveError
from compiler.codegen.plan import Address, Call, CopyCall, KernelCall, Plan, Storage
from compiler.ir import Graph
from compiler.report.graph_view import graph_view
from compiler.report.html import cell, escape, quantity, table
from compiler.report.memory_view import memory_view
from compiler.verification import KernelTime
from runtime.files import replacing

_PAGE = Path(__file__).parent / "page.html"


def write_report(artifact: Artifact, times: Sequence[KernelTime] | None, path: Path) -> None:
    """Write the page to ``path``, complete or not at all. Raises SaveError."""
    try:
        with replacing(path) as file:
            file.write(render_page(artifact, times).encode())
    except OSError as error:
        raise SaveError(path, error.strerror or error) from error


def render_page(artifact: Artifact, times: Sequence[KernelTime] | None = None) -> str:
    """The HTML text; ``times`` has one entry per call, if they were measured."""
    report, manifest = artifact.report, artifact.manifest
    plan = report.plan
    return Template(_PAGE.read_text(encoding="utf-8")).substitute(
        name=escape(manifest.name),
        target=escape(manifest.target.name),
        verification=escape(report.verification),
        facts=_facts(artifact, times),
        graphs=graph_view(report.imported, "As imported") + graph_view(report.optimized, "As compiled"),
        operations=_operations(report.imported, report.optimized),
        memory=memory_view(plan),
        costs=_costs(plan, times),
        calls=_calls(plan),
    )


def _facts(artifact: Artifact, times: Sequence[KernelTime] | None) -> str:
    plan, seconds = artifact.report.plan, artifact.report.seconds
    total = sum(file.bytes for file in artifact.manifest.files.values())
    facts = {
        "size": quantity(total, "B"),
        "weights": quantity(plan.weights_bytes, "B"),
        "working memory": quantity(plan.arena_bytes, "B"),
        "calls": f"{len(plan.calls)} of {len({call.symbol for call in plan.calls if call.symbol})} kernels",
        "kernels from tuning records": str(artifact.report.tuned),
        "arithmetic": quantity(sum(call.flops for call in plan.calls), "flop"),
        "build": ", ".join(f"{step} {time:.2f} s" for step, time in seconds.items()),
    }
    if times is not None:
        facts["one run, one thread"] = f"{1e3 * sum(time.seconds for time in times):.3f} ms"
    return "".join(f"<dt>{escape(key)}</dt><dd>{escape(value)}</dd>" for key, value in facts.items())


def _operations(before: Graph, after: Graph) -> str:
    """How often each op occurs, also inside of fused groups."""
    old, new = _count(before), _count(after)
    rows = [[cell(escape(name)), cell(old[name], old[name]), cell(new[name], new[name])] for name in sorted(old | new)]
    return table("operations", ("op", "imported", "compiled"), rows)


def _count(graph: Graph) -> Counter[str]:
    counts = Counter(node.op.name for node in graph)
    for node in graph:
        for region in node.regions:
            counts += _count(region)
    return counts


def _costs(plan: Plan, times: Sequence[KernelTime] | None) -> str:
    """A row per call with a bar for its share of the time; of the arithmetic, where nothing was measured."""
    shares = [time.seconds for time in times] if times is not None else [call.flops for call in plan.calls]
    most, total = max(shares, default=0) or 1, sum(shares) or 1
    rows: list[list[str]] = []
    for index, (call, share) in enumerate(zip(plan.calls, shares, strict=True)):
        row = [
            cell(index, index),
            cell(escape(call.name)),
            cell(escape(call.template) if isinstance(call, KernelCall) else "copy"),
            cell(quantity(call.flops), call.flops),
            cell(quantity(call.bytes, "B"), call.bytes),
        ]
        if times is not None:
            rate = call.flops / share * 1e-9 if share else 0.0
            row += [cell(f"{1e6 * share:.1f}", share), cell(f"{rate:.1f}", rate)]
        bar = f'<div class="bar" style="width:{75 * share / most:.1f}%"></div>'
        rows.append([*row, cell(f"{bar}{100 * share / total:.1f}%", share, "share")])
    measured = ("us", "GFLOP/s", "share of time") if times is not None else ("share of arithmetic",)
    return table("costs", ("call", "op in the model", "template", "flop", "moves", *measured), rows)


def _calls(plan: Plan) -> str:
    rows = [
        [
            cell(index, index),
            cell(escape(call.name)),
            cell(f"<code>{escape(call.symbol or 'copy')}</code>"),
            cell(_places(plan, _sources(call))),
            cell(_places(plan, _targets(call))),
            cell(call.extent, call.extent),
            cell(escape(call.config) if isinstance(call, KernelCall) else f"{call.rows} x {call.row_bytes} bytes"),
        ]
        for index, call in enumerate(plan.calls)
    ]
    return table("calls", ("call", "op in the model", "kernel", "reads", "writes", "iterations", "config"), rows)


def _sources(call: Call) -> Sequence[Address]:
    return (call.source,) if isinstance(call, CopyCall) else call.operands


def _targets(call: Call) -> Sequence[Address]:
    return (call.destination,) if isinstance(call, CopyCall) else call.results


def _places(plan: Plan, addresses: Sequence[Address]) -> str:
    return "<br>".join(escape(_place(plan, address)) for address in addresses)


def _place(plan: Plan, address: Address) -> str:
    buffer = plan.buffers[address.buffer]
    if buffer.storage in (Storage.INPUT, Storage.OUTPUT):
        tensors = plan.inputs if buffer.storage is Storage.INPUT else plan.outputs
        where = f"{buffer.storage.value} {tensors[buffer.offset][0]}"
        return f"{address.type} in {where}" + (f" + {address.offset}" if address.offset else "")
    return f"{address.type} in {buffer.storage.value} + {buffer.offset + address.offset}"
