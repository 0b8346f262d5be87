"""The command line of `python -m bench`: what can be asked, and what is refused before anything is measured."""

from __future__ import annotations

import argparse
from pathlib import Path

from bench.arguments import writable_file
from bench.forest.measure import BATCHES, RUN_LIMIT_S
from bench.isa import ISAS, NATIVE
from bench.latency import Effort
from bench.models.zoo import DEFAULT_ZOO
from bench.peers import DEFAULTS, FOREST_DEFAULTS, FOREST_PEERS, PEERS
from bench.peers.child import TIMEOUT_S
from bench.process import available_processors
from bench.suites import SUITES
from compiler.arguments import positive

DESCRIPTION = """\
Run a suite beside its peers and print tables in markdown. Every engine runs in a fresh, pinned process; the engines
take turns, and what is compared are medians.
"""

EXAMPLE = """\
example: python -m bench --suite cnn --peers onnxruntime,openvino --threads 1 --json cnn.json

exit status: 0 all was measured, 1 something did not run or is not accurate, 2 wrong usage
"""


def make_parser() -> argparse.ArgumentParser:
    """The parser of the command."""
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=DESCRIPTION,
        epilog=EXAMPLE,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    suites = "\n".join(f"{suite.name}: {suite.about} ({', '.join(suite.models)})" for suite in SUITES)
    parser.add_argument("--suite", required=True, choices=[suite.name for suite in SUITES], help=suites)
    parser.add_argument(
        "--peers",
        type=_lower_names,
        metavar="A,B",
        help=f"beside Kiln, of: {', '.join(PEERS)} (default: {', '.join(DEFAULTS)});\n"
        f"with forests of: {', '.join(FOREST_PEERS)} (default: {', '.join(FOREST_DEFAULTS)})",
    )
    parser.add_argument(
        "--threads", type=_thread_count, metavar="N", help="only on N threads (default: on 1 and on all)"
    )
    parser.add_argument(
        "--models", type=_names, metavar="A,B", help="names of the catalog or files (.onnx; forests: .json, .txt)"
    )
    parser.add_argument(
        "--zoo", type=Path, default=DEFAULT_ZOO, metavar="DIR", help="where real models lie (default: %(default)s)"
    )
    parser.add_argument(
        "--turns",
        type=positive,
        default=Effort.turns,
        metavar="N",
        help="measurements per engine (of kernels: seconds)",
    )
    parser.add_argument(
        "--batches",
        type=_counts,
        default=list(BATCHES),
        metavar="N,M",
        help=f"rows at a time, of forests (default: {','.join(map(str, BATCHES))})",
    )
    parser.add_argument(
        "--build-limit",
        type=positive,
        default=int(TIMEOUT_S),
        metavar="S",
        help="seconds that a peer's compiler may take for a forest (default: %(default)s)",
    )
    parser.add_argument(
        "--run-limit",
        type=positive,
        default=RUN_LIMIT_S,
        metavar="S",
        help="seconds that one run of a batch may take, of forests (default: %(default)s)",
    )
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="keep what peers load of forests, and take it from there next time"
    )
    parser.add_argument(
        "--isa",
        choices=[isa.name for isa in ISAS],
        default=NATIVE.name,
        help="hold all engines to an instruction set (default: each takes what it finds)",
    )
    parser.add_argument("--markdown", type=writable_file, metavar="FILE", help="write what is printed")
    parser.add_argument("--json", type=writable_file, metavar="FILE", help="write everything that was measured")
    parser.add_argument("--plot", type=writable_file, metavar="FILE", help="write the ratios as a picture: .svg, .png")
    return parser


def _thread_count(text: str) -> int:
    most = len(available_processors())
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of threads from 1 to {most}")
    return int(text)


def _counts(text: str) -> list[int]:
    return [positive(part) for part in _names(text)]


def _lower_names(text: str) -> list[str]:
    return _names(text.lower())


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]
