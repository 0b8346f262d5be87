"""Every command has a ``--help`` with an example, and says what its exit status means."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys

import pytest

from tests.docs.markdown import REPOSITORY

COMMANDS = (
    "compiler.build",
    "compiler.tune",
    "compiler.opt",
    "compiler.bisect",
    "compiler.targets",
    "runtime.run",
    "bench",
    "bench.conformance",
    "bench.static",
    "bench.searches",
    "bench.costmodel",
    "bench.exhaustive",
    "bench.forest_defaults",
    "bench.metaschedule",
    "bench.scaling",
    "bench.ship_records",
    "bench.workloads",
)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example_and_the_exit_status(command: str) -> None:
    done = run(command, "--help")
    assert done.returncode == 0
    assert f"python -m {command} " in done.stdout.partition("example")[2]
    assert re.search(r"^exit status: 0 .*, 1 .*, 2 ", done.stdout, re.MULTILINE)


@pytest.mark.filterwarnings("ignore:.* found in sys.modules:RuntimeWarning")  # other tests have imported it
@pytest.mark.parametrize("command", COMMANDS)
def test_a_wrong_option_is_wrong_usage(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In this process, which mostly has what the command imports."""
    monkeypatch.setattr(sys, "argv", [command, "--no-such-option"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module(command, run_name="__main__", alter_sys=True)
    assert ended.value.code == 2
    assert "error: " in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ("compiler.build", "missing.onnx"),
        ("compiler.opt", "missing.kiln"),
        ("compiler.bisect", "missing.onnx"),
        ("runtime.run", "missing.tar.gz", "--bench"),
        ("bench", "--suite", "cnn", "--models", "missing.onnx"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_missing_file_is_one_line_that_names_it(arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert done.returncode != 0
    [line] = done.stderr.splitlines()
    assert "missing." in line and "no such" in line.lower()
