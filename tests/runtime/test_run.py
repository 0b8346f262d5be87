"""`python -m runtime.run`: what it prints, and its exit codes."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from runtime.npz import read_npz, write_npz
from runtime.run import EXAMPLES, main
from runtime.selftest import write_golden
from tests.runtime.affine import example_inputs, expected, write_manifest


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, np.ndarray]:
    """x.npy, offset.npy, both.npz, and a text.npy that is none, in the current directory."""
    monkeypatch.chdir(tmp_path)
    inputs = example_inputs()
    for name, array in inputs.items():
        np.save(name, array)
    write_npz(Path("both.npz"), inputs)
    Path("text.npy").write_text("1, 2, 3")
    return inputs


@pytest.mark.parametrize("arguments", [["both.npz"], ["x=x.npy", "offset=offset.npy"]])
def test_runs_on_files(archive: Path, files: dict[str, np.ndarray], arguments: list[str], capsys) -> None:
    options = [part for argument in arguments for part in ("--input", argument)]
    assert main([str(archive), *options, "--output", "out.npz", "--threads", "1"]) == 0
    np.testing.assert_allclose(read_npz(Path("out.npz"))["y"], expected(files)["y"], rtol=1e-4, atol=1e-5)
    text = capsys.readouterr().out
    assert "y: float32[256, 1024]  min 0  max" in text
    assert "argmax" in text


def test_bench_and_profile(built: Path, capsys) -> None:
    assert main([str(built), "--bench", "--profile", "--seconds", "0.05", "--threads", "2"]) == 0
    text = capsys.readouterr().out
    assert "affine: median" in text
    assert ", 2 threads)" in text
    assert [line.split()[0] for line in text.splitlines()[-4:]] == ["affine", "relu", "row_sum", "total"]


def test_selftest(artifact: Path, capsys) -> None:
    assert main([str(artifact), "--selftest"]) == 0
    assert "selftest passed: affine for test" in capsys.readouterr().out
    inputs = example_inputs()
    wrong = {name: -array for name, array in expected(inputs).items()}
    write_golden(artifact / "golden.npz", inputs, wrong)
    write_manifest(artifact)
    assert main([str(artifact), "--selftest"]) == 1
    assert "selftest FAILED" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["absent.tar.gz", "--bench"], "absent.tar.gz: no such artifact"),
        (["ARTIFACT", "--input", "absent.npy"], "absent.npy: cannot be read as .npy or .npz"),
        (["ARTIFACT", "--input", "x.npy"], "input 'x / offset': not given"),
        (["ARTIFACT", "--input", "x=x.npy"], "input 'offset': not given; got ['x']"),
        (["ARTIFACT", "--input", "both.npz", "--input", "z=x.npy"], "input 'z': the model has no such input"),
        (["ARTIFACT", "--input", "x=both.npz"], "a .npz holds several arrays"),
        (["ARTIFACT", "--input", "x=x.npy", "--input", "offset=x.npy"], "'offset': expected shape []"),
        (["ARTIFACT", "--input", "x=x.npy", "--input", "both.npz"], "--input both.npz: input 'x' is given twice"),
        (["ARTIFACT", "--input", "text.npy"], "text.npy: cannot be read as .npy or .npz: it is neither"),
    ],
)
def test_failures_are_one_line(
    built: Path, files: dict[str, np.ndarray], arguments: list[str], message: str, capsys
) -> None:
    assert main([str(built) if a == "ARTIFACT" else a for a in arguments]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert message in captured.err
    assert captured.err.count("\n") == 1


def test_rows_are_for_a_dynamic_batch(built: Path, capsys) -> None:
    assert main([str(built), "--bench", "--rows", "3"]) == 1
    assert f"--rows 3: {built} was not built with a dynamic batch" in capsys.readouterr().err


def test_pickles_are_refused(built: Path, tmp_path: Path, capsys) -> None:
    np.save(tmp_path / "evil.npy", np.array([{}], object), allow_pickle=True)
    assert main([str(built), "--input", f"x={tmp_path / 'evil.npy'}"]) == 1
    assert "cannot be read" in capsys.readouterr().err


def test_debug_shows_the_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KILN_DEBUG", "1")
    with pytest.raises(FileNotFoundError):
        main(["absent.tar.gz", "--bench"])


@pytest.mark.parametrize(
    "arguments",
    [[], ["a"], ["a", "--bogus"], ["a", "--threads", "0", "--bench"], ["a", "--bench", "--output", "o"]]
    + [["a", "--bench", "--seconds", seconds] for seconds in ("0", "-1", "nan", "inf", "x")],
)
def test_wrong_usage(arguments: list[str], capsys) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_as_a_command(built: Path) -> None:
    shown = subprocess.run([sys.executable, "-m", "runtime.run", "--help"], capture_output=True, text=True)
    assert shown.returncode == 0
    assert EXAMPLES.splitlines()[1] in shown.stdout
    failed = subprocess.run([sys.executable, "-m", "runtime.run", "absent", "--bench"], capture_output=True, text=True)
    assert (failed.returncode, failed.stderr) == (1, "error: absent: no such artifact\n")
