"""``tune_models``: from models, or the standard networks, to a database that knows good kernels for them."""

from __future__ import annotations

import importlib
import platform
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial

from compiler.autotune.cost_model import CostModel
from compiler.autotune.database import Database
from compiler.autotune.events import Event
from compiler.autotune.kit import Kit, Spaces
from compiler.autotune.measure.builder import EMITTER, WorkerBuilder
from compiler.autotune.measure.clock import measure_hertz
from compiler.autotune.measure.device import KernelDevice
from compiler.autotune.measure.interface import Builder, Device
from compiler.autotune.measure.transport import Local, Transport, TransportError, transport_for
from compiler.autotune.record import TimeSource
from compiler.autotune.search.table import SEARCHES
from compiler.autotune.session import Effort, Session
from compiler.autotune.tuning_task import TuningTask
from compiler.autotune.validity import toolchain_id
from compiler.codegen.analytic import estimator
from compiler.codegen.analytic.machine import HERTZ
from compiler.codegen.extensions import extensions_of
from compiler.codegen.objects import warm_up
from compiler.codegen.objects.pool import available_cpus
from compiler.codegen.task_spaces import task_spaces
from compiler.codegen.toolchain import find_compiler, how_to_run
from compiler.driver import Settings
from compiler.errors import BuildError
from compiler.ir import Task
from compiler.model_tuner.forecast import ModelsSurveyed
from compiler.model_tuner.networks import FIRST_PASS, load_network, network_names
from compiler.model_tuner.survey import Model, Survey, of_rows, tuning_tasks, without_costs
from compiler.passes import PassManager, context_for
from compiler.source import Source
from compiler.targets import Target
from compiler.tuning_records import open_tuning

Listener = Callable[[Event | ModelsSurveyed], None]

LOCAL = "local"
ROUND = 32
"""Trials after which the passes may run again."""
PATIENCE = 10.0
"""They do run again when the trials since took so many times as long as they do themselves."""
DEFAULTS_SHARE = 6.0
"""Defaults get one part in so many of the time, before any search."""
DEPTH = 52
"""Candidates that are predicted of every task before any task gets more."""
SIDE_BY_SIDE = 2
"""Tasks that are worked on at a time, so that one is built while the other's results come in."""
BATCH = 17
"""Candidates that are predicted at once: nothing is gained by knowing some before others."""
GUIDED, UNGUIDED = "guided", "evolutionary"
"""The search where there is a device; and where the static model has the last word, so that none needs to learn it."""


@dataclass(frozen=True)
class Request:
    """What to tune, and how.

    Args:
        settings: target, pipeline and extensions, as of a build.
        sources: the models; none: the standard networks.
        effort: when to end.
        search: a name in ``SEARCHES``; None: what suits the device.
        runner: what stands before commands that run on the device; None: nothing if the target runs here, else there is
            no device.
        seed: of searches.
        executor: ``local``, or ``dask://HOST:PORT``.
    """

    settings: Settings
    sources: Sequence[Source] = ()
    effort: Effort = field(default_factory=Effort)
    search: str | None = None
    runner: str | None = None
    seed: int = 0
    executor: str = LOCAL

    @property
    def transport(self) -> Transport | None:
        """How candidates run; None if they do not. Raises ValueError for a runner that is no command."""
        if self.runner is not None:
            return transport_for(self.runner)
        return transport_for("") if how_to_run(self.settings.target).kind == "native" else None

    @property
    def predicts(self) -> bool:
        """Whether times are the static model's."""
        transport = self.transport
        return transport is None or not transport.times_mean_something

    @property
    def times_this_machine(self) -> bool:
        """Whether candidates are timed, and here."""
        transport = self.transport
        return self.executor == LOCAL and isinstance(transport, Local) and transport.times_mean_something


def tune_models(
    request: Request,
    database: Database,
    peak: float,
    listener: Listener,
    started: Callable[[Session], None] = lambda session: None,
) -> Session:
    """Tune until the effort is spent; ``peak`` is that of one core (``peak_of``), ``started`` gets the session, which
    it may stop.

    Raises what a build raises, DatabaseError, ToolchainError.
    """
    settings = request.settings
    workers = settings.workers or available_cpus()
    transport = request.transport
    if transport is not None and transport.times_mean_something and request.runner is None and workers > 1:
        workers -= 1  # a core for what is measured
    warm_up(EMITTER, workers)
    with _parts(request, transport, workers) as (builder, device):
        search = request.search or (GUIDED if device is not None else UNGUIDED)
        kit = Kit(
            target=settings.target,
            toolchain=toolchain_id(),
            spaces=partial(_spaces, settings, workers),
            builder=builder,
            device=device,
            records=database,
            search=search,
            make_search=SEARCHES[search],
            make_model=CostModel,
            machine=platform.node(),
            timed=not request.predicts,
        )
        effort = request.effort
        if kit.device is None:
            effort = replace(effort, batch=BATCH, part=BATCH)
        session = Session(kit, effort, seed=request.seed, listener=listener)
        started(session)
        _rounds(request, session, database, listener, peak)
    return session


def _rounds(request: Request, session: Session, database: Database, listener: Listener, peak: float) -> None:
    models = _models(request)
    target = request.settings.target
    first: list[list[Survey]] = []
    while not session.over:
        began = time.monotonic()
        found = _surveys(request, models, database)
        if not first:
            first = found if database.count(fingerprint=target.fingerprint()) == 0 else _untuned(models, target)
        now, untuned = _paired(found, first)
        listener(ModelsSurveyed(now, untuned))
        tasks = tuning_tasks(now, untuned, target, peak)
        if session.kit.source is TimeSource.PREDICTED:
            _sweep(session, [task for task in tasks if task.chosen])
        session.adopt(tasks)
        took = time.monotonic() - began
        limit = request.effort.seconds
        session.measure_defaults(float("inf") if limit is None else limit / DEFAULTS_SHARE)
        began = time.monotonic()
        while not (session.over or session.exhausted):
            session.search(ROUND)
            if time.monotonic() - began > PATIENCE * took:
                break
        if session.exhausted:
            return


def _sweep(session: Session, tasks: Sequence[TuningTask]) -> None:
    """The static model answers at once and never errs by chance: tasks are worked off, the heaviest first."""
    waiting = list(tasks)
    while waiting and not (session.over or session.spent):
        now, waiting = waiting[:SIDE_BY_SIDE], waiting[SIDE_BY_SIDE:]
        session.adopt(now)
        session.search(BATCH * SIDE_BY_SIDE, DEPTH)
        waiting = [task for task in now if session.wants(task.task, DEPTH)] + waiting


def _surveys(request: Request, models: Sequence[Model], database: Database) -> list[list[Survey]]:
    settings = request.settings
    with open_tuning(database, settings.target, settings.cache / "kernels", settings.schedules) as tuned:
        return [model.surveys(settings.target, tuned.costs, tuned.seconds) for model in models]


def _untuned(models: Sequence[Model], target: Target) -> list[list[Survey]]:
    costs = context_for(target).costs
    assert costs is not None
    return [model.surveys(target, costs, estimator(target)) for model in models]


def _paired(now: Sequence[Sequence[Survey]], before: Sequence[Sequence[Survey]]) -> tuple[list[Survey], list[Survey]]:
    """The surveys of all models, and one from before for each. How many tiles a model has may depend on costs; its row
    comes last, so that tiles are counted from there."""
    pairs: list[tuple[Survey, Survey]] = []
    for own, former in zip(now, before, strict=True):
        shift = len(former) - len(own)
        pairs += [(survey, former[max(0, number + shift)]) for number, survey in enumerate(own)]
    return [survey for survey, _ in pairs], [survey for _, survey in pairs]


def _models(request: Request) -> list[Model]:
    settings = request.settings
    if request.sources:
        return [_model_of(source, settings) for source in request.sources]
    passes = PassManager.parse("standard").passes
    rest = PassManager(passes[[step.name for step in passes].index(FIRST_PASS) :])
    return [Model(name, partial(load_network, name), rest) for name in network_names()]


def _model_of(source: Source, settings: Settings) -> Model:
    if settings.leaves_batch_open(source):
        return of_rows(source.label, source.load(), settings.manager)
    return without_costs(source.label, source.load(), settings.manager, settings.target)


def _spaces(settings: Settings, workers: int, tasks: Sequence[Task]) -> dict[Task, Spaces]:
    return dict(
        task_spaces(
            tasks,
            settings.target,
            settings.cache / "kernels",
            ops=extensions_of(settings.ops),
            schedules=extensions_of(settings.schedules),
            workers=workers,
        )
    )


def peak_of(request: Request) -> float:
    """Float32 operations per second that one core of the device can do at most; where its clock cannot be measured, at
    the one that the static model assumes. A device, or an emulator, that is not there is found out so before anything
    waits for it; one behind a cluster is not asked. Raises BuildError, ToolchainError, OSError."""
    target, transport, hertz = request.settings.target, request.transport, HERTZ
    if transport is not None and request.executor == LOCAL:
        try:
            measured = measure_hertz(find_compiler(target), transport, request.settings.cache / "tuner")
        except TransportError as error:
            raise BuildError(f"the device does not answer: {error}") from error
        hertz = measured if transport.times_mean_something else HERTZ
    return target.peak_flops_per_cycle * hertz


def local_builder(settings: Settings, workers: int | None = None, *, estimates_only: bool = False) -> Builder:
    """Builds candidates, or only estimates them, in worker processes of this machine."""
    ops, schedules = extensions_of(settings.ops), extensions_of(settings.schedules)
    return WorkerBuilder(
        settings.target,
        settings.cache / "kernels",
        workers,
        ops=ops,
        schedules=schedules,
        estimates_only=estimates_only,
    )


def _local_device(settings: Settings, runner: str) -> Device:
    return KernelDevice(settings.target, transport_for(runner), settings.cache / "tuner", ops=settings.ops)


@contextmanager
def _parts(request: Request, transport: Transport | None, workers: int) -> Generator[tuple[Builder, Device | None]]:
    """What builds candidates, and what runs them."""
    settings, runner = request.settings, request.runner or ""
    runs_nothing = transport is None
    if request.executor == LOCAL:
        builder = local_builder(settings, workers, estimates_only=runs_nothing)
        yield builder, None if runs_nothing else _local_device(settings, runner)
        return
    # Its packages are optional.
    cluster = importlib.import_module("compiler.autotune.measure.cluster")
    with cluster.connect(request.executor) as client:
        builder = cluster.ClusterBuilder(client, partial(local_builder, settings, 1, estimates_only=runs_nothing))
        device = cluster.ClusterDevice(client, partial(_local_device, settings, runner), runner)
        yield builder, None if runs_nothing else device
