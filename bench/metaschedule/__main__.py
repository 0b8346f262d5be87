"""`python -m bench.metaschedule`: Kiln's tuner and MetaSchedule, TVM's, on the same tasks for the same time.

For each task, first Kiln's tuner and then MetaSchedule has the machine to itself for the same number of seconds, in
which either starts the processes that build and run kernels. Then their best kernels run in one process on one
processor, under TVM's timer, in turns, on the same numbers; both results are compared with a reference. A task is
MODEL:SHAPE, as `python -m bench.static MODEL` prints shapes.
"""

from __future__ import annotations

import argparse
import datetime
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.arguments import command_parser, writable_file
from bench.exhaustive.tasks import NamedTask, UnknownTask, find_tasks
from bench.machine import fingerprint
from bench.metaschedule.contest import FORMS, ComparisonError, NoFormError, Outcome, Plan, hold
from bench.metaschedule.records import NothingFoundError
from bench.metaschedule.report import as_json, text_of
from bench.models.catalog import UnknownModel
from bench.models.zoo import DEFAULT_ZOO, MissingZoo
from compiler.arguments import positive
from compiler.autotune.measure.interface import DeviceLostError
from compiler.codegen.objects import CacheUnwritableError, JobsFailedError, WorkerStartError
from compiler.codegen.toolchain import ToolchainError
from compiler.errors import BuildError
from compiler.targets import Target, host_target

STANDARD = (
    "resnet50:64<-64 3x3/1 56x56",
    "resnet50:128<-128 3x3/1 28x28",
    "resnet50:256<-256 3x3/1 14x14",
    "resnet50:512<-512 3x3/2 7x7",
    "resnet50:64<-256 1x1/1 56x56",
    "resnet50:256<-1024 1x1/1 14x14",
    "mobilenetv2:576<-96 1x1/1 14x14",
    "mobilenetv2:192<-192 3x3/1 28x28",
    "bert_base:128x768x768",
    "bert_base:128x768x3072",
)
EXAMPLES = """\
examples:
  python -m bench.metaschedule --seconds 60 --json comparison.json --markdown comparison.md
  python -m bench.metaschedule --seconds 30 --workloads 'resnet50:64<-256 1x1/1 56x56,bert_base:128x768x3072'

MetaSchedule needs packages that TVM does not install: pip install 'kiln-compiler[bench-all]'.

exit status: 0 all tasks were compared, 1 some could not be, 2 wrong usage
"""
FAILURES = (
    NothingFoundError,
    NoFormError,
    ComparisonError,
    BuildError,
    ToolchainError,
    CacheUnwritableError,
    JobsFailedError,
    WorkerStartError,
    DeviceLostError,
)


def main(arguments: Sequence[str] | None = None, contest: Callable[[NamedTask, Target, Plan], Outcome] = hold) -> int:
    """The command; 0: all tasks were compared, 1: some could not be, 2: wrong usage."""
    options = _parser().parse_args(arguments)
    plan = Plan(options.seconds, options.seed, tuple(options.forms))
    target = host_target()
    try:
        tasks = find_tasks(options.workloads, target, options.zoo)
    except (UnknownTask, UnknownModel, MissingZoo) as error:
        print(f"bench.metaschedule: {error}", file=sys.stderr)
        return 2
    outcomes: list[Outcome] = []
    failures: dict[str, str] = {}
    machine, date = fingerprint(), datetime.datetime.now(datetime.UTC).date().isoformat()
    for named in tasks:
        try:
            outcomes.append(contest(named, target, plan))
            print(f"{named.name}: {outcomes[-1].ratio}", file=sys.stderr, flush=True)
        except FAILURES as error:
            failures[named.name] = str(error)
            print(f"{named.name}: {error}", file=sys.stderr, flush=True)
        _write(
            options, text_of(outcomes, failures, plan, machine, date), as_json(outcomes, failures, plan, machine, date)
        )
    print(text_of(outcomes, failures, plan, machine, date))
    return 1 if failures else 0


def _write(options: argparse.Namespace, text: str, measured: dict[str, object]) -> None:
    """Write the files that were asked for: after each task, since the next ones may take long."""
    if options.markdown:
        options.markdown.write_text(text + "\n")
    if options.json:
        options.json.write_text(json.dumps(measured, indent=1) + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = command_parser("metaschedule", __doc__, EXAMPLES)
    parser.add_argument(
        "--seconds", type=positive, default=60, metavar="N", help="of tuning, per task, tuner and form (60)"
    )
    parser.add_argument(
        "--workloads", type=_names, default=list(STANDARD), metavar="A,B", help="tasks (default: the standard ones)"
    )
    parser.add_argument(
        "--forms",
        type=_forms,
        default=list(FORMS),
        metavar="A,B",
        help=f"what MetaSchedule is given, each for the full time; the faster counts ({','.join(FORMS)})",
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of both searches (0)")
    parser.add_argument("--json", type=writable_file, metavar="FILE", help="write everything that was measured")
    parser.add_argument("--markdown", type=writable_file, metavar="FILE", help="write what is printed")
    parser.add_argument("--zoo", type=Path, default=DEFAULT_ZOO, metavar="DIR", help="where real models lie")
    return parser


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise argparse.ArgumentTypeError("no task is named")
    return names


def _forms(text: str) -> list[str]:
    forms = _names(text)
    if unknown := [form for form in forms if form not in FORMS]:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(FORMS)}")
    return forms


if __name__ == "__main__":
    sys.exit(main())
