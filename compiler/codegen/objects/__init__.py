"""Kernels as object files: made by worker processes, kept by content.

Owns the processes and the cache. Importing it does not import TVM, so that a build whose kernels are all
cached never pays for that; only the workers do.
"""

from compiler.codegen.objects.cache import CacheUnwritableError, ObjectCache
from compiler.codegen.objects.compile import compiler_digest, run_jobs, warm_up
from compiler.codegen.objects.job import (
    Job,
    JobCrashedError,
    JobError,
    JobMemoryError,
    JobRaisedError,
    JobsFailedError,
    JobTimeoutError,
    ObjectFile,
    WorkerStartError,
)

__all__ = [
    "CacheUnwritableError",
    "Job",
    "JobCrashedError",
    "JobError",
    "JobMemoryError",
    "JobRaisedError",
    "JobTimeoutError",
    "JobsFailedError",
    "ObjectCache",
    "ObjectFile",
    "WorkerStartError",
    "compiler_digest",
    "run_jobs",
    "warm_up",
]
