"""``llvm-mca`` as a feature: what is read of it, and that whatever it lacks leaves the feature out."""

from __future__ import annotations

from pathlib import Path

import pytest

from compiler.codegen.analytic import mca
from compiler.codegen.analytic.assembly import read_code
from compiler.targets import resolve

A72 = resolve("arm_cortex_a72")
[LOOP] = read_code(".L0:\n\tfmla\tv0.4s, v4.4s, v6.4s\n\tfmla\tv1.4s, v4.4s, v6.4s\n\tb.ne\t.L0\n", "aarch64").loops


def program(tmp_path: Path, script: str) -> str:
    path = tmp_path / "llvm-mca"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def test_cycles_of_an_iteration_are_read(tmp_path: Path) -> None:
    tool = program(tmp_path, "grep -q b.ne && exit 1; echo 'Total Cycles:      409'")
    assert mca.mca_cycles(tool, LOOP, A72) == 4.09


@pytest.mark.parametrize(
    "script",
    [
        "cat > /dev/null; echo error >&2; exit 1",
        "cat > /dev/null; echo nothing",
        "cat > /dev/null; echo \"'x' is not a recognized processor\" >&2; echo 'Total Cycles: 409'",
        "sleep 60",
    ],
    ids=["refused", "unreadable", "unknown processor", "hangs"],
)
def test_what_the_tool_cannot_do_is_no_feature(script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mca, "TIMEOUT_SECONDS", 0.5)
    tool = program(tmp_path, script)
    monkeypatch.setattr(mca, "find_mca", lambda: tool)
    assert mca.mca_features(LOOP, A72) == {}


def test_without_the_tool_there_is_no_feature(monkeypatch: pytest.MonkeyPatch) -> None:
    mca.find_mca.cache_clear()
    monkeypatch.setenv("PATH", "")
    assert mca.mca_features(LOOP, A72) == {}
    mca.find_mca.cache_clear()


@pytest.mark.skipif(mca.find_mca() is None, reason="llvm-mca is not installed")
def test_the_tool_itself_counts_the_chains_of_sums() -> None:
    features = mca.mca_features(LOOP, A72)
    assert 1 <= features["mca_cycles"] <= A72.fma_latency + 2
