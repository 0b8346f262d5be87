"""Which tasks models consist of, with which weights, and which other forms of them are worth a trial.

The passes that choose among forms of a node ask the cost of every form. Listening to their questions shows the
alternatives: a form that the static model, or a record, puts close to the chosen one may turn out to be faster, and is
measured too. The passes run again once more is known, and weights change.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import TypeAlias

from compiler.autotune.tuning_task import TuningTask
from compiler.batching import batched, fixed
from compiler.codegen.plan import call_name, graph_tasks
from compiler.codegen.work import node_flops, padding_flops, region_flops
from compiler.ir import Graph, Node, Task, TensorType
from compiler.ir.ops.constant import Constant
from compiler.ir.ops.contraction import Conv
from compiler.ir.ops.movement import Relayout
from compiler.ir.ops.winograd import WinogradConv
from compiler.model_tuner.forest_forms import forest_alternatives, is_part_of_forest
from compiler.passes import CostsOf, PassManager, context_for
from compiler.targets import Target

NEAR = 1.5
"""A form is worth a trial whose cost is at most so many times that of the cheapest form."""
MOST_FORMS = 3
"""Forms of one computation that are tried beside the chosen one, the cheapest first. One that turns out slow makes room
for the next."""
LEAST_SHARE = 0.005
"""Computations that take less of a model's time than this part are left in their form."""
FORMER = 0.5
"""A form that was chosen without records and no longer is, was beaten: to be chosen again, it must take at most this
part of its time."""
WINOGRAD_SAVING = 4.0
"""Multiplications that the largest tiles save, as a factor."""


SecondsOf: TypeAlias = Callable[[Task], float]
"""What one execution of a task is expected to take."""


@dataclass
class Listening:
    """Costs that remember which tasks they were asked about, together with which, and in how many questions."""

    costs: CostsOf
    asked: Counter[Task] = field(default_factory=Counter[Task])
    questions: set[frozenset[Task]] = field(default_factory=set[frozenset[Task]])

    def __call__(self, ways: Sequence[Sequence[Task]]) -> Sequence[float]:
        tasks = list(dict.fromkeys(task for way in ways for task in way))
        self.asked.update(tasks)
        self.questions.add(frozenset(tasks))
        return self.costs(ways)


@dataclass(frozen=True)
class Survey:
    """The tasks of one model as it is built with certain costs: how often each kernel is called, the name of an op that
    it computes; all forms that were considered: how often, and what each is expected to take, in seconds; and which of
    them passes chose among together."""

    model: str
    calls: Mapping[Task, int]
    names: Mapping[Task, str]
    considered: Mapping[Task, int]
    costs: Mapping[Task, float]
    questions: frozenset[frozenset[Task]] = frozenset()

    @cached_property
    def seconds(self) -> float:
        """What one run is expected to take."""
        return sum(calls * self.costs[task] for task, calls in self.calls.items())


@dataclass(frozen=True)
class Model:
    """A model on its way to tasks: ``load`` gives its graph, which ``rest`` of the pipeline has yet to see. What the
    passes before did depends on no cost. ``by_row``: the graph is that of one row, and builds have a dynamic batch."""

    name: str
    load: Callable[[], Graph]
    rest: PassManager
    by_row: bool = False

    def surveys(self, target: Target, costs: CostsOf, seconds: SecondsOf) -> list[Survey]:
        """The tasks of a build with these costs; of one with a dynamic batch those of its tiles of rows, and those
        of its single row. Raises PassError, NotRowWise, and what ``load`` raises."""
        heard: dict[Graph, Listening] = {}

        def optimize(graph: Graph) -> Graph:
            listening = Listening(costs)
            optimized = self.rest.run(graph, context=replace(context_for(target), costs=listening))
            heard[optimized] = listening
            return optimized

        if not self.by_row:
            graph = fixed(self.load(), optimize).main
            return [_survey(self.name, graph_tasks(graph), heard[graph], seconds)]
        built = batched(self.load(), target, optimize).tasks
        found: list[Survey] = []
        for graph, listening in heard.items():
            tasks = {node: built[node] for node in graph if node in built}
            if tasks:  # else a tile of so many rows was tried only
                found.append(_survey(f"{self.name}, {_rows_of(graph)}", tasks, listening, seconds))
        return found


def _rows_of(graph: Graph) -> str:
    rows = graph.inputs[0].type.shape[0]
    return "a row" if rows == 1 else f"{rows} rows"


def _survey(name: str, tasks: Mapping[Node, Task], listening: Listening, seconds: SecondsOf) -> Survey:
    names = {task: call_name(node) for node, task in reversed(list(tasks.items()))}
    considered = dict(listening.asked)
    times = {task: seconds(task) for task in {**considered, **names}}
    return Survey(name, Counter(tasks.values()), names, considered, times, frozenset(listening.questions))


def of_rows(name: str, graph: Graph, manager: PassManager) -> Model:
    """A model with a dynamic batch, of which ``graph`` is that of one row. How many rows a tile has depends on costs,
    so that all passes run every time."""
    return Model(name, partial(_same, graph), manager, by_row=True)


def without_costs(name: str, graph: Graph, manager: PassManager, target: Target) -> Model:
    """A model whose passes have run as far as no cost decides: the rest can be repeated quickly."""
    context = context_for(target)
    assert context.costs is not None
    listening = Listening(context.costs)
    before = graph
    for index, step in enumerate(manager.passes):
        after = PassManager([step]).run(before, context=replace(context, costs=listening))
        if listening.asked:
            return Model(name, partial(_same, before), PassManager(manager.passes[index:]))
        before = after
    return Model(name, partial(_same, before), PassManager(()))


def _same(graph: Graph) -> Graph:
    return graph


def tuning_tasks(
    now: Sequence[Survey], untuned: Sequence[Survey], target: Target, flops_per_second: float
) -> list[TuningTask]:
    """The tasks of models, the heaviest first.

    Several models count alike: each call by its model's time, so that weights times seconds add up to what part of all
    models' times a task takes; of a single model, weights are calls.

    Args:
        now: the models as they would be built today.
        untuned: the same without any record, whose tasks must be measured too if the gain is to be known.
        target: what is tuned for.
        flops_per_second: the peak of one core.
    """
    found = _Found(flops_per_second)
    for survey, before in zip(now, untuned, strict=True):
        scale = 1.0 if len(now) == 1 else 1.0 / found.seconds(survey)
        for task, calls in survey.calls.items():
            found.put(TuningTask(task, survey.names[task], scale * calls, chosen=True, rival=survey.costs[task]))
        for task, (calls, rival) in _alternatives(survey).items():
            found.put(TuningTask(task, _name_of_form(task, survey), scale * calls, chosen=False, rival=rival))
        for task, calls in before.calls.items():
            if task not in found.tasks:
                rival = FORMER * before.costs[task]
                found.put(TuningTask(task, before.names[task], scale * calls, chosen=False, rival=rival))
    return sorted(found.tasks.values(), key=lambda t: -t.weight * t.rival)


@dataclass
class _Found:
    """Tasks, each once, whatever number of models and roles it appears in."""

    flops_per_second: float
    tasks: dict[Task, TuningTask] = field(default_factory=dict[Task, TuningTask])
    bounds: dict[Task, float] = field(default_factory=dict[Task, float])

    def at_least(self, task: Task, seconds: float) -> float:
        """An estimate of a task, no better than what the peak allows."""
        if task not in self.bounds:
            self.bounds[task] = least_flops(task) / self.flops_per_second
        return max(seconds, self.bounds[task])

    def seconds(self, survey: Survey) -> float:
        """What one run of a model takes by its costs, at least."""
        return sum(calls * self.at_least(task, survey.costs[task]) for task, calls in survey.calls.items())

    def put(self, new: TuningTask) -> None:
        known = self.tasks.get(new.task)
        if known is None:
            rival = self.at_least(new.task, new.rival)
            self.tasks[new.task] = replace(new, bound=self.at_least(new.task, 0.0), rival=rival)
            return
        chosen, rival = known.chosen or new.chosen, min(known.rival, new.rival)
        if known.chosen != new.chosen:
            rival = known.rival if known.chosen else new.rival
        self.tasks[new.task] = replace(known, weight=known.weight + new.weight, chosen=chosen, rival=rival)


def _alternatives(survey: Survey) -> dict[Task, tuple[int, float]]:
    """Forms close to the cheapest of what they compute, which builds do not take: how often they could be called, and
    the cost of the cheapest."""
    groups: dict[tuple[object, ...], list[Task]] = defaultdict(list)
    for task in survey.costs:
        if math.isfinite(survey.costs[task]) and not is_part_of_forest(task):
            groups[what_is_computed(task)].append(task)
    found = forest_alternatives(survey.calls, survey.costs, NEAR)
    for forms in groups.values():
        chosen = [task for task in forms if task in survey.calls]
        if not chosen and not all(_joins_convolutions(task) for task in forms):
            continue  # a part of what is computed in one kernel today
        calls = sum(survey.calls[task] for task in chosen) or max(survey.considered.get(task, 0) for task in forms)
        rival = min(survey.costs[task] for task in chosen or forms)
        if calls * rival >= LEAST_SHARE * survey.seconds:
            others = sorted((task for task in forms if task not in survey.calls), key=survey.costs.__getitem__)
            near = [task for task in others if survey.costs[task] <= NEAR * rival]
            found.update((task, (calls, rival)) for task in near[:MOST_FORMS])
    return found


def what_is_computed(task: Task) -> tuple[object, ...]:
    """What all forms of a computation have in common: logical shapes of data and result, and arithmetic. Weights differ
    from form to form, layouts too. Where two computations agree in all this, either tells what the other takes."""
    region = task.graph()
    results = tuple(_logical(value.type) for value in region.outputs)
    nodes = [node for node in region if not isinstance(node.op, Relayout | Constant)]
    if not nodes:
        return ("relayout", task)
    data = _logical(region.inputs[0].type) if region.inputs else None
    ops = Counter(_plain_name(node.op) for node in nodes)
    return (results, data, sum(map(node_flops, nodes)), *sorted(ops.items()))


def _joins_convolutions(task: Task) -> bool:
    return sum(isinstance(node.op, Conv) for node in task.graph()) > 1


def _logical(type_: TensorType) -> tuple[object, ...]:
    return (type_.dtype, type_.shape)


def _plain_name(op: object) -> str:
    return "conv" if isinstance(op, WinogradConv) else str(getattr(op, "name", op))


def least_flops(task: Task) -> float:
    """Operations that no algorithm at hand can do without."""
    region = task.graph()
    saving = WINOGRAD_SAVING if any(isinstance(node.op, WinogradConv) for node in region) else 1.0
    return (region_flops(region) - sum(map(padding_flops, region))) / saving


def _name_of_form(task: Task, survey: Survey) -> str:
    """The name of the op that is computed in another form today."""
    if is_part_of_forest(task):
        return "forest"
    key = what_is_computed(task)
    return next((name for other, name in survey.names.items() if what_is_computed(other) == key), "another form")
