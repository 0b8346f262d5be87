"""`python -m bench`: run a suite beside its peers and print its tables.

Wires suites, engines and reports together; what is measured, and how it is written down, is decided elsewhere.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError

from bench.footprint import FootprintTable, footprints
from bench.latency import SUBJECT, Comparison, Effort, PreparedModel, compare, prepare
from bench.models.catalog import UnknownModel, make_model, model_names
from bench.models.zoo import MissingZoo
from bench.options import make_parser
from bench.peers import MissingPeer, UnknownPeer, peer
from bench.process import available_processors
from bench.report import as_json, footprint_table, latency_table, plot, summary_text
from bench.suites import SUITES, Kind, Suite
from bench.summary import summarize_suite


class UnreadableModel(ValueError):
    """A file that is not an ONNX model."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} is not an ONNX model" if path.is_file() else f"{path}: no such file")


@dataclass
class Outcome:
    """What came of a suite: results in the order of its models, and the models that were skipped, with reasons."""

    suite: Suite
    versions: dict[str, str]
    results: list[Comparison | FootprintTable]
    skipped: dict[str, str]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; 0: all was measured, 1: something did not run, 2: wrong usage."""
    parser = make_parser()
    options = parser.parse_args(arguments)
    suite = next(s for s in SUITES if s.name == options.suite)
    if options.plot and suite.kind is not Kind.LATENCY:
        parser.error("--plot draws ratios of latencies; this suite has none")
    engines = list(dict.fromkeys([SUBJECT, *options.peers]))
    try:
        missing = {name: error for name in engines if (error := _missing(name))}
        _check_names(options.models or ())
        outcome = Outcome(suite, {name: peer(name).version() for name in engines if name not in missing}, [], {})
        for reason in missing.values():
            print(f"bench: {reason}", file=sys.stderr)
        _run(outcome, engines, options)
    except (UnknownPeer, UnknownModel, UnreadableModel, MissingZoo) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    _write(outcome, options)
    return 1 if any(result.failures for result in outcome.results) else 0


def _missing(name: str) -> MissingPeer | None:
    try:
        peer(name)
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


def _run(outcome: Outcome, engines: Sequence[str], options: argparse.Namespace) -> None:
    """Model after model, so that only one is in memory and on the disk at a time; raises MissingZoo if a model that
    was asked for by name is not there."""
    for name in options.models or outcome.suite.models:
        try:
            model = _read_model(Path(name)) if name.endswith(".onnx") else make_model(name, options.zoo)
        except MissingZoo as missing:
            if options.models:
                raise
            outcome.skipped[name] = str(missing)
            print(f"bench: skipped: {missing}", file=sys.stderr)
            continue
        print(f"bench: {name} ...", file=sys.stderr)
        with tempfile.TemporaryDirectory(prefix="kiln-bench-") as directory:
            prepared = prepare(Path(name).stem, model, engines, Path(directory))
            outcome.results += _measure(outcome.suite, prepared, options)


def _measure(suite: Suite, model: PreparedModel, options: argparse.Namespace) -> Iterator[Comparison | FootprintTable]:
    if suite.kind is Kind.FOOTPRINT:
        yield footprints(model, options.threads or 1)
        return
    counts = [options.threads] if options.threads else sorted({1, len(available_processors())})
    for threads in counts:
        yield compare(model, threads, Effort(turns=options.turns))


def _write(outcome: Outcome, options: argparse.Namespace) -> None:
    comparisons = [result for result in outcome.results if isinstance(result, Comparison)]
    tables = [result for result in outcome.results if isinstance(result, FootprintTable)]
    if outcome.suite.kind is Kind.FOOTPRINT:
        print(footprint_table(tables))
    else:
        print(latency_table(comparisons))
        print("\n" + summary_text(summarize_suite(comparisons)))
    for name, reason in outcome.skipped.items():
        print(f"- {name} was skipped: {reason}")
    print("\nengines: " + ", ".join(f"{name} {version}" for name, version in outcome.versions.items()))
    if options.json:
        document = as_json(outcome.suite.name, outcome.versions, outcome.results)
        options.json.write_text(json.dumps(document, indent=1) + "\n")
    if options.plot:
        options.plot.write_text(plot(comparisons))


if __name__ == "__main__":
    sys.exit(main())
