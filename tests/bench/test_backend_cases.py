"""All of the ONNX package's backend cases through the importer and the reference interpreter."""

from __future__ import annotations

import warnings
from collections import Counter

import pytest

from bench.conformance.cases import CaseCatalog
from bench.conformance.engines import reference
from bench.conformance.judge import Verdict, judge


@pytest.fixture(scope="module")
def verdicts() -> list[Verdict]:
    """The verdicts on all cases; an error that is no refusal ends the test."""
    catalog = CaseCatalog()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # overflows are what some cases are about
        return [judge(catalog.case(name), reference) for name in catalog.names]


def test_no_case_is_wrong(verdicts):
    assert [verdict for verdict in verdicts if verdict.status == "wrong"] == []


def test_no_fewer_cases_pass_than_did(verdicts):
    assert Counter(verdict.status for verdict in verdicts)["pass"] >= 1769


def test_every_refusal_is_for_a_reason_that_no_importer_could_help(verdicts):
    """Texts, pictures, randomness, sequences and narrow types at the border, and what is listed here by name."""
    unavoidable = (
        "tensors of ",
        "it is a sequence",
        "it works on text",
        "it decodes compressed pictures",
        "its result is random",
        "the case gives no tensor",
    )
    others = Counter(
        verdict.reason.partition(":")[0]
        for verdict in verdicts
        if verdict.status == "refused" and not any(reason in verdict.reason for reason in unavoidable)
    )
    assert others == {"Dropout": 6, "Gradient": 2, "If": 2, "Scan": 1}
