"""Loading, unloading and processes: memory, threads and what is imported."""

import gc
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import runtime
from tests.runtime.affine import example_inputs
from tests.runtime.rowwise import example_rows

CYCLES = 1000
WARM_UP_CYCLES = 50


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def threads_of_this_process() -> int:
    return len(list(Path("/proc/self/task").iterdir()))


@pytest.mark.parametrize(
    ("name", "inputs", "cycles"), [("built", example_inputs(), CYCLES), ("built_rows", example_rows(40), CYCLES // 2)]
)
def test_a_thousand_cycles_do_not_grow(
    name: str, inputs: dict[str, np.ndarray], cycles: int, request: pytest.FixtureRequest
) -> None:
    """Half of them explicitly closed, half left to the collector."""
    built: Path = request.getfixturevalue(name)
    threads = threads_of_this_process()

    def cycle(close: bool) -> None:
        model = runtime.Model(built, threads=2)
        model.run(inputs)
        if close:
            model.close()

    for i in range(WARM_UP_CYCLES):
        cycle(i % 2 == 0)
    gc.collect()  # ctypes' libraries are cycles, which a large process collects rarely
    before = resident_bytes()
    for i in range(cycles):
        cycle(i % 2 == 0)
    gc.collect()
    assert resident_bytes() - before < 1_000_000
    assert threads_of_this_process() <= threads
    assert str(built) not in Path("/proc/self/maps").read_text()


def test_a_forked_child_runs_too(built: Path) -> None:
    inputs = example_inputs()
    with runtime.Model(built, threads=3) as model:
        want = model.run(inputs)
        child = os.fork()
        if child == 0:
            same = all(np.array_equal(a, want[name]) for name, a in model.run(inputs).items())
            os._exit(0 if same else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert model.run(inputs)["y"].tobytes() == want["y"].tobytes()


def test_default_threads_respect_the_cpu_set(built: Path) -> None:
    allowed = os.sched_getaffinity(0)
    with runtime.Model(built) as model:
        assert 1 <= model.threads <= len(allowed)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        with runtime.Model(built) as model:
            assert model.threads == 1
    finally:
        os.sched_setaffinity(0, allowed)


def test_a_busy_machine_does_not_stop_the_pool(built: Path) -> None:
    """More threads than CPUs, beside spinning neighbours: waiting must give way to whoever is awaited."""
    stop = threading.Event()
    neighbours = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(os.cpu_count() or 1)]
    watchdog = threading.Timer(20, stop.set)
    watchdog.start()
    try:
        with runtime.Model(built, threads=8) as model:
            inputs = example_inputs()
            for _ in range(20):
                model.run(inputs)
        assert not stop.is_set()
    finally:
        watchdog.cancel()
        for process in neighbours:
            process.kill()
            process.wait()


def test_importing_the_runtime_loads_no_compiler() -> None:
    code = (
        "import sys, runtime, runtime.run, runtime.sources; "
        "print([m for m in ('compiler', 'frontends', 'tvm', 'onnx', 'scipy') if m in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
