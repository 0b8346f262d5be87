"""`python -m bench`: run a suite beside its peers and print its tables.

Wires suites, engines and reports together; what is measured, and how it is written down, is decided elsewhere.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError

from bench.accuracy.measure import Accuracy, measure_accuracy
from bench.accuracy.wide import NotWidenable
from bench.footprint import footprints
from bench.forest.run import checked_names, run_forests
from bench.isa import isa_named
from bench.kernels.measure import SECONDS_PER_TURN, measure_kernels
from bench.latency import SUBJECT, Effort, compare, prepare
from bench.models.catalog import UnknownModel, make_model, model_names
from bench.models.zoo import MissingZoo
from bench.options import make_parser
from bench.peers import DEFAULTS, FOREST_DEFAULTS, MissingPeer, UnknownPeer, forest_peer, peer
from bench.plot import MissingPlotter, check_plotter, write_plot
from bench.process import available_processors
from bench.report import Outcome, Result, as_json, as_markdown, comparisons, forests
from bench.running import run_each
from bench.suites import SUITES, Kind
from compiler.codegen.toolchain import ToolchainError
from compiler.errors import BuildError


class UnreadableModel(ValueError):
    """A file that is not an ONNX model."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} is not an ONNX model" if path.is_file() else f"{path}: no such file")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; 0: all was measured, 1: something did not run or is not accurate, 2: wrong usage."""
    parser = make_parser()
    options = parser.parse_args(arguments)
    suite = next(s for s in SUITES if s.name == options.suite)
    if options.plot and suite.kind not in (Kind.LATENCY, Kind.FORESTS):
        parser.error("--plot draws ratios of latencies; this suite has none")
    if suite.kind is Kind.KERNELS and options.threads not in (None, 1):
        parser.error("kernels are measured on one thread, as is the peak that they are compared with")
    if suite.kind is Kind.ACCURACY and options.threads not in (None, 1):
        parser.error("accuracy is measured on one thread: results do not depend on how many there are")
    is_forest = suite.kind is Kind.FORESTS
    peers = options.peers or (FOREST_DEFAULTS if is_forest else DEFAULTS)
    engines = [SUBJECT] if suite.kind is Kind.KERNELS else list(dict.fromkeys([SUBJECT, *peers]))
    find = forest_peer if is_forest else peer
    try:
        if options.plot:
            check_plotter(options.plot)
        missing = {name: error for name in engines if (error := _missing(name, find))}
        names = options.models or suite.models
        if is_forest:
            names = checked_names(names)
        else:
            _check_names(options.models or ())
        outcome = Outcome(suite.name, {name: find(name).version() for name in engines if name not in missing})
        for reason in missing.values():
            _say(str(reason))
        if is_forest:
            run_forests(outcome, engines, names, options, _say)
        else:
            _run(outcome, engines, suite.kind, names, options)
        _write(outcome, options)
    except (UnknownPeer, UnknownModel, UnreadableModel, MissingZoo, MissingPlotter) as error:
        _say(str(error))
        return 2
    return 1 if outcome.refused or any(_fell_short(result) for result in outcome.results) else 0


def _say(message: str) -> None:
    print(f"bench: {message}", file=sys.stderr)


def _fell_short(result: Result) -> bool:
    """Whether an engine did not run, or results are not what they must be."""
    return bool(result.failures) or (isinstance(result, Accuracy) and not result.is_within_limit)


def _missing(name: str, find: Callable[[str], object]) -> MissingPeer | None:
    try:
        find(name)
    except MissingPeer as missing:
        return missing
    return None


def _check_names(names: Sequence[str]) -> None:
    """Refuse at once what would fail after minutes; raises UnknownModel, UnreadableModel."""
    for name in names:
        if name.endswith(".onnx"):
            _read_model(Path(name))
        elif name not in model_names():
            raise UnknownModel(name)


def _read_model(path: Path) -> onnx.ModelProto:
    try:
        return onnx.load(path)
    except (DecodeError, OSError) as error:
        raise UnreadableModel(path) from error


def _run(
    outcome: Outcome, engines: Sequence[str], kind: Kind, models: Sequence[str], options: argparse.Namespace
) -> None:
    def make(name: str) -> onnx.ModelProto:
        return _read_model(Path(name)) if name.endswith(".onnx") else make_model(name, options.zoo)

    def measure(name: str, model: onnx.ModelProto, directory: Path) -> list[Result]:
        return list(_measure(Path(name).stem, model, engines, kind, directory, options))

    failures = (BuildError, ToolchainError, NotWidenable)
    run_each(outcome, models, make, measure, failures, _say, asked_for=bool(options.models))


def _measure(
    name: str,
    model: onnx.ModelProto,
    engines: Sequence[str],
    kind: Kind,
    directory: Path,
    options: argparse.Namespace,
) -> Iterator[Result]:
    isa = isa_named(options.isa)
    if kind is Kind.KERNELS:
        seconds = options.turns * SECONDS_PER_TURN
        yield measure_kernels(name, model, directory, target=isa.target, seconds=seconds)
        return
    if kind is Kind.ACCURACY:
        yield measure_accuracy(name, model, [engine for engine in engines if engine != SUBJECT], directory, isa)
        return
    prepared = prepare(name, model, engines, directory, isa)
    if kind is Kind.FOOTPRINT:
        yield footprints(prepared, options.threads or 1)
        return
    counts = [options.threads] if options.threads else sorted({1, len(available_processors())})
    for threads in counts:
        yield compare(prepared, threads, Effort(turns=options.turns))


def _write(outcome: Outcome, options: argparse.Namespace) -> None:
    text = as_markdown(outcome)
    print(text)
    if options.markdown:
        options.markdown.write_text(text + "\n")
    if options.json:
        options.json.write_text(json.dumps(as_json(outcome), indent=1) + "\n")
    if options.plot:
        write_plot(comparisons(outcome), options.plot, best_only=bool(forests(outcome)))


if __name__ == "__main__":
    sys.exit(main())
