"""The demo on its small model, end to end: compiled, measured beside ONNX Runtime, as accurate as before."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.demo import REFERENCE, accuracy, accuracy_lines, artifact_table
from bench.latency import SUBJECT, Effort, PreparedModel, compare, prepare
from bench.models.digits import digits_model, digits_split
from bench.peers import peer

QUICK = Effort(turns=2, turn_seconds=0.02, pause_seconds=0.0)


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> PreparedModel:
    folder: Path = tmp_path_factory.mktemp("demo")
    prepared = prepare("digits", digits_model(), (SUBJECT, REFERENCE), folder)
    assert prepared.failures == {}
    return prepared


def test_the_compiled_network_reads_digits_as_well_as_before(digits: PreparedModel) -> None:
    _, held_out = digits_split()
    ours, theirs = (
        accuracy(peer(engine).load(digits.prepared[engine].path, 1), held_out) for engine in (SUBJECT, REFERENCE)
    )
    assert ours == theirs >= 0.98
    assert f"kiln reads {ours:.2%} of 360" in accuracy_lines(digits)


def test_the_demo_compares_speed_and_numbers(digits: PreparedModel) -> None:
    comparison = compare(digits, 1, QUICK)
    assert comparison.failures == {}
    subject, reference = comparison.measured
    assert (subject.engine, reference.engine) == (SUBJECT, REFERENCE)
    assert reference.difference is not None
    assert reference.difference < 1e-5
    assert reference.speedup is not None
    [row] = artifact_table([digits], [comparison]).splitlines()[2:]
    assert row.startswith("| digits |")
