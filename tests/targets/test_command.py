"""``python -m compiler.targets`` as a user sees it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from compiler.targets import ALIASES, TARGETS, resolve
from compiler.targets.__main__ import main

ROOT = Path(__file__).parents[2]


def test_table_has_every_target_and_alias(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    text = capsys.readouterr().out
    first_words = {line.split()[0] for line in text.splitlines() if line}
    assert {"host", *(target.name for target in TARGETS)} <= first_words
    assert all(alias in text for alias in ALIASES)


def test_one_target_in_full(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rasp4b"]) == 0
    text = capsys.readouterr().out
    assert "arm_cortex_a72" in text
    assert "cortex-a72" in text
    assert resolve("rasp4b").fingerprint() in text


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--json"]) == 0
    records = json.loads(capsys.readouterr().out)
    assert [record["name"] for record in records] == ["host", *(target.name for target in TARGETS)]
    assert records[0]["runs_here"] == "native"
    assert all(record["compiler"] for record in records)


def test_wrong_name_is_one_line_and_status_2() -> None:
    command = [sys.executable, "-m", "compiler.targets", "arm_cortex_a27"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert result.stderr.startswith("error: unknown target 'arm_cortex_a27'; did you mean arm_cortex_a7")
    assert result.stderr.count("\n") == 1


def test_importing_the_package_loads_no_compiler_parts() -> None:
    probe = "import sys, compiler.targets; sys.exit(not {'tvm', 'numpy', 'onnx'}.isdisjoint(sys.modules))"
    result = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, check=False)
    assert result.returncode == 0
