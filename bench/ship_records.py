"""``python -m bench.ship_records``: the records that ship with the package for one kind of machine, from a database.

Of each task the best record and that of the default are kept, if the best one gains enough; of each network that all of
them together make slower, those that promise most and make it no slower, or none. How that is judged,
``bench.shipping.judge`` says. The same database gives the same bytes. ``python -m compiler.tune --target T --budget
2h`` fills a database, of measurements where T runs here or has a runner, else of predictions.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.arguments import command_parser
from bench.models.zoo import DEFAULT_ZOO, MissingZoo
from bench.shipping.judge import Judge, MeasuringJudge, StaticJudge, Verdict, without_losses
from bench.shipping.select import Selection
from compiler.autotune.database import Database, default_database, export_records
from compiler.autotune.database.shipped import FOLDER
from compiler.autotune.record import TimeSource
from compiler.autotune.validity import Validity, toolchain_id
from compiler.codegen.template_versions import template_versions
from compiler.codegen.toolchain import how_to_run
from compiler.driver import Settings, build_errors
from compiler.errors import BuildError
from compiler.model_tuner.networks import network_names
from compiler.targets import TargetError, resolve

EXAMPLE = """\
example: python -m compiler.tune --target arm_cortex_a72 --budget 2h --db a72.db
         python -m bench.ship_records --target arm_cortex_a72 --db a72.db

exit status: 0 a file was written, 1 there is nothing to ship or it cannot be judged, 2 wrong usage
"""
MOST_BYTES = 300_000
"""A file of the package is no larger."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; 0: a file was written, 1: there is nothing to ship or it cannot be judged, 2: wrong usage."""
    options = _parser().parse_args(arguments)
    try:
        target = resolve(options.target)
    except TargetError as error:
        print(f"bench.ship_records: {error}", file=sys.stderr)
        return 2
    try:
        with build_errors():
            return _ship(options, Settings(target))
    except (BuildError, MissingZoo) as error:
        print(f"bench.ship_records: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    p = command_parser("ship_records", __doc__, EXAMPLE)
    p.add_argument("--target", default="host", help="whose records (python -m compiler.targets lists them)")
    p.add_argument("--db", type=Path, default=default_database(), metavar="FILE", help="the database (the user's)")
    p.add_argument("--models", nargs="+", default=network_names(), choices=network_names(), metavar="NAME")
    p.add_argument("--zoo", type=Path, default=DEFAULT_ZOO, metavar="DIR", help="where real models lie")
    p.add_argument("--out", type=Path, default=FOLDER, metavar="DIR", help="where the file goes (the package)")
    return p


def _ship(options: argparse.Namespace, settings: Settings) -> int:
    fingerprint = settings.target.fingerprint()
    validity = Validity(toolchain_id(), template_versions(settings.target, settings.cache / "kernels"))
    with Database.open(options.db, read_only=True) as database:
        selection = Selection.of(database, fingerprint, validity)
    judge = _judge(settings, validity, selection, options.zoo)
    selection, verdicts = without_losses(options.models, selection, judge)
    for verdict in verdicts.values():
        if verdict.tuned != verdict.untuned:
            print(_line(verdict))
    if not selection.records:
        print(f"bench.ship_records: {options.db} has no records of {settings.target.name} to ship", file=sys.stderr)
        return 1
    path = options.out / f"{fingerprint}.jsonl.xz"
    with selection.database(str(path)) as shipped:
        export_records(shipped, path)
    size = path.stat().st_size
    print(f"{len(selection.records)} records of {len(selection.texts)} tasks -> {path} ({size} bytes)")
    if size > MOST_BYTES:
        path.unlink()
        raise BuildError(f"more than {MOST_BYTES} bytes: ship the records of fewer networks")
    return 0


def _judge(settings: Settings, validity: Validity, selection: Selection, zoo: Path) -> Judge:
    measured = any(record.source is TimeSource.MEASURED for record in selection.records)
    if measured and how_to_run(settings.target).kind == "native":
        return MeasuringJudge(settings, validity, zoo)
    return StaticJudge(settings, validity)


def _line(verdict: Verdict) -> str:
    times = f"{1e3 * verdict.untuned:.3f} ms without records, {1e3 * verdict.tuned:.3f} ms with them"
    return f"{verdict.network}: {times} ({verdict.gain:.3f}x){'' if verdict.is_no_loss else ', kept out'}"


if __name__ == "__main__":
    sys.exit(main())
