"""`python -m bench`: run a suite beside its peers and print a table.

Every engine runs in a fresh, pinned process; the engines take turns, and what is compared are medians.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError

from bench.arguments import positive, writable_file
from bench.footprint import FootprintTable, footprints
from bench.latency import SUBJECT, Comparison, Effort, PreparedModel, compare, prepare
from bench.models.catalog import UnknownModel, make_model
from bench.peers import PEERS, MissingPeer, UnknownPeer, peer
from bench.process import available_processors
from bench.report import as_json, footprint_table, latency_table, plot
from bench.suites import SUITES, Kind, Suite

EXAMPLE = """\
example: python -m bench --suite cnn --peers onnxruntime,openvino --threads 1 --json cnn.json

exit status: 0 all was measured, 1 something did not run, 2 wrong usage
"""


class UnreadableModel(ValueError):
    """A file that is not an ONNX model."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} is not an ONNX model" if path.is_file() else f"{path}: no such file")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; 0: all was measured, 1: something did not run, 2: wrong usage."""
    parser = _parser()
    options = parser.parse_args(arguments)
    suite = next(s for s in SUITES if s.name == options.suite)
    if options.plot and suite.kind is not Kind.LATENCY:
        parser.error("--plot draws ratios of latencies; this suite has none")
    engines = list(dict.fromkeys([SUBJECT, *options.peers]))
    try:
        missing = [str(error) for name in engines if (error := _missing(name))]
        models = [_model(name) for name in options.models or suite.models]
    except (UnknownPeer, UnknownModel, UnreadableModel) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    for reason in missing:
        print(f"bench: {reason}", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="kiln-bench-") as directory:
        prepared = [prepare(name, model, engines, Path(directory)) for name, model in models]
        results = _measure(suite, prepared, options)
    versions = {name: peer(name).version() for name in engines if _missing(name) is None}
    _write(suite, versions, results, options)
    return 1 if any(result.failures for result in results) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=__doc__,
        epilog=EXAMPLE,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    suites = "\n".join(f"{suite.name}: {suite.about} ({', '.join(suite.models)})" for suite in SUITES)
    parser.add_argument("--suite", required=True, choices=[suite.name for suite in SUITES], help=suites)
    parser.add_argument(
        "--peers",
        type=_names,
        default=["onnxruntime"],
        metavar="A,B",
        help=f"beside Kiln, of: {', '.join(PEERS)}",
    )
    parser.add_argument(
        "--threads", type=_thread_count, metavar="N", help="only on N threads (default: on 1 and on all)"
    )
    parser.add_argument("--models", type=_names, metavar="A,B", help="names of the catalog or .onnx files")
    parser.add_argument("--turns", type=positive, default=Effort.turns, metavar="N", help="measurements per engine")
    parser.add_argument("--json", type=writable_file, metavar="FILE", help="write everything that was measured")
    parser.add_argument("--plot", type=writable_file, metavar="FILE.svg", help="write the ratios as a picture")
    return parser


def _thread_count(text: str) -> int:
    most = len(available_processors())
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of threads from 1 to {most}")
    return int(text)


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def _missing(name: str) -> MissingPeer | None:
    try:
        peer(name)
    except MissingPeer as missing:
        return missing
    return None


def _model(name: str) -> tuple[str, onnx.ModelProto]:
    path = Path(name)
    if path.suffix != ".onnx":
        return name, make_model(name)
    try:
        return path.stem, onnx.load(path)
    except (DecodeError, OSError) as error:
        raise UnreadableModel(path) from error


def _measure(
    suite: Suite, models: Sequence[PreparedModel], options: argparse.Namespace
) -> list[Comparison | FootprintTable]:
    if suite.kind is Kind.FOOTPRINT:
        return [footprints(model, options.threads or 1) for model in models]
    counts = [options.threads] if options.threads else sorted({1, len(available_processors())})
    effort = Effort(turns=options.turns)
    return [compare(model, threads, effort) for model in models for threads in counts]


def _write(
    suite: Suite,
    versions: dict[str, str],
    results: Sequence[Comparison | FootprintTable],
    options: argparse.Namespace,
) -> None:
    comparisons = [result for result in results if isinstance(result, Comparison)]
    tables = [result for result in results if isinstance(result, FootprintTable)]
    print(footprint_table(tables) if suite.kind is Kind.FOOTPRINT else latency_table(comparisons))
    print("\nengines: " + ", ".join(f"{name} {version}" for name, version in versions.items()))
    if options.json:
        options.json.write_text(json.dumps(as_json(suite.name, versions, results), indent=1) + "\n")
    if options.plot:
        options.plot.write_text(plot(comparisons))


if __name__ == "__main__":
    sys.exit(main())
