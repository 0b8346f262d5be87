"""The table of the suite `accuracy` in markdown."""

from __future__ import annotations

from collections.abc import Sequence

from bench.accuracy.measure import Accuracy
from bench.markdown import table


def accuracy_text(measured: Sequence[Accuracy]) -> str:
    """A row per model with every engine's distance from float64, and how many models are within the limit."""
    engines = list(dict.fromkeys(name for part in measured for name in (*part.errors, *part.failures)))
    header = ("model", "winograd kernels", *engines, "change by winograd", "verdict")
    rows = [_row(part, engines) for part in measured]
    reasons = [
        f"{engine} did not run {part.model}: {why}" for part in measured for engine, why in part.failures.items()
    ]
    return "\n".join(
        [
            "largest distance from float64, and largest change by Winograd's algorithm, relative to the output's scale",
            "",
            table(header, rows, labels=2),
            "",
            _summary_line(measured),
            *(["", *dict.fromkeys(reasons)] if reasons else []),
        ]
    )


def _row(part: Accuracy, engines: Sequence[str]) -> tuple[str, ...]:
    kernels = ", ".join(f"{count} of {size}x{size}" for size, count in part.winograd.items())
    errors = (f"{part.errors[name]:.1e}" if name in part.errors else "did not run" for name in engines)
    change = "-" if part.change is None else f"{part.change:.1e}"
    return (part.model, kernels or "none", *errors, change, "pass" if part.is_within_limit else "FAIL")


def _summary_line(measured: Sequence[Accuracy]) -> str:
    within = sum(part.is_within_limit for part in measured)
    limit = max(part.limit for part in measured)
    return f"- Kiln's distance and the change are at most {limit:g} on {within} of {len(measured)} models"
