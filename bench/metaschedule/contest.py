"""One workload: either tuner has the machine to itself for the same time, then what they found takes turns."""

from __future__ import annotations

import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.diagnostics import last_words
from bench.exhaustive.tasks import NamedTask
from bench.kernels.probe import build_probe
from bench.kernels.work import WINOGRAD, contractions
from bench.metaschedule.kiln_half import tune_kiln
from bench.metaschedule.metaschedule_half import ENVIRONMENT, MetaScheduleHalf, tune_metaschedule
from bench.metaschedule.records import KILN, Comparison, Effort, NothingFoundError, Spec
from bench.timing import Ratio, ratio_of_medians, summarize
from compiler.codegen.toolchain import find_compiler
from compiler.targets import Target

FORMS = ("plain", "blocked")
DIRECT = "direct"


@dataclass(frozen=True)
class Plan:
    """What both tuners get: ``seconds`` for a workload, and a seed. MetaSchedule has them once for each of ``forms``,
    and the faster result counts. Kernels are compared in so many ``turns``."""

    seconds: float = 60.0
    seed: int = 0
    forms: tuple[str, ...] = FORMS
    turns: int = 12


@dataclass(frozen=True)
class Outcome:
    """A workload's result.

    Args:
        name: ``MODEL:SHAPE``.
        flops: of the direct algorithm.
        algorithm: of Kiln's kernel, ``direct`` or ``winograd``; MetaSchedule's is direct.
        choice: Kiln's template and its knobs.
        efforts: of both, by ``kiln`` and MetaSchedule's forms.
        refusals: why MetaSchedule has no kernel in a form.
        comparison: what was measured of the best kernels.
    """

    name: str
    flops: float
    algorithm: str
    choice: str
    efforts: Mapping[str, Effort]
    refusals: Mapping[str, str]
    comparison: Comparison

    @property
    def form(self) -> str:
        """MetaSchedule's faster form."""
        return min((name for name in self.comparison.seconds if name != KILN), key=self.median)

    @property
    def ratio(self) -> Ratio:
        """MetaSchedule's time in its faster form by Kiln's."""
        return self.ratio_in(self.form)

    def ratio_in(self, form: str) -> Ratio:
        """MetaSchedule's time in a form by Kiln's; in the other where it has no kernel in this one."""
        seconds = self.comparison.seconds
        return ratio_of_medians(seconds[form if form in seconds else self.form], seconds[KILN])

    def median(self, name: str) -> float:
        """Seconds of one run of a kernel."""
        return summarize(self.comparison.seconds[name]).median

    def of_peak(self, name: str) -> float:
        """The rate of the direct algorithm's operations by the machine's peak at that time."""
        return self.flops / self.median(name) / statistics.median(self.comparison.peaks)


class NoFormError(RuntimeError):
    """MetaSchedule has a kernel in none of the forms; the message has the reasons."""


class ComparisonError(RuntimeError):
    """The process that compares kernels ended without an answer; the message is what it said last."""


def geometric_mean(values: Sequence[float]) -> float:
    """The geometric mean of positive numbers; raises ValueError if there are none."""
    return math.exp(statistics.fmean(map(math.log, values)))


def hold(named: NamedTask, target: Target, plan: Plan) -> Outcome:
    """Tune by both, compare. Raises NothingFoundError, NoFormError, ComparisonError, and what Kiln's tuner raises."""
    (contraction,) = contractions(named.task.graph())
    with tempfile.TemporaryDirectory(prefix="kiln-metaschedule-") as place:
        folder = Path(place)
        task = folder / "task.kiln"
        task.write_text(named.task.text)
        (folder / KILN).mkdir()
        kiln = tune_kiln(named.name, named.task, target, plan.seconds, plan.seed, folder / KILN)
        halves, refusals = _metaschedule(named.name, task, plan, folder)
        best = {form: str(half.best) for form, half in halves.items()}
        probe = build_probe(find_compiler(target), folder)
        comparison = _compare(Spec(str(task), str(kiln.library), best, str(probe), plan.turns), folder)
    return Outcome(
        named.name,
        contraction.flops,
        WINOGRAD if contraction.kind == WINOGRAD else DIRECT,
        str(kiln.choice),
        {KILN: kiln.effort, **{form: half.effort for form, half in halves.items()}},
        refusals,
        comparison,
    )


def _metaschedule(
    name: str, task: Path, plan: Plan, folder: Path
) -> tuple[dict[str, MetaScheduleHalf], dict[str, str]]:
    """What it came to in each form, and why it did not in others."""
    halves: dict[str, MetaScheduleHalf] = {}
    refusals: dict[str, str] = {}
    for form in plan.forms:
        (folder / form).mkdir()
        try:
            halves[form] = tune_metaschedule(name, task, form, plan.seconds, plan.seed, folder / form)
        except NothingFoundError as error:
            refusals[form] = str(error)
    if not halves:
        raise NoFormError("; ".join(refusals.values()))
    return halves, refusals


def _compare(spec: Spec, folder: Path) -> Comparison:
    path = folder / "spec.json"
    path.write_text(json.dumps(asdict(spec)))
    command = [sys.executable, "-m", "bench.metaschedule.compare", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **ENVIRONMENT})
    if done.returncode:
        raise ComparisonError(f"the comparison: {last_words(done.stderr)}")
    return Comparison(**json.loads(done.stdout))
