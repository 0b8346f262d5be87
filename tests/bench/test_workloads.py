"""``python -m bench.workloads``: nothing is written unless everything can be."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import workloads


def test_a_missing_zoo_is_found_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    written: list[str] = []

    def record(graph: object, name: str) -> None:
        written.append(name)

    monkeypatch.setattr(workloads, "save_network", record)
    assert workloads.main(["--zoo", str(tmp_path)]) == 1
    assert "is a model of the zoo" in capsys.readouterr().err
    assert written == []
