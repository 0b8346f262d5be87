"""``compile`` and ``load``: the one place where frontends, passes, code generation and artifact writing meet.

The pipeline reads top to bottom in ``build``; every step's work is done elsewhere.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from compiler.artifact import (
    Artifact,
    BuildReport,
    Staging,
    link_model,
    write_constants,
    write_manifest,
    write_vectors,
)
from compiler.autotune.database import DatabaseError
from compiler.autotune.lookup import TunedChoices
from compiler.batching import Forms, batched, fixed
from compiler.cache import default_cache, prune, remember_built, was_built
from compiler.codegen.csource import model_source
from compiler.codegen.extensions import ExtensionError, extensions_of
from compiler.codegen.kernel_jobs import EMITTER, CompiledKernel, compile_kernels
from compiler.codegen.objects import (
    CacheUnwritableError,
    JobsFailedError,
    WorkerStartError,
    compiler_digest,
    warm_up,
)
from compiler.codegen.plan import Plan, call_name, print_plan
from compiler.codegen.toolchain import CCompiler, SharedLibrary, ToolchainError, find_compiler
from compiler.debug import DEBUG
from compiler.errors import BuildError, os_error_text
from compiler.ir import Graph, MalformedGraphError, Node, Op, Task, TensorType
from compiler.passes import Pass, PassError, PassManager, PipelineError
from compiler.passes.rows import NotRowWise
from compiler.proof import Expected, Proof
from compiler.source import LoadError, Source
from compiler.steps import StepListener, Steps
from compiler.targets import Target, TargetError, resolve
from compiler.tuning_records import RecordsUsed, Tuning, context_of, open_tuning, records_used
from compiler.verification import RunError, tolerance_for
from runtime import __version__
from runtime.jsonfields import Json

PRECISIONS = ("f32",)


@dataclass(frozen=True)
class Settings:
    """What decides, beside the model, what a build makes; for the fields see ``compile``."""

    target: Target
    pipeline: str = "standard"
    passes: tuple[type[Pass], ...] = ()
    ops: tuple[type[Op], ...] = ()
    schedules: tuple[type[object], ...] = ()
    precision: str = PRECISIONS[0]
    dynamic_batch: bool | None = None
    verify: bool = True
    workers: int | None = None
    cache: Path = field(default_factory=default_cache)
    tuning: Tuning = True

    @property
    def manager(self) -> PassManager:
        """The pipeline. Raises PipelineError."""
        return PassManager.parse(self.pipeline, self.passes)

    def leaves_batch_open(self, source: Source) -> bool:
        """Whether a build of a model takes any number of rows."""
        return source.leaves_batch_open if self.dynamic_batch is None else self.dynamic_batch

    def open_tuning(self) -> AbstractContextManager[TunedChoices]:
        """The tuning records to use. Raises DatabaseError."""
        return open_tuning(self.tuning, self.target, self.cache / "kernels", self.schedules, self.workers)


def load(
    model: object,
    *,
    inputs: Mapping[str, Sequence[int] | TensorType] | None = None,
    bind: Mapping[str, ArrayLike] | None = None,
    ops: Sequence[type[Op]] = (),
) -> Graph:
    """The graph of a model: the path of a framework's file (``compiler.frontend_table``) or of ``.kiln`` text, or a
    framework's object.

    Args:
        model: what to load.
        inputs: shapes of inputs by name, or types, which are checked; they set symbolic dimensions.
        bind: values of inputs by name; they become constants and are inputs no more.
        ops: op classes from outside the tree, for ``.kiln`` text.

    Raises:
        BuildError: the model cannot be read or compiled; the message names the file or node, and the cause.
    """
    with build_errors():
        return _source(model, inputs, bind, ops).load()


def compile(
    model: object,
    target: str | Target = "host",
    *,
    inputs: Mapping[str, Sequence[int] | TensorType] | None = None,
    bind: Mapping[str, ArrayLike] | None = None,
    dynamic_batch: bool | None = None,
    precision: str = "f32",
    pipeline: str = "standard",
    passes: Sequence[type[Pass]] = (),
    ops: Sequence[type[Op]] = (),
    schedules: Sequence[type[object]] = (),
    verify: bool = True,
    tuning: Tuning = True,
    workers: int | None = None,
    cache_dir: str | Path | None = None,
    progress: StepListener | None = None,
) -> Artifact:
    """Compile a model for a target and prove the result.

    Args:
        model, inputs, bind: as for ``load``; a ``Graph`` is a model too.
        target: a name (``python -m compiler.targets`` lists them) or a ``Target``.
        dynamic_batch: whether the artifact takes any number of rows. The model must compute each row by itself, and
            the shapes given must be those of one row. None: yes for models of trees whose shapes are not given.
        precision: ``f32``, the only one so far: the arithmetic stays that of the model.
        pipeline: the passes, as text; must end in ``fuse`` or in a pass that does its work.
        passes, ops, schedules: classes from outside the tree, defined at the top level of a file.
        verify: compare the compiled model with the source framework; golden vectors come from there too.
        tuning: which tuning records to use: True for the user's database, or another database or its file,
            and where these have none, those that ship with the package; False for none at all.
        workers: processes that compile kernels; None: one per CPU.
        cache_dir: where kernels are kept between builds; None: ``default_cache()``.
        progress: told about steps and how far they are.

    Raises:
        BuildError: with one clear message; VerificationError if the numbers are wrong.
    """
    with build_errors():
        settings = Settings(
            target=resolve(target),
            pipeline=pipeline,
            passes=tuple(passes),
            ops=tuple(ops),
            schedules=tuple(schedules),
            precision=precision,
            dynamic_batch=dynamic_batch,
            verify=verify,
            workers=workers,
            cache=Path(cache_dir) if cache_dir else default_cache(),
            tuning=tuning,
        )
        return build(_source(model, inputs, bind, ops), settings, progress)


def build(source: Source, settings: Settings, progress: StepListener | None = None) -> Artifact:
    """The whole way from a model to an artifact, step by step.

    Raises BuildError, and what ``build_errors`` turns into one.
    """
    if settings.precision not in PRECISIONS:
        raise BuildError(f"precision {settings.precision!r} is not supported; there is {', '.join(PRECISIONS)}")
    target, cache, steps = settings.target, settings.cache, Steps(progress)
    c_compiler = find_compiler(target)
    with ExitStack() as on_failure:
        staging = on_failure.enter_context(Staging(cache / "staging", "build-"))
        directory = staging.folder / "artifact"
        directory.mkdir()
        with steps.step("load"):
            graph = source.load()
        identity = _identity(source, settings)
        if not was_built(cache, identity):
            warm_up(EMITTER, 1)  # it needs seconds to load TVM, and is not needed before kernels are
        with settings.open_tuning() as tuned, ThreadPoolExecutor(1) as beside:
            with steps.step("passes"):
                forms = _optimized(source, graph, tuned, settings)
            # The framework may take as long as the kernels, which other processes compile meanwhile.
            asked = (
                beside.submit(Expected.ask, source, graph, forms.tiles, cache / "expected") if settings.verify else None
            )
            with steps.step("kernels"):
                tasks = forms.tasks
                kernels = _kernels(tasks, tuned, settings, steps)
                records = records_used(kernels, tuned, settings.schedules)
            with steps.step("plan"):
                plan = forms.plan(tasks, {task: kernel.info for task, kernel in kernels.items()}, tuned.seconds)
            with steps.step("expect"):
                proof = Proof.of(asked.result(), plan, target) if asked else Proof.none()
        with steps.step("link"):
            library = _link(plan, kernels, settings, c_compiler, staging.folder, directory)
        with steps.step("write"):
            if proof.golden:
                write_vectors(directory, *proof.golden)
            tolerance = tolerance_for(result.type for node in graph for result in node.results)
            provenance = _provenance(source, settings, records, proof)
            versions = _versions(c_compiler)
            manifest = write_manifest(directory, plan, target, library.elf.glibc, tolerance, versions, provenance)
        with steps.step("verify"):
            proof.check(directory, manifest, c_compiler, cache / "c")
        remember_built(cache, identity)
        prune(cache)
        on_failure.pop_all()
    warnings = tuple(filter(None, (*proof.warnings, records.warning, _glibc_warning(library, target))))
    report = BuildReport(target, graph, forms.main, plan, steps.seconds, proof.summary, len(records.used), warnings)
    return Artifact(staging, directory, manifest, report)


def _identity(source: Source, settings: Settings) -> str:
    """A digest of what decides most of a build: the model, the target, the passes and the compiler."""
    parts = (source.digest, settings.target.to_json(), str(settings.manager), compiler_digest())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _source(
    model: object,
    inputs: Mapping[str, Sequence[int] | TensorType] | None,
    bind: Mapping[str, ArrayLike] | None,
    ops: Sequence[type[Op]],
) -> Source:
    bound = {name: np.asarray(value) for name, value in (bind or {}).items()}
    return Source(model, dict(inputs or {}), bound, tuple(ops))


def _optimized(source: Source, graph: Graph, tuned: TunedChoices, settings: Settings) -> Forms:
    """What the passes make of the graph, or with a dynamic batch of it for each number of rows that is compiled."""

    def optimize(form: Graph) -> Graph:
        return settings.manager.run(form, context=context_of(tuned), verify=DEBUG.verify)

    if not settings.leaves_batch_open(source):
        return fixed(graph, optimize)
    try:
        return batched(graph, settings.target, optimize)
    except NotRowWise as error:
        raise BuildError(f"{source.label} cannot have a dynamic batch: {error}") from error


def _kernels(
    tasks: Mapping[Node, Task], tuned: TunedChoices, settings: Settings, steps: Steps
) -> dict[Task, CompiledKernel]:
    """A kernel per distinct task; an error names the nodes whose kernels failed."""
    try:
        return compile_kernels(
            dict.fromkeys(tasks.values()),
            settings.target,
            settings.cache / "kernels",
            choose=tuned.choose,
            ops=extensions_of(settings.ops),
            schedules=extensions_of(settings.schedules),
            workers=settings.workers,
            progress=lambda done, total: steps.tell("kernels", done, total),
        )
    except JobsFailedError as error:
        names = {task.hash: call_name(node) for node, task in reversed(list(tasks.items()))}
        lines = [f"{names[failure.key]}: {failure.reason}" for failure in error.failures]
        raise BuildError("\n  ".join([f"{len(lines)} kernels cannot be made:", *lines])) from error


def _link(
    plan: Plan,
    kernels: Mapping[Task, CompiledKernel],
    settings: Settings,
    c_compiler: CCompiler,
    scratch: Path,
    directory: Path,
) -> SharedLibrary:
    """Write weights.bin and model.so into ``directory``."""
    text = model_source(plan, settings.target, write_constants(directory, plan))
    if DEBUG.dump:
        _dump(plan, text)
    objects = {kernel.info.symbol: kernel.code for kernel in kernels.values()}
    return link_model(c_compiler, text, objects, scratch, directory / "model.so", settings.cache / "c")


def _dump(plan: Plan, model_c: str) -> None:
    folder = Path("kiln-debug")
    folder.mkdir(exist_ok=True)
    (folder / "plan.txt").write_text(print_plan(plan))
    (folder / "model.c").write_text(model_c)


def _versions(c_compiler: CCompiler) -> dict[str, str]:
    return {"kiln": __version__, "tvm": importlib.metadata.version("apache-tvm"), "c": c_compiler.identity}


def _provenance(source: Source, settings: Settings, records: RecordsUsed, proof: Proof) -> dict[str, Json]:
    return {
        "model_sha256": source.digest,
        "pipeline": str(settings.manager),
        "precision": settings.precision,
        "tuning_records": records.digest,
        "verification": proof.summary,
    }


def _glibc_warning(library: SharedLibrary, target: Target) -> str:
    needed = library.too_new_for(target)
    if needed is None:
        return ""
    return (
        f"the artifact needs glibc {needed}, {target.name} may have {target.min_glibc}:"
        " install kiln-compiler[cross], whose compiler links against old versions"
    )


_EXPECTED_ERRORS = (
    TargetError,
    LoadError,
    MalformedGraphError,
    PipelineError,
    PassError,
    NotRowWise,
    ExtensionError,
    CacheUnwritableError,
    WorkerStartError,
    ToolchainError,
    RunError,
    DatabaseError,
)


@contextmanager
def build_errors() -> Iterator[None]:
    """One family of errors for callers, whatever part of the build they come from."""
    try:
        yield
    except _EXPECTED_ERRORS as error:
        raise BuildError(str(error)) from error
    except OSError as error:
        raise BuildError(os_error_text(error)) from error
