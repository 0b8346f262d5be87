"""The comparison in words: a table, the means, and everything that was measured as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from bench.machine import Machine
from bench.markdown import table
from bench.metaschedule.contest import DIRECT, Outcome, Plan, geometric_mean
from bench.metaschedule.records import KILN, Effort

HEADER = (
    "task",
    "Kiln's algorithm",
    "MetaSchedule's form",
    "Kiln us",
    "of peak",
    "trials",
    "MetaSchedule us",
    "of peak",
    "trials",
    "Kiln is faster by",
)


def text_of(outcomes: Sequence[Outcome], failures: Mapping[str, str], plan: Plan, machine: Machine, date: str) -> str:
    """In markdown."""
    lines = [
        f"{plan.seconds:g} seconds of tuning per task and tuner, seed {plan.seed}, {date}, {machine.processor}",
        "",
    ]
    if outcomes:
        lines += [table(HEADER, [_row(outcome) for outcome in outcomes], labels=3), "", *_means(outcomes, plan)]
        lines += [_forms(outcome) for outcome in outcomes]
    lines += [f"- {name}: not compared: {reason}" for name, reason in failures.items()]
    return "\n".join(lines)


def _row(outcome: Outcome) -> list[str]:
    return [
        outcome.name,
        outcome.algorithm,
        outcome.form,
        *_cells(outcome, KILN),
        *_cells(outcome, outcome.form),
        str(outcome.ratio),
    ]


def _cells(outcome: Outcome, name: str) -> tuple[str, str, str]:
    winograd = name == KILN and outcome.algorithm != DIRECT  # it has fewer operations than are counted
    of_peak = "-" if winograd else f"{outcome.of_peak(name):.0%}"
    return f"{outcome.median(name) * 1e6:.1f}", of_peak, _trials(outcome.efforts[name])


def _trials(effort: Effort) -> str:
    failed = f", {effort.failed} failed" if effort.failed else ""
    return f"{len(effort.trials)}{failed}"


def _means(outcomes: Sequence[Outcome], plan: Plan) -> list[str]:
    """The faster form took MetaSchedule the seconds of all forms; a form alone has the seconds that Kiln has."""
    ratios = [outcome.ratio.value for outcome in outcomes]
    lines = [f"- MetaSchedule's time by Kiln's, geometric mean over {len(ratios)} tasks: {geometric_mean(ratios):.2f}x"]
    direct = [outcome.ratio.value for outcome in outcomes if outcome.algorithm == DIRECT]
    if direct and len(direct) < len(ratios):
        lines.append(
            f"- the same over the {len(direct)} with the direct algorithm on both sides: {geometric_mean(direct):.2f}x"
        )
    for form in plan.forms if len(plan.forms) > 1 else ():
        alone = geometric_mean([outcome.ratio_in(form).value for outcome in outcomes])
        lines.append(f"- with images {form} throughout, the same seconds for both tuners: {alone:.2f}x")
    return lines


def _forms(outcome: Outcome) -> str:
    """What MetaSchedule had in each form."""
    found = [f"{name} {outcome.median(name) * 1e6:.1f} us" for name in outcome.comparison.seconds if name != KILN]
    refused = [f"{form}: {reason}" for form, reason in outcome.refusals.items()]
    worst = max(outcome.comparison.differences.values())
    return f"- {outcome.name}: MetaSchedule {'; '.join([*found, *refused])}; largest difference {worst:.1e}"


def as_json(
    outcomes: Sequence[Outcome], failures: Mapping[str, str], plan: Plan, machine: Machine, date: str
) -> dict[str, object]:
    """Everything that was measured; ``curve`` is seconds since the tuner began, and of one run of the best kernel."""
    return {
        "date": date,
        "machine": asdict(machine),
        "plan": asdict(plan),
        "failures": dict(failures),
        "tasks": [_task(outcome) for outcome in outcomes],
    }


def _task(outcome: Outcome) -> dict[str, object]:
    ratio = outcome.ratio
    return {
        **{key: value for key, value in asdict(outcome).items() if key != "efforts"},
        "efforts": {
            name: {
                "limit": effort.limit,
                "used": effort.used,
                "trials": len(effort.trials),
                "failed": effort.failed,
                "curve": effort.curve,
            }
            for name, effort in outcome.efforts.items()
        },
        "medians": {name: outcome.median(name) for name in outcome.comparison.seconds},
        "of_peak": {name: outcome.of_peak(name) for name in outcome.comparison.seconds},
        "form": outcome.form,
        "ratio": asdict(ratio),
    }
