"""Finds where a compiled model goes wrong: in the import, in a pass, or in one kernel.

Each stage is judged on its own. The import is compared with the source framework; the graph after a pass with
the graph before it, both run by the reference interpreter; a kernel with the reference of its op *on the
operands that the compiled model really had*, so that an error is charged to the kernel that makes it and not
to those that pass it on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from compiler.codegen.plan import call_name, graph_tasks
from compiler.codegen.toolchain import find_compiler, how_to_run
from compiler.driver import Settings, build
from compiler.errors import BuildError
from compiler.ir import ROW_MAJOR, Graph, Node, Rewriter, Value, clone, evaluate
from compiler.ir.interpreter import evaluate_node
from compiler.ir.literal import Array
from compiler.ir.ops.movement import Relayout
from compiler.passes import PassManager
from compiler.source import OracleError, Source
from compiler.tuning_records import context_of
from compiler.verification import build_runner, differences, tolerance_for


@dataclass(frozen=True)
class Finding:
    """The first place that is wrong. ``stage`` is ``import``, ``pass``, ``kernel`` or ``plan``;
    ``culprit`` names the pass or the op in the source model; ``detail`` says what is wrong with it."""

    stage: str
    culprit: str
    detail: str


def bisect(source: Source, inputs: Mapping[str, Array], settings: Settings) -> Finding | None:
    """The first wrong place, or None if the compiled model agrees with the source framework on ``inputs``.

    Raises what loading and compiling raise.
    """
    graph = source.load()
    stages = (
        lambda: find_wrong_import(source, graph, inputs),
        lambda: find_wrong_pass(graph, inputs, settings),
        lambda: find_wrong_kernel(_optimize(graph, settings), inputs, settings),
    )
    return next((finding for stage in stages if (finding := stage()) is not None), None)


def find_wrong_import(source: Source, graph: Graph, inputs: Mapping[str, Array]) -> Finding | None:
    """Compare the imported graph with the source framework."""
    try:
        answer = source.ask(graph, inputs)
    except OracleError:
        return None  # nobody to ask: the import is taken for granted
    wrong = _compare(graph, evaluate(graph, inputs), answer.outputs)
    return Finding("import", source.label, f"differs from {answer.authority}: {wrong[0]}") if wrong else None


def find_wrong_pass(graph: Graph, inputs: Mapping[str, Array], settings: Settings) -> Finding | None:
    """Run the pipeline pass by pass; the first one after which the reference gives other outputs."""
    before, expected = clone(graph), evaluate(graph, inputs)
    with settings.open_tuning() as tuned:
        for step in settings.manager.passes:
            after = PassManager([step]).run(before, context=context_of(tuned))
            wrong = _compare(graph, evaluate(after, inputs), expected)
            if wrong:
                place = _first_changed_value(before, after, inputs)
                return Finding("pass", str(step), f"{place}{wrong[0]}")
            before = after
    return None


def find_wrong_kernel(graph: Graph, inputs: Mapping[str, Array], settings: Settings) -> Finding | None:
    """Compile ``graph`` with every kernel's results as outputs, run it, and judge each kernel on its
    operands.

    If all are right, compile it as it is: what differs then comes from the plan, that is, from shared memory.
    """
    exposed, names = expose_results(graph)
    made = _run_compiled(exposed, inputs, settings)
    values = dict(zip(graph.inputs, (inputs[name] for name in graph.input_names), strict=True))
    for node in graph:
        expected = evaluate_node(node, [values[operand] for operand in node.operands])
        results = dict(zip(node.results, expected, strict=True))
        results |= {value: made[names[value]] for value in node.results if value in names}
        if wrong := _compare_node(node, results, expected):
            return Finding("kernel", call_name(node), f"{_described(node)}: {wrong[0]}")
        values |= results
    together = _run_compiled(graph, inputs, settings)
    alone = {name: values[value] for name, value in zip(graph.output_names, graph.outputs, strict=True)}
    if wrong := _compare(graph, together, alone):
        return Finding("plan", graph.name, f"each kernel is right by itself, together they are not: {wrong[0]}")
    return None


def expose_results(graph: Graph) -> tuple[Graph, dict[Value, str]]:
    """A copy whose further outputs are all results of kernels; and their names, by value of the given
    graph."""
    copy = clone(graph)
    rewriter = Rewriter(copy)
    kernels = graph_tasks(copy)
    names: dict[Value, str] = {}
    for index, (node, twin) in enumerate(zip(graph.nodes, copy.nodes, strict=True)):
        for value, exposed in zip(node.results, twin.results, strict=True):
            if twin in kernels and value.type.elements:
                names[value] = f"kiln.{index}.{value.index}"
                plain = exposed.type.layout == ROW_MAJOR
                rewriter.output(names[value], exposed if plain else rewriter.emit(Relayout(ROW_MAJOR), exposed))
    return copy, names


def _optimize(graph: Graph, settings: Settings) -> Graph:
    with settings.open_tuning() as tuned:
        return settings.manager.run(graph, context=context_of(tuned))


def _run_compiled(graph: Graph, inputs: Mapping[str, Array], settings: Settings) -> dict[str, Array]:
    """Compile a graph as it is and run it. Raises BuildError, RunError."""
    execution = how_to_run(settings.target)
    if execution.kind == "none":
        raise BuildError(f"{settings.target.name} cannot be run here: {execution.reason}")
    as_it_is = replace(settings, pipeline="", verify=False)
    with build(Source(graph), as_it_is) as artifact:
        runner = build_runner(find_compiler(settings.target), settings.cache / "c", execution.prefix)
        return runner.run(artifact.directory, artifact.manifest, inputs)


def _compare(graph: Graph, got: Mapping[str, Array], want: Mapping[str, Array]) -> list[str]:
    types = {name: value.type for name, value in zip(graph.output_names, graph.outputs, strict=True)}
    return differences(types, got, want, tolerance_for(types.values()))


def _compare_node(node: Node, got: Mapping[Value, Array], want: Sequence[Array]) -> list[str]:
    names = {value: f"result {value.index}" for value in node.results}
    types = {names[value]: value.type for value in node.results}
    wanted = {names[value]: array for value, array in zip(node.results, want, strict=True)}
    return differences(
        types, {names[value]: got[value] for value in node.results}, wanted, tolerance_for(types.values())
    )


def _described(node: Node) -> str:
    ops = ", ".join(inner.op.name for region in node.regions for inner in region)
    operands = ", ".join(str(operand.type) for operand in node.operands)
    return f"{node.op.name}{f' of {ops}' if ops else ''} on {operands}"


def _first_changed_value(before: Graph, after: Graph, inputs: Mapping[str, Array]) -> str:
    """The first op of the source model whose result a pass has changed; nothing if none can be named.

    An op of the source may have become several nodes: the last of them has its result.
    """
    old, new = ({node.origin: (node, arrays) for node, arrays in _results(g, inputs)} for g in (before, after))
    for origin, (node, arrays) in new.items():
        twin, expected = old.get(origin, (None, []))
        comparable = twin is not None and [v.type for v in twin.results] == [v.type for v in node.results]
        if origin and comparable and _compare_node(node, dict(zip(node.results, arrays, strict=True)), expected):
            return f"at {node.op.name} {origin!r}: "
    return ""


def _results(graph: Graph, inputs: Mapping[str, Array]) -> Iterator[tuple[Node, list[Array]]]:
    """Every node with its reference results, in order."""
    values = dict(zip(graph.inputs, (inputs[name] for name in graph.input_names), strict=True))
    for node in graph:
        arrays = evaluate_node(node, [values[operand] for operand in node.operands])
        values.update(zip(node.results, arrays, strict=True))
        yield node, arrays
