"""Do a batch of jobs: take results from the cache where possible, have workers make the others."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

from compiler.codegen.objects.cache import ObjectCache
from compiler.codegen.objects.job import Job, JobError, JobsFailedError, ObjectFile
from compiler.codegen.objects.pool import SHARED, JobLimits, Outcome, available_cpus
from compiler.targets import Target

JobListener = Callable[[int, int], None]
"""Called with (jobs done, jobs in all) as a batch advances."""

DEFAULT_LIMIT_SECONDS = 300.0
_COMPILER = Path(__file__).resolve().parents[2]
_SOURCES = ("codegen", "ir", "targets")
"""The parts of the compiler whose code decides what an emitter makes."""


def run_jobs(
    jobs: Iterable[Job],
    target: Target,
    *,
    cache_dir: Path | None,
    workers: int | None = None,
    limit_seconds: float = DEFAULT_LIMIT_SECONDS,
    limit_bytes: int | None = None,
    progress: JobListener | None = None,
) -> dict[str, ObjectFile]:
    """What all jobs make, by their keys, in the order of the jobs.

    Args:
        jobs: what to make; two jobs with the same key must be the same.
        target: the device to make it for.
        cache_dir: where objects are kept between processes; None keeps none.
        workers: the most processes to use; by default one for each CPU this process may run on.
        limit_seconds: how long one job may take.
        limit_bytes: how much address space one job may take beyond what its worker has; None: as much as there is.
        progress: called as objects become available.

    Raises:
        JobsFailedError: at least one job failed; all others were finished (and cached) first.
        CacheUnwritableError: an object could not be kept.
        WorkerStartError: worker processes do not come up.
    """
    wanted = {job.key: job for job in jobs}
    batch = _Batch(wanted, target, ObjectCache(cache_dir) if cache_dir else None, progress)
    missing = batch.from_cache()
    if missing:
        SHARED.get().run(
            missing,
            target.to_json(),
            workers=workers or available_cpus(),
            limits=JobLimits(limit_seconds, limit_bytes),
            done=batch.add,
        )
    return batch.result()


def warm_up(emitter: str, workers: int | None = None) -> None:
    """Start workers that load ``emitter`` in the background, for a caller that will soon need them."""
    SHARED.get().warm_up(workers or available_cpus(), [emitter.partition(":")[0]])


class _Batch:
    """The state of one call: what is wanted, what is there, what failed."""

    def __init__(
        self, wanted: dict[str, Job], target: Target, store: ObjectCache | None, progress: JobListener | None
    ) -> None:
        self._wanted = wanted
        self._store = store
        self._progress = progress
        self._environment = (target.to_json(), compiler_digest())
        self._twins: dict[str, list[str]] = {}
        self._done: dict[str, ObjectFile] = {}
        self._failures: list[JobError] = []

    def from_cache(self) -> list[Job]:
        """Take what the cache has; return one job for each distinct object that it lacks."""
        missing: dict[str, Job] = {}
        for job in self._wanted.values():
            digest = self._digest(job)
            self._twins.setdefault(digest, []).append(job.key)
            if digest in missing:
                continue
            entry = self._store.load(digest) if self._store else None
            if entry is None:
                missing[digest] = job
            else:
                self._done[job.key] = entry
        self._report()
        return list(missing.values())

    def add(self, job: Job, outcome: Outcome) -> None:
        """Record how a job ended, for all jobs of the same content."""
        digest = self._digest(job)
        if isinstance(outcome, JobError):
            self._failures.append(outcome)
        else:
            if self._store:
                self._store.store(digest, outcome)
            self._done.update(dict.fromkeys(self._twins[digest], outcome))
        self._report()

    def result(self) -> dict[str, ObjectFile]:
        """All objects, in the order in which they were asked for."""
        if self._failures:
            raise JobsFailedError(self._failures, self._done)
        return {key: self._done[key] for key in self._wanted}

    def _digest(self, job: Job) -> str:
        return job.digest(*self._environment, _module_digest(job.emitter.partition(":")[0]))

    def _report(self) -> None:
        if self._progress:
            self._progress(len(self._done) + len(self._failures), len(self._wanted))


@cache
def compiler_digest() -> str:
    """A digest of everything in the compiler, and of the TVM under it, that decides what an emitter makes."""
    state = hashlib.sha256()
    for name in ("apache-tvm", "apache-tvm-ffi"):
        state.update(f"{name} {importlib.metadata.version(name)}\n".encode())
    for part in _SOURCES:
        for path in sorted((_COMPILER / part).rglob("*.py")):
            state.update(f"{path.relative_to(_COMPILER).as_posix()}\n".encode() + path.read_bytes())
    return state.hexdigest()


@cache
def _module_digest(name: str) -> str:
    """A digest of an emitter's module when it is not part of the compiler; otherwise empty."""
    if name.startswith("compiler."):
        return ""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        return ""
    return hashlib.sha256(Path(spec.origin).read_bytes()).hexdigest()
