"""`python -m bench.exhaustive`: measure every point of the spaces of some tasks on this machine, one table each.

A task is MODEL:SHAPE, as `python -m bench.static MODEL` prints shapes; without any the standard ones are measured.
Every template that computes a task and has enough points gets a table of its own.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench.arguments import command_parser
from bench.exhaustive.measure import Effort, local_device, measure_all
from bench.exhaustive.tasks import STANDARD, NamedTask, UnknownTask, find_tasks
from bench.models.catalog import UnknownModel
from bench.models.zoo import DEFAULT_ZOO, MissingZoo
from bench.tables import SUFFIX, TABLES, Point, Table, TableError, load_table, save_table
from compiler.arguments import positive
from compiler.autotune.measure.builder import WorkerBuilder
from compiler.autotune.measure.interface import DeviceLostError
from compiler.codegen.objects import CacheUnwritableError, JobsFailedError, WorkerStartError
from compiler.codegen.space import Choice
from compiler.codegen.task_spaces import TemplateSpace, task_spaces
from compiler.codegen.toolchain import ToolchainError
from compiler.errors import BuildError
from compiler.ir import Task
from compiler.targets import Target, host_target, resolve

FAILURES = (BuildError, ToolchainError, CacheUnwritableError, JobsFailedError, WorkerStartError, DeviceLostError)

EXAMPLE = """\
example: python -m bench.exhaustive 'mobilenetv2:192<-32 1x1/1 28x28' --out tables

exit status: 0 done, 1 something cannot be built or measured, 2 wrong usage
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; 0: done, 1: something cannot be built or measured, 2: wrong usage."""
    options = _parser().parse_args(arguments)
    try:
        for path in options.features or ():
            save_table(with_features(load_table(path), options.cache, options.jobs), path)
        if not options.features:
            target = host_target()
            for named in find_tasks(options.tasks or STANDARD, target, options.zoo):
                _measure_task(named, target, options)
    except (UnknownTask, UnknownModel, MissingZoo, TableError) as error:
        print(f"bench.exhaustive: {error}", file=sys.stderr)
        return 2
    except FAILURES as error:
        print(f"bench.exhaustive: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = command_parser("exhaustive", __doc__, EXAMPLE)
    effort = Effort()
    parser.add_argument("tasks", nargs="*", metavar="TASK", help="MODEL:SHAPE")
    parser.add_argument("--out", type=Path, default=TABLES, metavar="DIR", help="where tables go (bench/tables)")
    parser.add_argument("--cache", type=Path, default=Path("build/exhaustive"), metavar="DIR", help="keeps objects")
    parser.add_argument("--jobs", type=positive, default=1, metavar="N", help="processes that build (default: 1)")
    parser.add_argument(
        "--rounds",
        type=positive,
        default=effort.passes,
        metavar="N",
        help="measurements of each point (default: %(default)s)",
    )
    parser.add_argument(
        "--least",
        type=positive,
        default=10,
        metavar="N",
        help="points that a space must have to be measured (default: 10)",
    )
    parser.add_argument("--build-only", action="store_true", help="make the objects; a later run measures them")
    parser.add_argument(
        "--features", nargs="+", type=Path, metavar="TABLE", help="only compute the features of these tables anew"
    )
    parser.add_argument("--zoo", type=Path, default=DEFAULT_ZOO, metavar="DIR", help="where real models lie")
    return parser


def _measure_task(named: NamedTask, target: Target, options: argparse.Namespace) -> None:
    found = task_spaces([named.task], target, options.cache, workers=options.jobs)[named.task]
    for template, described in found.items():
        if described.space.size >= options.least:
            _measure_space(named, template, described, target, options)


def _measure_space(
    named: NamedTask, template: str, described: TemplateSpace, target: Target, options: argparse.Namespace
) -> None:
    space = described.space
    choices = [Choice.of(template, config) for config in (space.default, *space)]
    builder = WorkerBuilder(target, options.cache, options.jobs)
    candidates = builder.build(named.task, list(dict.fromkeys(choices)))
    if options.build_only:
        return
    device = local_device(target, options.cache)
    effort = replace(Effort(), passes=options.rounds)
    seconds = measure_all(named.task, candidates, device, effort)
    points = tuple(
        Point(candidate.choice.config, took, candidate.features)
        for candidate, took in zip(candidates, seconds, strict=True)
    )
    fingerprint = target.fingerprint()
    table = Table(named.task.text, target.name, fingerprint, template, described.version, space, points)
    options.out.mkdir(parents=True, exist_ok=True)
    stem = f"{named.slug}-{template}"
    save_table(table, options.out / f"{stem}{SUFFIX}")
    print(_summary(stem, table), flush=True)


def _summary(stem: str, table: Table) -> str:
    taken = [point.seconds for point in table.points if point.seconds is not None]
    default, best, failed = taken[0], min(taken), len(table.points) - len(taken)
    return (
        f"{stem}: {len(table.points)} points, {failed} failed, default {default * 1e6:.1f} us,"
        f" best {best * 1e6:.1f} us ({default / best:.3f} times faster), worst {max(taken) * 1e6:.1f} us"
    )


def with_features(table: Table, cache: Path, workers: int) -> Table:
    """A table with the features that the compiler computes today, for the target it was measured on.

    Raises BuildError where a point that was timed cannot be built now.
    """
    builder = WorkerBuilder(resolve(table.target), cache, workers)
    built = builder.build(Task(table.task), [Choice.of(table.template, point.config) for point in table.points])
    for point, new in zip(table.points, built, strict=True):
        if point.seconds is not None and not new.features:
            raise BuildError(f"{new.choice} could not be built: {new.status}: {new.detail}")
    points = (replace(point, features=new.features) for point, new in zip(table.points, built, strict=True))
    return replace(table, points=tuple(points))


if __name__ == "__main__":
    sys.exit(main())
