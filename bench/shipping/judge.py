"""Whether records make networks faster: a build with them against one without, kernel by kernel in the static model, or
run in turns where they were measured and the target runs here."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeAlias

import onnx

from bench.inputs import with_known_shapes
from bench.models.catalog import make_model
from bench.shipping.select import Selection
from compiler.autotune.lookup import TunedChoices
from compiler.autotune.measure.builder import WorkerBuilder
from compiler.autotune.record import Status
from compiler.autotune.validity import Validity
from compiler.codegen.analytic import estimator
from compiler.codegen.plan import graph_tasks
from compiler.codegen.space import Choice
from compiler.codegen.task_spaces import task_spaces
from compiler.driver import Settings, build
from compiler.errors import BuildError
from compiler.ir import Task
from compiler.model_tuner.compare import compare
from compiler.model_tuner.forecast import ModelsSurveyed
from compiler.model_tuner.keep import ever_fewer, tasks_of
from compiler.model_tuner.networks import FIRST_PASS, load_network
from compiler.model_tuner.promise import Promise, promises
from compiler.model_tuner.survey import Model, Survey
from compiler.passes import PassManager, context_for
from compiler.source import Source


@dataclass(frozen=True)
class Verdict:
    """Seconds of one run of a network on one core, without and with records, and what to do with these."""

    network: str
    untuned: float
    tuned: float
    is_no_loss: bool
    tasks: frozenset[str]
    """Hashes of the tasks of either build."""
    promised: tuple[Promise, ...] = ()
    """Of a loss, what the records promise, the most first."""

    @property
    def gain(self) -> float:
        """How many times faster the records make it."""
        return self.untuned / self.tuned


Judge: TypeAlias = Callable[[str, Selection], Verdict]
"""Says what records do to a network. Raises BuildError, DatabaseError, RunError."""


def without_losses(networks: Sequence[str], selection: Selection, judge: Judge) -> tuple[Selection, dict[str, Verdict]]:
    """Drop records of a network that they make slower, all but those that promise most and lose nothing, until none is;
    what is left, and what it does to each."""
    verdicts: dict[str, Verdict] = {}
    waiting = list(networks)
    while waiting:
        verdict = verdicts[waiting[0]] = judge(waiting[0], selection)
        losing = verdict.tasks & selection.texts.keys()
        if verdict.is_no_loss or not losing:
            waiting.pop(0)
            continue
        left = [selection.without(losing - tasks_of(kept)) for kept in ever_fewer(verdict.promised)]
        holding = (fewer for fewer in left if judge(verdict.network, fewer).is_no_loss)
        selection = next(holding, selection.without(losing))
        waiting = list(networks)
    return selection, verdicts


class StaticJudge:
    """Judges by the static model of every kernel of both builds, whatever seconds records have."""

    def __init__(self, settings: Settings, validity: Validity) -> None:
        self._settings, self._validity = settings, validity
        cache = settings.cache / "kernels"
        self._builder = WorkerBuilder(settings.target, cache, settings.workers, estimates_only=True)
        self._defaults: dict[Task, Choice] = {}
        self._known: dict[tuple[Task, Choice], float] = {}

    def __call__(self, network: str, selection: Selection) -> Verdict:
        target, model = self._settings.target, standard_model(network)
        with selection.database("records to ship") as database:
            choices = TunedChoices([database], target, lambda: self._validity)
            untuned, tuned = surveys(model, choices)
            chosen = {task: choice for task in tuned.calls if (choice := choices.choose(task, target))}
        tasks = frozenset(task.hash for survey in (untuned, tuned) for task in survey.calls)
        if not chosen and tuned.calls == untuned.calls:  # both builds are the same: no kernel needs to be made
            return Verdict(network, untuned.seconds, untuned.seconds, True, tasks)
        before, after = self._seconds(untuned, {}), self._seconds(tuned, chosen)
        if after <= before:
            return Verdict(network, before, after, True, tasks)
        return Verdict(network, before, after, False, tasks, promised_by(selection, tasks, untuned, tuned))

    def _seconds(self, survey: Survey, chosen: Mapping[Task, Choice]) -> float:
        """The predicted seconds of one run, with the chosen kernels and otherwise the default ones."""
        self._look_up_defaults([task for task in survey.calls if task not in self._defaults])
        made = {**self._defaults, **chosen}
        return sum(calls * self._predicted(task, made[task]) for task, calls in survey.calls.items())

    def _look_up_defaults(self, tasks: Sequence[Task]) -> None:
        settings = self._settings
        spaces = task_spaces(tasks, settings.target, settings.cache / "kernels", workers=settings.workers)
        for task, templates in spaces.items():
            name, first = next(iter(templates.items()))
            self._defaults[task] = Choice.of(name, first.space.default)

    def _predicted(self, task: Task, choice: Choice) -> float:
        if (task, choice) not in self._known:
            (built,) = self._builder.build(task, [choice])
            if built.status is not Status.OK or built.predicted_seconds is None:
                raise BuildError(f"{choice} for task {task.hash}: {built.status}, {built.detail}")
            self._known[task, choice] = built.predicted_seconds
        return self._known[task, choice]


class MeasuringJudge:
    """Judges by running both builds in turns, on this machine, from the models below a folder ``zoo``."""

    def __init__(self, settings: Settings, validity: Validity, zoo: Path) -> None:
        self._settings, self._validity, self._zoo = settings, validity, zoo

    def __call__(self, network: str, selection: Selection) -> Verdict:
        with _saved(make_model(network, self._zoo)) as path, selection.database("records to ship") as database:
            source, settings = Source(path), replace(self._settings, verify=False)
            with (
                build(source, replace(settings, tuning=False)) as untuned,
                build(source, replace(settings, tuning=database)) as tuned,
            ):
                gain = compare(untuned, tuned)
                graphs = [artifact.report.optimized for artifact in (untuned, tuned)]
                tasks = frozenset(task.hash for graph in graphs for task in graph_tasks(graph).values())
            promised: tuple[Promise, ...] = ()
            if not gain.is_no_loss:
                choices = TunedChoices([database], settings.target, lambda: self._validity)
                promised = promised_by(selection, tasks, *surveys(standard_model(network), choices))
        return Verdict(network, gain.untuned, gain.tuned, gain.is_no_loss, tasks, promised)


def surveys(model: Model, choices: TunedChoices) -> tuple[Survey, Survey]:
    """A network as it is built without records, and with them."""
    costs = context_for(choices.target).costs
    assert costs is not None
    (untuned,) = model.surveys(choices.target, costs, estimator(choices.target))
    (tuned,) = model.surveys(choices.target, choices.costs, choices.seconds)
    return untuned, tuned


def promised_by(selection: Selection, tasks: frozenset[str], untuned: Survey, tuned: Survey) -> tuple[Promise, ...]:
    """What the records of some tasks (hashes) promise a network that is built without and with them."""
    default = {record.task: record.seconds for record in selection.records if record.is_default}
    best: dict[str, float] = {}
    for record in selection.records:
        assert record.seconds is not None
        best[record.task] = min(record.seconds, best.get(record.task, record.seconds))
    known = (lambda task: default.get(task.hash)), (lambda task: best.get(task.hash))
    return tuple(promises(ModelsSurveyed([tuned], [untuned]), *known, tasks & selection.texts.keys()))


@contextmanager
def _saved(model: onnx.ModelProto) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="kiln-ship-") as folder:
        path = Path(folder) / "model.onnx"
        onnx.save(with_known_shapes(model), path)
        yield path


def standard_model(network: str) -> Model:
    """A standard network on its way to tasks. Raises KeyError when asked for them and there is no such."""
    passes = PassManager.parse("standard").passes
    rest = passes[[step.name for step in passes].index(FIRST_PASS) :]
    return Model(network, partial(load_network, network), PassManager(rest))
