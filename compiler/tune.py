"""``python -m compiler.tune``: find fast kernels for models on a device, and look after what was found.

Owns arguments, messages and exit codes; tuning is ``compiler.tuner``, records are ``compiler.autotune.database``.
"""

from __future__ import annotations

import argparse
import re
import signal
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType

from rich.console import Console

from compiler.artifact import Artifact
from compiler.autotune.database import (
    Database,
    default_database,
    export_records,
    import_records,
    merge,
    prune,
    summaries,
)
from compiler.autotune.measure.transport import TransportError
from compiler.autotune.search.table import SEARCHES
from compiler.autotune.session import Effort, Session
from compiler.autotune.validity import Validity, toolchain_id
from compiler.build import add_dynamic_batch, input_type
from compiler.cli import DONE, FAILED, UsageError, check_names, command_parser, load_files, positive, run_command
from compiler.codegen.extensions import extensions_of
from compiler.codegen.template_versions import template_versions
from compiler.codegen.toolchain import how_to_run
from compiler.driver import Settings, build, build_errors
from compiler.errors import BuildError
from compiler.source import Source
from compiler.targets import resolve
from compiler.tuner.compare import Gain, batches_of, compare
from compiler.tuner.report import write_tuning_report
from compiler.tuner.run import LOCAL, Request, local_builder, peak_of, tune_models
from compiler.tuner.view import View, expectation, summary_table
from compiler.tuner.withdraw import withdraw

EXAMPLES = """\
examples:
  python -m compiler.tune model.onnx --budget 5m
  python -m compiler.tune --target arm_cortex_a72 --budget 3m
  python -m compiler.tune model.onnx --target arm_cortex_a72 --runner "ssh pi@board" --trials 500
  python -m compiler.tune model.onnx --search random --seed 7 --report tuning.html
  python -m compiler.tune --target arm_cortex_a72 --list
  python -m compiler.tune --export records.jsonl.xz
  python -m compiler.tune --merge other.db records.jsonl

Without MODEL, the standard networks of the benchmark are tuned. Where the target neither runs here nor has a runner,
kernels are predicted, not measured. Ctrl-C ends early and keeps everything; the same command goes on later.

exit status: 0 done, 1 failed, 2 wrong usage; KILN_DEBUG=1 shows tracebacks
"""

DEFAULT_BUDGET = 300.0
_BUDGET = re.compile(r"(\d+(?:\.\d+)?)(s|m|h|)")
_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}


def parser() -> argparse.ArgumentParser:
    p = command_parser("tune", "Find fast kernels for models on a device.", EXAMPLES, several_models=True)
    p.add_argument(
        "--input", type=input_type, action="append", default=[], metavar="NAME:SHAPE[:DTYPE]", help="shape of an input"
    )
    add_dynamic_batch(p)
    effort = p.add_mutually_exclusive_group()
    effort.add_argument("--trials", type=positive, metavar="N", help="candidates to try in all")
    effort.add_argument("--budget", type=budget, metavar="TIME", help="how long to try, such as 90s, 5m or 2h (5m)")
    p.add_argument("--search", choices=SEARCHES, help="guided with a device, evolutionary without, if not given")
    p.add_argument("--runner", metavar="PREFIX", help='what runs programs on the device, such as "ssh pi@board"')
    p.add_argument("--db", type=Path, metavar="FILE", help="the database (default: the user's, which builds use)")
    p.add_argument("--seed", type=int, default=0, metavar="S", help="of searches: the same one, the same proposals")
    p.add_argument("--executor", default="local", metavar="local|dask://HOST:PORT", help="where builds and runs happen")
    p.add_argument("--report", type=Path, metavar="FILE.html", help="write a page on what was found")
    actions = p.add_argument_group("instead of tuning").add_mutually_exclusive_group()
    actions.add_argument("--list", action="store_true", help="the tasks that the database knows for the target")
    actions.add_argument("--best", action="store_true", help="their best kernels")
    actions.add_argument("--export", type=Path, metavar="FILE", help="write records as lines of JSON (.xz compresses)")
    actions.add_argument("--import", type=Path, metavar="FILE", dest="import_file", help="add such records")
    actions.add_argument("--merge", type=Path, nargs="+", metavar="FILE", help="add records of files or databases")
    actions.add_argument("--prune", action="store_true", help="forget records that no longer hold for the target")
    return p


def budget(text: str) -> float:
    """``90s``, ``5m``, ``2h`` or seconds."""
    match = _BUDGET.fullmatch(text)
    if match is None or not float(match[1]):
        raise argparse.ArgumentTypeError(f"{text!r} is not a time such as 90s, 5m or 2h")
    return float(match[1]) * _UNITS[match[2]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    return run_command(_tune, parser().parse_args(arguments))


def _tune(options: argparse.Namespace) -> int:
    loaded = load_files(options.load)
    check_names(options, loaded)
    path = options.db or default_database()
    with build_errors():
        path.parent.mkdir(parents=True, exist_ok=True)
        settings = Settings(
            target=resolve(options.target),
            pipeline=options.passes,
            passes=tuple(loaded.passes),
            ops=tuple(loaded.ops),
            schedules=tuple(loaded.schedules),
            dynamic_batch=options.dynamic_batch,
            workers=options.jobs,
        )
        with Database.open(path) as database:
            if (code := _maintain(options, database, settings)) is not None:
                return code
            return _run(options, database, settings)


# -- looking after a database --------------------------------------------------------------------


def _maintain(options: argparse.Namespace, database: Database, settings: Settings) -> int | None:
    """Do what is asked for instead of tuning; None if it is nothing."""
    if options.export:
        count = export_records(database, options.export)
        print(f"{count} records of {database.path} -> {options.export}")
    elif options.import_file:
        print(f"{import_records(database, options.import_file)} new records in {database.path}")
    elif options.merge:
        print(f"{merge(database, options.merge)} new records in {database.path}")
    elif options.prune:
        print(f"{prune(database, _validity(settings))} records forgotten, {database.count()} kept in {database.path}")
    elif options.list or options.best:
        _show(database, settings, best=options.best)
    else:
        return None
    return DONE


def _validity(settings: Settings) -> Validity:
    schedules = extensions_of(settings.schedules)
    return Validity(toolchain_id(), template_versions(settings.target, settings.cache / "kernels", schedules=schedules))


def _show(database: Database, settings: Settings, *, best: bool) -> None:
    rows = summaries(database, _validity(settings), settings.target.fingerprint())
    for row in rows:
        found = row.best
        if best and found is not None and found.seconds is not None:
            default = row.default.seconds if row.default else None
            gain = f"{default / found.seconds:.2f}x of the default, " if default else ""
            print(f"{row.task}  {1e6 * found.seconds:10.1f} us  {gain}{found.source.value}  {found.choice}")
        elif not best:
            result = row.text.splitlines()[-3].strip() if row.text.count("\n") > 2 else ""
            counts = f"{row.measured} measured, {row.predicted} predicted, {row.failed} failed, {row.stale} stale"
            print(f"{row.task}  {counts}  {result}")
    print(f"{len(rows)} tasks for {settings.target.name} in {database.path}")


# -- tuning -----------------------------------------------------------------------------------------


def _run(options: argparse.Namespace, database: Database, settings: Settings) -> int:
    sources = [Source(Path(m), dict(options.input), dict(options.bind), settings.ops) for m in options.model]
    seconds = options.budget or (None if options.trials else DEFAULT_BUDGET)
    effort = Effort(trials=options.trials, seconds=seconds)
    request = Request(settings, sources, effort, options.search, options.runner, options.seed, options.executor)
    console = Console()
    if options.executor != LOCAL and not re.fullmatch(r"dask://[^/]+:\d+", options.executor):
        raise UsageError(f"--executor {options.executor!r}: there are local and dask://HOST:PORT")
    try:
        transport = request.transport
    except ValueError as error:
        raise UsageError(f"--runner {options.runner!r}: {error}") from error
    predicted = transport is None or not transport.times_mean_something
    try:
        with View(console, predicted) as view, _interruptible() as running:
            session = tune_models(request, database, view, running.append)
    except TransportError as error:
        raise BuildError(f"the device does not answer: {error}") from error
    except ModuleNotFoundError as error:
        if options.executor == LOCAL:
            raise
        raise BuildError(f"--executor {options.executor} needs {error.name}: install kiln-compiler[cluster]") from error
    board = view.board
    console.print(summary_table(board.chosen))
    failed = sum(row.failed for row in board.rows.values())
    print(f"{board.trials} candidates known, {failed} of this session failed; {database.path}")
    print(expectation(board.forecasts(), predicted))
    for source in sources:
        if code := _prove(source, database, settings, session, measured=not predicted):
            return code
    if options.report:
        _report(options, database, request)
    return DONE


@contextmanager
def _interruptible() -> Generator[list[Session]]:
    """The first Ctrl-C ends the sessions in the list softly, the second one interrupts."""
    sessions: list[Session] = []

    def stop(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, before)
        if not sessions:
            raise KeyboardInterrupt
        for session in sessions:
            session.stop()

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield sessions
    finally:
        signal.signal(signal.SIGINT, before)


def _prove(source: Source, database: Database, settings: Settings, session: Session, *, measured: bool) -> int:
    """Build a model without and with what was found, and run both, if the target runs here; with a dynamic batch on a
    tile of rows and on one."""
    if not measured or how_to_run(settings.target).kind != "native":
        return DONE
    with (
        build(source, replace(settings, tuning=False, verify=False)) as untuned,
        build(source, replace(settings, tuning=database)) as tuned,
    ):
        gains = [_gain(source, untuned, tuned, rows) for rows in batches_of(untuned, tuned)]
    if all(gain.is_no_loss for gain in gains):
        return DONE
    path = withdraw(database, session.name)
    print(
        f"error: not shown to be as fast as before: the records of this session were moved to {path}", file=sys.stderr
    )
    return FAILED


def _gain(source: Source, untuned: Artifact, tuned: Artifact, rows: int) -> Gain:
    """Of a run of so many rows, 0 if it is not open how many there are; looked at longer where it may be a loss."""
    gain = compare(untuned, tuned, rows=rows)
    if not gain.is_no_loss:
        gain = compare(untuned, tuned, rounds=151, rows=rows)
    batch = f", {rows} row{'s' * (rows > 1)}" if rows else ""
    print(f"{source.label}{batch}: {gain}")
    return gain


def _report(options: argparse.Namespace, database: Database, request: Request) -> None:
    settings = request.settings
    builder, peak = local_builder(settings), peak_of(request)
    write_tuning_report(database, settings.target, _validity(settings), peak, builder, options.report)
    print(f"report: {options.report}")


if __name__ == "__main__":
    sys.exit(main())
