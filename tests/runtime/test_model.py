"""`runtime.Model`: results, what it accepts, what it refuses, and life cycle."""

import ctypes
import ctypes.util
import platform
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import runtime
from runtime.tensors import TensorSpec, random_arrays
from tests.runtime.affine import COLUMNS, ROWS, example_inputs, expected


@pytest.fixture(scope="module")
def model(built: Path):
    with runtime.Model(built, threads=2) as opened:
        yield opened


def assert_right(outputs: dict[str, np.ndarray], inputs: dict[str, np.ndarray]) -> None:
    for name, want in expected(inputs).items():
        np.testing.assert_allclose(outputs[name], want, rtol=1e-4, atol=1e-3)


def test_runs_a_directory_and_an_archive(built: Path, archive: Path) -> None:
    inputs = example_inputs()
    for path in (built, str(archive)):
        with runtime.Model(path) as model:
            outputs = model.run(inputs)
            assert list(outputs) == ["y", "total"]
            assert_right(outputs, inputs)


def test_describes_itself(model: runtime.Model) -> None:
    assert list(model.inputs.items()) == [
        ("x", TensorSpec("float32", (ROWS, COLUMNS))),
        ("offset", TensorSpec("float32", ())),
    ]
    assert model.outputs["total"].shape == (ROWS,)
    assert np.zeros(3, np.float32).dtype == model.outputs["total"].dtype
    assert model.threads == 2
    with pytest.raises(TypeError):
        model.inputs["x"] = TensorSpec("int8", ())  # pyright: ignore[reportIndexIssue]


def test_bits_do_not_depend_on_the_number_of_threads(built: Path) -> None:
    inputs = example_inputs()
    with runtime.Model(built, threads=1) as model:
        want = model.run(inputs)
    for threads in (2, 3, 7, 16):
        with runtime.Model(built, threads=threads) as model:
            got = model.run(inputs)
        assert all(got[name].tobytes() == want[name].tobytes() for name in want), threads


def test_inputs_are_read_in_place_unless_they_are_strided(model: runtime.Model) -> None:
    inputs = example_inputs()
    x = inputs["x"]
    x.flags.writeable = False
    assert_right(model.run(inputs), inputs)
    transposed = np.asfortranarray(x)
    assert_right(model.run(inputs | {"x": transposed}), inputs)
    misaligned = np.frombuffer(b"\0" + x.tobytes(), np.uint8)[1:].view(np.float32).reshape(x.shape)
    assert_right(model.run(inputs | {"x": misaligned}), inputs)


def test_outputs_can_be_given(model: runtime.Model) -> None:
    inputs = example_inputs()
    y = np.empty((ROWS, COLUMNS), np.float32)
    outputs = model.run(inputs, outputs={"y": y})
    assert outputs["y"] is y
    assert_right(outputs, inputs)


def test_new_outputs_start_on_a_cache_line(model: runtime.Model) -> None:
    assert all(a.ctypes.data % 64 == 0 for a in model.run(example_inputs()).values())


def test_missing_input(model: runtime.Model) -> None:
    with pytest.raises(runtime.MissingTensorError, match=r"^input 'offset': not given; got \['x'\]$"):
        model.run({"x": example_inputs()["x"]})


def test_unknown_input(model: runtime.Model) -> None:
    with pytest.raises(runtime.UnknownTensorError, match=r"input 'z': .* has no such input; it has \['x', 'off"):
        model.run(example_inputs() | {"z": np.zeros(1)})


@pytest.mark.parametrize("dtype", ["float64", "int32", ">f4"])
def test_wrong_dtype(model: runtime.Model, dtype: str) -> None:
    inputs = example_inputs()
    with pytest.raises(runtime.TensorDtypeError, match=f"input 'x': expected dtype float32, got {dtype}"):
        model.run(inputs | {"x": inputs["x"].astype(dtype)})


def test_wrong_shape(model: runtime.Model) -> None:
    inputs = example_inputs()
    with pytest.raises(runtime.TensorShapeError, match=r"input 'x': expected shape \[256, 1024\], got \[255, 1"):
        model.run(inputs | {"x": inputs["x"][1:]})
    with pytest.raises(runtime.TensorShapeError, match=r"input 'offset': expected shape \[\], got \[1\]"):
        model.run(inputs | {"offset": inputs["offset"].reshape(1)})


def test_output_buffers_that_cannot_be_written(model: runtime.Model) -> None:
    inputs = example_inputs()
    y = np.empty((ROWS, COLUMNS), np.float32)
    frozen = y.copy()
    frozen.flags.writeable = False
    both = np.empty(ROWS * COLUMNS + ROWS, np.float32)
    cases = {
        "read-only": {"y": frozen},
        "not C-contiguous": {"y": np.asfortranarray(y)},
        "overlaps": {"y": both[: ROWS * COLUMNS].reshape(ROWS, COLUMNS), "total": both[:ROWS]},
    }
    for message, outputs in cases.items():
        with pytest.raises(runtime.OutputBufferError, match=message):
            model.run(inputs, outputs=outputs)
    with pytest.raises(runtime.OutputBufferError, match="overlaps an input"):
        model.run(inputs, outputs={"y": inputs["x"]})
    with pytest.raises(runtime.UnknownTensorError, match="output 'w'"):
        model.run(inputs, outputs={"w": y})
    with pytest.raises(runtime.TensorDtypeError, match="output 'y'"):
        model.run(inputs, outputs={"y": np.empty((ROWS, COLUMNS))})


def test_eight_python_threads_share_a_model(model: runtime.Model) -> None:
    work = [example_inputs(seed) for seed in range(8)]
    want = [model.run(inputs) for inputs in work]
    barrier = threading.Barrier(8)

    def hammer(i: int) -> None:
        barrier.wait()
        for _ in range(20):
            got = model.run(work[i])
            assert all(got[name].tobytes() == want[i][name].tobytes() for name in got)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(hammer, range(8)))


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the constants of <fenv.h> are x86's")
def test_a_callers_rounding_mode_does_not_show(built: Path) -> None:
    """Else the caller's share of a kernel would differ from the workers', and bits depend on the threads."""
    libm = ctypes.CDLL(ctypes.util.find_library("m"))
    nearest, upward = 0, 0x800  # of <fenv.h> on x86
    inputs = example_inputs()
    with runtime.Model(built, threads=2) as model:
        want = model.run(inputs)
        libm.fesetround(upward)
        try:
            got = model.run(inputs)
            kept = libm.fegetround()
        finally:
            libm.fesetround(nearest)
    assert kept == upward
    assert all(got[name].tobytes() == want[name].tobytes() for name in want)


def test_profile_lists_kernels_in_order(model: runtime.Model) -> None:
    rows = model.profile(runs=5)
    assert [row.name for row in rows] == ["affine", "relu", "row_sum"]
    for row in rows:
        assert row.runs == 5
        assert row.threads == 2
        assert 0 < row.best_seconds <= row.total_seconds / 5
    assert rows[0].flops == 3 * ROWS * COLUMNS


def test_closed_model_refuses(built: Path) -> None:
    model = runtime.Model(built)
    model.close()
    model.close()
    with pytest.raises(runtime.ModelClosedError, match="'affine' is closed"):
        model.run(example_inputs())


def test_closing_while_others_run(built: Path) -> None:
    """Runs in progress end normally; the memory goes with the last of them."""
    model = runtime.Model(built, threads=2)
    inputs = example_inputs()
    want = model.run(inputs)

    def until_closed(_: int) -> int:
        done = 0
        while True:
            try:
                got = model.run(inputs)
            except runtime.ModelClosedError:
                return done
            assert got["y"].tobytes() == want["y"].tobytes()
            done += 1

    with ThreadPoolExecutor(4) as pool:
        counts = pool.map(until_closed, range(4))
        time.sleep(0.2)
        model.close()
        assert sum(counts) > 0


@pytest.mark.parametrize("threads", [0, -1])
def test_thread_count_must_be_positive(built: Path, threads: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        runtime.Model(built, threads=threads)


def test_too_many_threads_is_the_runtimes_error(built: Path) -> None:
    with pytest.raises(runtime.NativeError, match=r"must be 0 \(automatic\) to 1024.*KILN_ERROR_ARGUMENT"):
        runtime.Model(built, threads=100_000)


def test_random_arrays_follow_the_specs() -> None:
    specs = {
        "f": TensorSpec("float16", (2, 3)),
        "b": TensorSpec("bfloat16", (None, 4)),
        "i": TensorSpec("int64", (50,)),
    }
    first, again = random_arrays(specs, seed=3), random_arrays(specs, seed=3)
    for name, spec in specs.items():
        spec.checked("input", name, first[name])
        assert first[name].tobytes() == again[name].tobytes()
    assert set(np.unique(first["i"])) == {0, 1}
    assert first["b"].dtype == np.uint16


def test_bfloat16_of_ml_dtypes_is_taken_as_bits() -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    spec = TensorSpec("bfloat16", (2,))
    bits = spec.checked("input", "x", np.array([1.0, -2.0], ml_dtypes.bfloat16))
    assert bits.tolist() == [0x3F80, 0xC000]
