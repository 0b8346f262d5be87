"""``python -m compiler.tune``: find fast kernels for models on a device, and look after what was found.

Owns arguments, messages and exit codes; tuning is ``compiler.model_tuner``, records are ``compiler.autotune.database``.
"""

from __future__ import annotations

import argparse
import re
import signal
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from rich.console import Console

from compiler.arguments import add_dynamic_batch, add_input, command_parser, positive
from compiler.artifact import check_report
from compiler.autotune.database import Database, DatabaseError, default_database, import_records, merge
from compiler.autotune.search.table import SEARCHES
from compiler.autotune.session import Effort, Session
from compiler.cli import DONE, INTERRUPTED, UsageError, check_names, load_files, run_command
from compiler.codegen.objects import JobsFailedError, WorkerStartError
from compiler.codegen.toolchain import how_to_run
from compiler.driver import Settings, build_errors
from compiler.errors import BuildError
from compiler.model_tuner.keep import Kept, tasks_of, those_that_hold
from compiler.model_tuner.report import write_tuning_report
from compiler.model_tuner.run import LOCAL, Request, local_builder, peak_of, tune_models
from compiler.model_tuner.trial import trials
from compiler.model_tuner.upkeep import Selection, list_best, list_tasks, validity_of
from compiler.model_tuner.view import Board, View, expectation, summary_table
from compiler.model_tuner.withdraw import recorded_tasks, withdraw, without
from compiler.source import Source
from compiler.targets import resolve

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

exit status: 0 done, 1 failed, 2 wrong usage, 130 interrupted; KILN_DEBUG=1 shows tracebacks
"""

DEFAULT_BUDGET = 300.0
HOST = "host"
INSTEAD = ("list", "best", "export", "import_file", "merge", "prune")
OF_TUNING = (
    *("model", "input", "bind", "dynamic_batch", "passes"),
    *("trials", "budget", "search", "runner", "seed", "executor", "report"),
)
"""Arguments that say what to tune, or how."""
_BUDGET = re.compile(r"(\d+(?:\.\d+)?)(s|m|h|)")
_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}
_NAMED = 3
"""Computations that a line names; of the others it says how many there are."""


def parser() -> argparse.ArgumentParser:
    p = command_parser("tune", "Find fast kernels for models on a device.", EXAMPLES, several_models=True)
    add_input(p)
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
    group = p.add_argument_group("instead of tuning")
    actions = group.add_mutually_exclusive_group()
    actions.add_argument("--list", action="store_true", help="the tasks that the database knows for the target")
    actions.add_argument("--best", action="store_true", help="their best kernels")
    actions.add_argument(
        "--export",
        type=Path,
        metavar="FILE",
        help="write the records of all machines, or of --target's, as lines of JSON (.xz compresses)",
    )
    actions.add_argument("--import", type=Path, metavar="FILE", dest="import_file", help="add such records")
    actions.add_argument("--merge", type=Path, nargs="+", metavar="FILE", help="add records of files or databases")
    actions.add_argument(
        "--prune",
        action="store_true",
        help="forget records, of all machines or of --target's, of other versions of kernel templates or of TVM, which"
        " builds do not use any more",
    )
    group.add_argument(
        "--keep",
        type=positive,
        metavar="N",
        help="--prune also forgets, and --export leaves out, what is not among the N best of a task, the default or a"
        " failure; --export then leaves out what --prune forgets, too",
    )
    p.set_defaults(target=None)
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
    action = _check_usage(options, parser())
    one_machine = options.target is not None
    options.target = options.target or HOST
    loaded = load_files(options.load)
    check_names(options, loaded)
    if options.report:
        check_report(options.report)
    path = options.db or default_database()
    with build_errors():
        settings = Settings(
            target=resolve(options.target),
            pipeline=options.passes,
            passes=tuple(loaded.passes),
            ops=tuple(loaded.ops),
            schedules=tuple(loaded.schedules),
            dynamic_batch=options.dynamic_batch,
            workers=options.jobs,
        )
        if action is not None:
            _maintain(action, options, path, settings, one_machine=one_machine)
            return DONE
        with Database.open(path) as database:
            return _run(options, database, settings)


# -- instead of tuning ------------------------------------------------------------------------------


def _check_usage(options: argparse.Namespace, tuning: argparse.ArgumentParser) -> str | None:
    """What is asked for instead of tuning, None for nothing. Raises UsageError for what would be ignored."""
    action = next((name for name in INSTEAD if getattr(options, name)), None)
    beside = next((name for name in OF_TUNING if getattr(options, name) not in (tuning.get_default(name), [])), None)
    if action and beside:
        given = f"MODEL {options.model[0]}" if beside == "model" else _flag(beside)
        raise UsageError(f"{_flag(action)} and {given} do not go together: {_flag(action)} tunes nothing")
    if options.keep and action not in ("export", "prune"):
        raise UsageError(
            f"--keep and {_flag(action) if action else 'tuning'} do not go together: it is for --export and --prune"
        )
    return action


def _flag(name: str) -> str:
    return "--" + name.removesuffix("_file").replace("_", "-")


def _maintain(action: str, options: argparse.Namespace, path: Path, settings: Settings, *, one_machine: bool) -> None:
    selection = Selection(settings.target.fingerprint() if one_machine else None, options.keep)
    # What looks at a database does not make one, and what forgets records has none to forget there.
    if action == "prune" and not path.exists():
        raise DatabaseError(path, "no such file")
    with Database.open(path, read_only=action in ("list", "best", "export")) as database:
        match action:
            case "list":
                print(*list_tasks(database, settings), sep="\n")
            case "best":
                print(*list_best(database, settings), sep="\n")
            case "export":
                print(selection.export(database, settings, options.export))
            case "prune":
                print(selection.prune(database, settings))
            case "import_file":
                print(f"{import_records(database, options.import_file)} new records in {path}")
            case _:
                print(f"{merge(database, options.merge)} new records in {path}")


# -- tuning -----------------------------------------------------------------------------------------


def _run(options: argparse.Namespace, database: Database, settings: Settings) -> int:
    request = _request(options, settings)
    peak = peak_of(request)
    console = Console()
    try:
        with View(console, request.predicts) as view, _interruptible() as running:
            session = _session(request, database, peak, view, running)
    except ModuleNotFoundError as error:
        if options.executor == LOCAL:
            raise
        raise BuildError(f"--executor {options.executor} needs {error.name}: install kiln-compiler[cluster]") from error
    board = view.board
    if board.chosen:
        console.print(summary_table(board.chosen))
    failed = sum(row.failed for row in board.rows.values())
    print(f"{board.trials} candidates known, {failed} of this session failed; {database.path}")
    if forecasts := board.forecasts():
        print(expectation(forecasts, request.predicts))
    if options.report:
        builder, validity = local_builder(settings), validity_of(settings)
        write_tuning_report(database, settings.target, validity, peak, builder, options.report, settings.ops)
        print(f"report: {options.report}")
    if not session.stopped:
        _keep_what_holds(request, database, session.name, board)
    if session.stopped:
        print(f"interrupted: what was measured is kept in {database.path}, and the same command goes on from there")
        return INTERRUPTED
    return DONE


def _session(request: Request, database: Database, peak: float, view: View, running: list[Session]) -> Session:
    """The session when it is over. An interrupt at a terminal reaches worker processes, too: that what is asked of them
    then fails is no failure."""
    try:
        return tune_models(request, database, peak, view, running.append)
    except (JobsFailedError, WorkerStartError):
        if not any(session.stopped for session in running):
            raise
        return running[-1]


def _request(options: argparse.Namespace, settings: Settings) -> Request:
    sources = [Source(Path(m), dict(options.input), dict(options.bind), settings.ops) for m in options.model]
    seconds = options.budget or (None if options.trials else DEFAULT_BUDGET)
    effort = Effort(trials=options.trials, seconds=seconds)
    request = Request(settings, sources, effort, options.search, options.runner, options.seed, options.executor)
    if options.executor != LOCAL and not re.fullmatch(r"dask://[^/]+:\d+", options.executor):
        raise UsageError(f"--executor {options.executor!r}: there are local and dask://HOST:PORT")
    try:
        _ = request.transport
    except ValueError as error:
        raise UsageError(f"--runner {options.runner!r}: {error}") from error
    return request


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


def _keep_what_holds(request: Request, database: Database, session: str, board: Board) -> None:
    """Put aside what makes builds slower of what a session has found for models on this machine."""
    settings = request.settings
    if not request.times_this_machine or how_to_run(settings.target).kind != "native":
        return
    promised = tuple(board.promises(recorded_tasks(database, session)))
    parts = f"of {len(promised)} computations"

    def holds(source: Source, kept: Kept) -> bool:
        if kept == promised:
            return _is_as_fast(source, settings, database, "")
        with without(database, settings.target.fingerprint(), session, tasks_of(kept)) as records:
            what = f", with the records of {len(kept)} {parts} ({_names(kept)})"
            return _is_as_fast(source, settings, records, what)

    kept = those_that_hold(promised, request.sources, holds)
    if kept == promised:
        return
    path = withdraw(database, session, tasks_of(kept))
    if kept:
        print(f"the records of {len(kept)} {parts} stay, the others of this session were moved to {path}")
    else:
        print(f"builds stay as they were: the records of this session were moved to {path}")


def _is_as_fast(source: Source, settings: Settings, records: Database, what: str) -> bool:
    """Whether a model is shown to be, with records, in every size of batch that counts; prints a line for each."""
    gains = trials(source, settings, records)
    for rows, gain in gains.items():
        batch = f", {rows} row{'s' * (rows > 1)}" if rows else ""
        print(f"{source.label}{batch}{what}: {gain}", flush=True)
    return all(gain.is_no_loss for gain in gains.values())


def _names(kept: Kept) -> str:
    names = ", ".join(promise.name for promise in kept[:_NAMED])
    return f"{names} and {len(kept) - _NAMED} more" if len(kept) > _NAMED else names


if __name__ == "__main__":
    sys.exit(main())
