"""The long form of a property test: new examples for a given time instead of the same few."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable

from hypothesis import HealthCheck, given, note, seed, settings
from hypothesis import strategies as st

SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much, HealthCheck.large_base_example)
"""Warnings that say nothing about examples which take a compiler run each."""


def fuzz(check: Callable[[st.DataObject], None], seconds: float = 60) -> None:
    """Run ``check`` on new examples for so long, or as ``KILN_FUZZ_SECONDS`` says. A failure is shrunk, and names the
    seed that repeats it."""
    end = time.monotonic() + float(os.environ.get("KILN_FUZZ_SECONDS", seconds))
    while time.monotonic() < end:
        _some_examples(check, random.randrange(2**32))


def _some_examples(check: Callable[[st.DataObject], None], number: int) -> None:
    @seed(number)
    @settings(max_examples=50, derandomize=False, deadline=None, suppress_health_check=SLOW)
    @given(data=st.data())
    def examples(data: st.DataObject) -> None:
        note(f"seed {number}")
        check(data)

    examples()
