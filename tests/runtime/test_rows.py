"""`runtime.Model` with a dynamic batch: any number of rows, their checks, threads and life cycle."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import runtime
from runtime.run import main
from runtime.selftest import selftest
from runtime.tensors import TensorSpec
from tests.runtime.rowwise import COLUMNS, INPUTS, OUTPUTS, SMALL, TILE, example_rows, expected_rows

SIZES = (0, 1, 2, 3, SMALL, 6, 7, TILE - 4, TILE - 3, TILE - 1, TILE, TILE + 1, 3 * TILE + 7, 1000)


@pytest.fixture(scope="module")
def model(built_rows: Path):
    with runtime.Model(built_rows, threads=2) as opened:
        yield opened


def assert_right(outputs: dict[str, np.ndarray], inputs: dict[str, np.ndarray]) -> None:
    for name, want in expected_rows(inputs).items():
        assert outputs[name].dtype == want.dtype
        np.testing.assert_array_equal(outputs[name], want)


def test_describes_itself(model: runtime.Model) -> None:
    assert dict(model.inputs) == INPUTS
    assert dict(model.outputs) == OUTPUTS
    assert model.inputs["x"].shape == (None, COLUMNS)
    assert model.row_tile == TILE


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_any_number_of_rows(built_rows: Path, threads: int) -> None:
    with runtime.Model(built_rows, threads=threads) as model:
        for rows in SIZES:
            inputs = example_rows(rows)
            assert_right(model.run(inputs), inputs)


def test_few_rows_in_turn(model: runtime.Model) -> None:
    """Runs share arrays, whose contents are not those of earlier results."""
    sizes = (2, 7, 2, 1, 300, 3, 0, 3, 1, 256, 257, 7)
    batches = [example_rows(rows, seed) for seed, rows in enumerate(sizes)]
    for batch, outputs in [(batch, model.run(batch)) for batch in batches]:
        assert_right(outputs, batch)
    with pytest.raises(runtime.TensorShapeError, match=r"input 'scale': expected shape \[3\], got \[2\]"):
        model.run({"x": example_rows(3)["x"], "scale": example_rows(2)["scale"]})


def test_rows_that_cannot_be_read_in_place(model: runtime.Model) -> None:
    inputs = example_rows(40)
    every_other = {name: array[::2] for name, array in inputs.items()}
    assert_right(model.run(every_other), every_other)
    frozen = {name: array.copy() for name, array in inputs.items()}
    for array in frozen.values():
        array.flags.writeable = False
    assert_right(model.run(frozen), inputs)


def test_single_rows_in_any_form(model: runtime.Model) -> None:
    """A single row is copied; what is not just what the model wants takes the way of larger batches."""
    inputs = example_rows(1)
    strided = np.full((3, 2 * COLUMNS), np.nan, np.float32)
    strided[1, ::2] = inputs["x"][0]
    frozen = inputs["x"].copy()
    frozen.flags.writeable = False
    misaligned = np.frombuffer(b"\0" + inputs["x"].tobytes(), np.uint8)[1:].view(np.float32).reshape(1, COLUMNS)
    for x in (inputs["x"], strided[1:2, ::2], frozen, misaligned, inputs["x"].tolist(), np.ma.array(inputs["x"])):
        if isinstance(x, list):
            with pytest.raises(runtime.TensorDtypeError, match="input 'x': expected dtype float32, got float64"):
                model.run(inputs | {"x": x})
        else:
            assert_right(model.run(inputs | {"x": x}), inputs)
    with pytest.raises(runtime.TensorDtypeError, match="input 'x': expected dtype float32, got >f4"):
        model.run(inputs | {"x": inputs["x"].astype(">f4")})
    with pytest.raises(runtime.TensorShapeError, match=r"input 'x': expected shape \[None, 8\], got \[1, 7\]"):
        model.run(inputs | {"x": inputs["x"][:, 1:]})
    with pytest.raises(runtime.TensorShapeError, match=r"input 'scale': expected shape \[1\], got \[2\]"):
        model.run(inputs | {"scale": np.zeros(2, np.float32)})
    with pytest.raises(runtime.UnknownTensorError, match="input 'z'"):
        model.run({**inputs, "z": inputs["x"]})


def test_results_of_single_rows_are_the_callers(model: runtime.Model) -> None:
    first, second = example_rows(1, seed=1), example_rows(1, seed=2)
    results = model.run(first)
    assert_right(model.run(second), second)
    assert_right(results, first)
    results["y"][...] = np.nan
    assert_right(model.run(first), first)
    y = np.empty((1, COLUMNS), np.float32)
    assert model.run(second, outputs={"y": y})["y"] is y
    assert_right({"y": y, "by": np.ones(1, np.int32)}, second)


def test_outputs_can_be_given(model: runtime.Model) -> None:
    inputs = example_rows(TILE + 3)
    y = np.full((TILE + 4, COLUMNS), np.nan, np.float32)
    outputs = model.run(inputs, outputs={"y": y[:-1]})
    assert_right(outputs, inputs)
    assert np.isnan(y[-1]).all()
    with pytest.raises(runtime.TensorShapeError, match=r"output 'y': expected shape \[19, 8\], got \[20, 8\]"):
        model.run(inputs, outputs={"y": y})


def test_outputs_that_kernels_write_start_on_a_cache_line(model: runtime.Model) -> None:
    assert all(a.ctypes.data % 64 == 0 for a in model.run(example_rows(300)).values())


def test_wrong_shapes(model: runtime.Model) -> None:
    inputs = example_rows(5)
    with pytest.raises(runtime.TensorShapeError, match=r"input 'x': expected shape \[None, 8\], got \[5, 7\]"):
        model.run(inputs | {"x": inputs["x"][:, 1:]})
    with pytest.raises(runtime.TensorShapeError, match=r"input 'x': expected shape \[None, 8\], got \[8\]"):
        model.run(inputs | {"x": inputs["x"][0]})
    with pytest.raises(runtime.TensorShapeError, match=r"input 'scale': expected shape \[5\], got \[4\]"):
        model.run(inputs | {"scale": inputs["scale"][1:]})
    with pytest.raises(runtime.TensorShapeError, match=r"input 'scale': expected shape \[5\], got \[\]"):
        model.run(inputs | {"scale": inputs["scale"][0]})


def test_python_threads_share_a_model(model: runtime.Model) -> None:
    def hammer(seed: int) -> None:
        for rows in SIZES:
            inputs = example_rows(rows, seed)
            assert_right(model.run(inputs), inputs)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(hammer, range(8)))


def test_a_forked_child_runs_too(built_rows: Path) -> None:
    with runtime.Model(built_rows, threads=3) as model:
        inputs = example_rows(100)
        assert_right(model.run(inputs), inputs)
        child = os.fork()
        if child == 0:
            same = all(np.array_equal(a, expected_rows(inputs)[name]) for name, a in model.run(inputs).items())
            os._exit(0 if same else 1)
        assert os.waitpid(child, 0)[1] == 0


def test_profile_counts_passes(model: runtime.Model) -> None:
    rows = model.profile(example_rows(2 * TILE + SMALL + 2), runs=5)
    runs = [("gain [16 rows]", 10), ("gain [4 rows]", 5), ("gain [1 row]", 10)]
    assert [(row.name, row.runs) for row in rows[::3]] == runs
    assert {row.runs for row in model.profile(runs=5)} == {0, 5}


def test_the_selftest_runs_both_kinds_of_code(model: runtime.Model) -> None:
    """The golden vectors are those of a tile; `by` is another for rows beyond tiles."""
    y, by = selftest(model)
    assert y.passed
    assert by.largest_difference == TILE - 1


def test_command(built_rows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    inputs = example_rows(3)
    np.savez(tmp_path / "inputs.npz", allow_pickle=False, **inputs)
    assert main([str(built_rows), "--input", str(tmp_path / "inputs.npz"), "--output", str(tmp_path / "out.npz")]) == 0
    assert "y: float32[3, 8]" in capsys.readouterr().out
    with np.load(tmp_path / "out.npz") as outputs:
        assert_right(dict(outputs), inputs)
    assert main([str(built_rows), "--bench", "--profile", "--rows", "40", "--seconds", "0.01"]) == 0
    text = capsys.readouterr().out
    assert "gain [16 rows]" in text
    assert "[1 row]" not in text
    with pytest.raises(SystemExit):
        main([str(built_rows), "--input", "x.npz", "--rows", "40"])


def test_specs() -> None:
    spec = TensorSpec("float32", (None, 3))
    assert spec.is_dynamic
    assert spec.shape_of() == (1, 3)
    assert spec.shape_of(7) == (7, 3)
    assert spec.nbytes(7) == 84
    assert TensorSpec("float32", (2, 3)).shape_of(7) == (2, 3)
    assert TensorSpec("float32", ()).shape_of(7) == ()
