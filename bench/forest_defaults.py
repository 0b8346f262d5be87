"""`python -m bench.forest_defaults`: how far what a build takes of a forest without any record is from the best.

For a tile of rows and for a single row, every algorithm that a build may choose is measured in every configuration of
its kernels, on tables like the model's. A batch is put together of both as the runtime does: by default with the
algorithms, the configurations and the numbers of rows that estimates choose; at best with those that are fastest.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from bench.arguments import command_parser
from bench.exhaustive.measure import LIMITS, Effort, measure_all
from bench.markdown import table as markdown_table
from bench.models.forests import forest_names, make_forest
from bench.models.zoo import DEFAULT_ZOO, MissingZoo
from compiler.arguments import positive
from compiler.autotune.measure.builder import WorkerBuilder
from compiler.autotune.measure.device import KernelDevice
from compiler.autotune.measure.task_data import task_data
from compiler.autotune.measure.transport import transport_for
from compiler.codegen.analytic import estimator
from compiler.codegen.space import Choice
from compiler.codegen.task_spaces import task_spaces
from compiler.ir import Task
from compiler.model_tuner.forest_forms import forest_forms
from compiler.model_tuner.survey import Survey, of_rows
from compiler.passes import PassManager, context_for
from compiler.source import LoadError, Source
from compiler.targets import Target, host_target

EXAMPLE = """\
example: python -m bench.forest_defaults higgs year --batches 1 10000

exit status: 0 every default is within 20% of the best, 1 some are not, 2 wrong usage
"""
MODELS = (
    *("higgs", "airline", "year", "epsilon"),
    *(f"grid_f{features}_d{depth}_t{trees}" for features in (8, 128) for depth in (2, 4, 8) for trees in (16, 128)),
)
BATCHES = (1, 64, 1_000, 10_000)
ALONE = 8
"""How often a default is measured by itself."""
MOST = 1.2
"""A default may take this many times as long as the best."""
HEADER = ("model", "default", "best", "rows", "default us", "best us", "ratio")


@dataclass(frozen=True)
class Kernel:
    """Seconds of a task in its default configuration, and in the fastest one, which is ``choice``."""

    default: float
    best: float
    choice: Choice


@dataclass(frozen=True)
class Program:
    """What is known of the code for so many rows: the seconds that are expected of it, those that it takes by default,
    and at best; and what the two consist of."""

    rows: int
    expected: float
    default: float
    best: float
    default_form: str
    best_form: str


@dataclass(frozen=True)
class Measure:
    """How kernels are made and timed. ``points``: configurations of a kernel, a random choice where there are more."""

    target: Target
    cache: Path
    workers: int
    points: int
    effort: Effort

    def build(self, task: Task) -> None:
        """Make everything that `kernel` measures."""
        WorkerBuilder(self.target, self.cache, self.workers).build(task, self._choices(task))
        task_data(task, self.target, self.cache / "tasks")

    def kernel(self, task: Task) -> Kernel:
        """Measure a task's configurations, beside the default."""
        choices = self._choices(task)
        built = WorkerBuilder(self.target, self.cache, self.workers).build(task, choices)
        limits = replace(LIMITS, hopeless=2.0)
        device = KernelDevice(self.target, transport_for(""), self.cache, limits)
        seconds = measure_all(task, built, device, self.effort)
        known = [(took, choice) for took, choice in zip(seconds, choices, strict=True) if took is not None]
        best, choice = min(known, key=lambda pair: pair[0])
        # Ratios within a task are those of turns side by side; tasks compare by the quietest moments of their defaults.
        alone = min(took for _ in range(ALONE) if (took := device.measure(task, built[:1], None)[0].seconds))
        return Kernel(alone, alone * best / known[0][0], choice)

    def _choices(self, task: Task) -> list[Choice]:
        """The default first."""
        (found,) = task_spaces([task], self.target, self.cache, workers=self.workers).values()
        default, *_ = (Choice.of(name, template.space.default) for name, template in found.items())
        others = [Choice.of(name, config) for name, template in found.items() for config in template.space]
        others = [choice for choice in others if choice != default]
        if len(others) > self.points:
            others = random.Random(task.hash).sample(others, self.points)
        return [default, *others]


def program_of(survey: Survey, kernel_of: Callable[[Task], Kernel]) -> Program:
    """The program of a survey, whose model is one forest; what may follow the forest is left out."""
    (forms,) = forest_forms(survey.costs)
    kernels = {task: kernel_of(task) for form in forms for task in form}
    chosen = next(form for form in forms if all(task in survey.calls for task in form))
    best = min(forms, key=lambda form: sum(kernels[task].best for task in form))
    return Program(
        rows=forms[0][0].graph().inputs[0].type.shape[0],
        expected=sum(survey.costs[task] for task in chosen),
        default=sum(kernels[task].default for task in chosen),
        best=sum(kernels[task].best for task in best),
        default_form=_named(chosen),
        best_form=", ".join(str(kernels[task].choice) if task is best[0] else _named((task,)) for task in best),
    )


def _named(form: Sequence[Task]) -> str:
    return ", ".join(task.graph().nodes[0].op.name for task in form)


def batch_seconds(
    rows: int, programs: Sequence[Program], guess: Callable[[Program], float], real: Callable[[Program], float]
) -> tuple[float, float]:
    """The guessed and the real seconds of so many rows: tiles, and what is left over padded to one more, or computed
    with fewer rows at a time, whichever is guessed to take less."""
    first, *fewer = programs
    tiles, left = divmod(rows, first.rows)
    padded = tiles + (left > 0)
    ways = [(padded * guess(first), padded * real(first))]
    if left and fewer:
        guessed, taken = batch_seconds(left, fewer, guess, real)
        ways.append((tiles * guess(first) + guessed, tiles * real(first) + taken))
    return min(ways)


def rows_of_table(
    name: str, batches: Sequence[int], programs: Sequence[Program]
) -> list[tuple[float, tuple[str, ...]]]:
    """For each batch how many times the best the default takes, and a line of the table."""
    found: list[tuple[float, tuple[str, ...]]] = []
    for rows in batches:
        _, default = batch_seconds(rows, programs, lambda p: p.expected, lambda p: p.default)
        _, best = batch_seconds(rows, programs, lambda p: p.best, lambda p: p.best)
        shown = programs[-1] if rows == 1 else programs[0]
        times = (f"{1e6 * default:.2f}", f"{1e6 * best:.2f}", f"{default / best:.2f}")
        found.append((default / best, (name, shown.default_form, shown.best_form, str(rows), *times)))
    return found


def surveys_of(name: str, zoo: Path, target: Target) -> list[Survey]:
    """Those of an untuned build, the most rows first. Raises MissingZoo, LoadError."""
    graph = Source(make_forest(name, zoo).path).load()
    costs = context_for(target).costs
    assert costs is not None
    return of_rows(name, graph, PassManager.parse("standard")).surveys(target, costs, estimator(target))


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; 0: all defaults are good, 1: some are not, 2: wrong usage."""
    options = _parser().parse_args(arguments)
    target = host_target()
    measure = Measure(target, options.cache, options.jobs, options.points, replace(Effort(), passes=3, more=6))
    lines: list[tuple[float, tuple[str, ...]]] = []
    for name in options.models or MODELS:
        try:
            surveys = surveys_of(name, options.zoo, target)
        except (MissingZoo, LoadError, KeyError) as error:
            print(f"bench.forest_defaults: {name}: {error}", file=sys.stderr)
            return 2
        if options.build_only:
            for survey in surveys:
                for task in {task for forms in forest_forms(survey.costs) for form in forms for task in form}:
                    measure.build(task)
            continue
        programs = list(map(partial(program_of, kernel_of=measure.kernel), surveys))
        lines += rows_of_table(name, options.batches, programs)
        print(f"{name}: {max(ratio for ratio, _ in lines[-len(options.batches) :]):.2f}", file=sys.stderr, flush=True)
    if lines:
        print(markdown_table(HEADER, [line for _, line in lines], labels=3))
    return 0 if all(ratio <= MOST for ratio, _ in lines) else 1


def _parser() -> argparse.ArgumentParser:
    parser = command_parser("forest_defaults", __doc__, EXAMPLE)
    parser.add_argument("models", nargs="*", metavar="MODEL", help=f"of {', '.join(forest_names()[:8])}, …, or a file")
    parser.add_argument("--batches", type=positive, nargs="+", default=BATCHES, metavar="N", help="(1 64 1000 10000)")
    parser.add_argument("--points", type=positive, default=48, metavar="N", help="most configurations of a kernel (48)")
    parser.add_argument("--cache", type=Path, default=Path("build/forests"), metavar="DIR", help="keeps objects")
    parser.add_argument("--jobs", type=positive, default=1, metavar="N", help="processes that build (1)")
    parser.add_argument("--build-only", action="store_true", help="make the objects; a later run measures them")
    parser.add_argument("--zoo", type=Path, default=DEFAULT_ZOO, metavar="DIR", help="where real models lie")
    return parser


if __name__ == "__main__":
    sys.exit(main())
