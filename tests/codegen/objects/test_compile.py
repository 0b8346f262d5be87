"""Worker processes and the object cache, driven as a build drives them."""

from __future__ import annotations

import ctypes
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from compiler.codegen.objects import (
    CacheUnwritableError,
    Job,
    JobCrashedError,
    JobMemoryError,
    JobRaisedError,
    JobsFailedError,
    JobTimeoutError,
    ObjectFile,
    WorkerStartError,
    run_jobs,
)
from compiler.codegen.objects.compile import compiler_digest
from compiler.codegen.objects.pool import JobLimits, Pool
from compiler.targets import host_target, resolve

HOST = host_target()


def job(emitter: str, arguments: str = "1.0") -> Job:
    """A job of ``emitters``."""
    return Job(f"{emitter}({arguments})", f"tests.codegen.objects.emitters:{emitter}", arguments)


def test_objects_come_back_in_order_and_run(tmp_path: Path) -> None:
    jobs = [job("add_constant", f"{value}.5") for value in (3, 1, 2)]
    objects = run_jobs(jobs, HOST, cache_dir=tmp_path / "cache")
    assert list(objects) == [job.key for job in jobs]
    (tmp_path / "k.o").write_bytes(objects[jobs[0].key].data)
    subprocess.run(["gcc", "-shared", "-o", tmp_path / "k.so", tmp_path / "k.o"], check=True)
    x, y = np.arange(64, dtype=np.float32), np.zeros(64, np.float32)
    pointers = [ctypes.c_void_p(array.ctypes.data) for array in (x, y)]
    ctypes.CDLL(str(tmp_path / "k.so")).k_add(*pointers, 0, int(objects[jobs[0].key].note))
    np.testing.assert_array_equal(y, x + 3.5)


def test_importing_and_hitting_the_cache_never_load_tvm(tmp_path: Path) -> None:
    first = run_jobs([job("add_constant")], HOST, cache_dir=tmp_path)
    code = (
        "import sys; from pathlib import Path; from tests.codegen.objects.test_compile import *\n"
        f"objects = run_jobs([job('add_constant')], HOST, cache_dir=Path({str(tmp_path)!r}))\n"
        "assert 'tvm' not in sys.modules\n"
        "import hashlib; print(hashlib.sha256(objects[job('add_constant').key].data).hexdigest())\n"
    )
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert printed.strip() == hashlib.sha256(first[job("add_constant").key].data).hexdigest()


def test_failures_are_named_and_the_other_jobs_finish(tmp_path: Path) -> None:
    bad = [job("raises", "9x9"), job("segfaults"), job("hangs"), job("calls_stranger")]
    good = [job("add_constant", "5.0"), job("prints", "6.0"), job("add_constant", "7.0")]
    with pytest.raises(JobsFailedError) as caught:
        run_jobs([*bad, *good], HOST, cache_dir=tmp_path, workers=2, limit_seconds=15)
    failures = {failure.key: failure for failure in caught.value.failures}
    assert set(failures) == {job.key for job in bad}
    assert set(caught.value.completed) == {job.key for job in good}
    raised = failures["raises(9x9)"]
    assert isinstance(raised, JobRaisedError)
    assert raised.reason == "ValueError: no such tile: 9x9"
    assert "emitters.py" in raised.details
    assert isinstance(failures["segfaults(1.0)"], JobCrashedError)
    assert "SIGSEGV" in str(failures["segfaults(1.0)"])
    assert isinstance(failures["hangs(1.0)"], JobTimeoutError)
    assert "strangef" in str(failures["calls_stranger(1.0)"])
    # What was finished is in the cache: a second attempt has only the failures to do.
    assert run_jobs(good, HOST, cache_dir=tmp_path).keys() == {job.key for job in good}


def test_memory_is_limited_for_each_job() -> None:
    bad = [job("hoards"), job("aborts_for_want_of_memory")]
    with pytest.raises(JobsFailedError) as caught:
        run_jobs([*bad, job("add_constant", "8.0")], HOST, cache_dir=None, workers=1, limit_bytes=1 << 30)
    assert [type(failure) for failure in caught.value.failures] == [JobMemoryError, JobMemoryError]
    assert set(caught.value.completed) == {"add_constant(8.0)"}


def test_the_pool_stays_warm_between_calls() -> None:
    """A new worker would have to import TVM first."""
    first, second = (job("tells_its_process", value) for value in ("11.0", "12.0"))
    (before,) = run_jobs([first], HOST, cache_dir=None, workers=1).values()
    (after,) = run_jobs([second], HOST, cache_dir=None, workers=1).values()
    assert before.note == after.note


def test_twins_are_compiled_once() -> None:
    calls: list[tuple[int, int]] = []
    original = job("add_constant", "13.0")
    twin = Job("another name", original.emitter, original.arguments)
    objects = run_jobs([original, twin], HOST, cache_dir=None, progress=lambda *state: calls.append(state))
    assert objects[original.key] is objects[twin.key]
    assert calls == [(0, 2), (2, 2)]


def test_what_decides_the_address_of_an_object() -> None:
    base = job("add_constant")
    assert base.digest("t") == Job("renamed", base.emitter, base.arguments).digest("t")
    different = {base.digest("t"), base.digest("u"), base.digest("t", ""), job("prints").digest("t")}
    assert len(different | {job("add_constant", "2.0").digest("t")}) == 5
    assert compiler_digest() == compiler_digest()


def test_other_targets_have_other_objects(tmp_path: Path) -> None:
    arm = run_jobs([job("add_constant")], resolve("arm_cortex_a72"), cache_dir=tmp_path)
    host = run_jobs([job("add_constant")], HOST, cache_dir=tmp_path)
    assert arm[job("add_constant").key].data[18] == 183  # ELF machine: AArch64
    assert host[job("add_constant").key].data[18] == 62  # x86-64


def test_an_unwritable_cache_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    with pytest.raises(CacheUnwritableError, match=f"cannot write the kernel cache {tmp_path}/cache: "):
        run_jobs([job("add_constant")], HOST, cache_dir=tmp_path / "cache")


def test_nothing_to_do_starts_nothing(tmp_path: Path) -> None:
    assert run_jobs([], HOST, cache_dir=tmp_path) == {}


def test_workers_end_with_their_pool() -> None:
    pool, outcomes = Pool(), []
    pool.run(
        [job("prints")], HOST.to_json(), workers=1, limits=JobLimits(60), done=lambda _, result: outcomes.append(result)
    )
    assert isinstance(outcomes[0], ObjectFile)
    (worker,) = pool._idle
    pid = worker._process.pid
    pool.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_warm_workers_have_loaded_the_emitter() -> None:
    pool = Pool()
    pool.warm_up(1, ["tests.codegen.objects.emitters", "no.such.module"])
    outcomes: list[object] = []
    pool.run(
        [job("add_constant")],
        HOST.to_json(),
        workers=1,
        limits=JobLimits(60),
        done=lambda _, result: outcomes.append(result),
    )
    pool.close()
    assert isinstance(outcomes[0], ObjectFile)


def test_a_worker_that_cannot_start_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(WorkerStartError, match="exit status 1"):
        Pool().run([job("prints")], HOST.to_json(), workers=1, limits=JobLimits(60), done=lambda *_: None)
