"""``python -m compiler.bisect``: names the first place where a compiled model goes wrong.

Owns arguments and text; the search is ``compiler.bisection``.
"""

from __future__ import annotations

import argparse
import sys
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from compiler.arguments import command_parser
from compiler.bisection import bisect
from compiler.cli import DONE, FAILED, check_names, load_files, run_command
from compiler.driver import Settings, build_errors
from compiler.errors import BuildError
from compiler.ir import EvaluationError, Graph
from compiler.ir.interpreter import check_type
from compiler.ir.literal import Array
from compiler.source import Source
from compiler.targets import resolve
from compiler.verification import sample_inputs
from runtime.npz import read_npz

EXAMPLES = """\
examples:
  python -m compiler.bisect model.onnx --target host --input inputs.npz
  python -m compiler.bisect model.onnx --load my_pass.py --passes my-pass,standard

exit status: 0 nothing is wrong, 1 a culprit was found (or the search failed), 2 wrong usage
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    p = command_parser("bisect", "Name the first op or pass whose result diverges from the reference.", EXAMPLES)
    p.add_argument(
        "--input",
        type=Path,
        metavar="FILE.npz",
        help="arrays by input name, whose shapes set symbolic dimensions (default: random ones)",
    )
    return run_command(_bisect, p.parse_args(arguments))


def _bisect(options: argparse.Namespace) -> int:
    loaded = load_files(options.load)
    check_names(options, loaded)
    given = _read(options.input) if options.input else {}
    with build_errors():
        settings = Settings(
            target=resolve(options.target),
            pipeline=options.passes,
            passes=tuple(loaded.passes),
            ops=tuple(loaded.ops),
            schedules=tuple(loaded.schedules),
            workers=options.jobs,
        )
        shapes = {name: array.shape for name, array in given.items()}
        source = Source(Path(options.model), shapes, dict(options.bind), tuple(loaded.ops))
        graph = source.load()
        if given:
            _check_inputs(graph, given, options.input)
        finding = bisect(source, given or sample_inputs(graph, seed=0), settings)
    if finding is None:
        print(f"{options.model}: imported, optimized and compiled right on this input")
        return DONE
    print(f"{finding.stage}: {finding.culprit}\n  {finding.detail}")
    return FAILED


def _read(path: Path) -> dict[str, Array]:
    if not path.is_file():
        raise BuildError(f"{path}: no such file")
    try:
        return read_npz(path)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise BuildError(f"{path}: not an .npz file of arrays by name") from error


def _check_inputs(graph: Graph, given: Mapping[str, Array], path: Path) -> None:
    if unlike := set(graph.input_names) ^ given.keys():
        raise BuildError(f"{path}: inputs missing or unknown: {', '.join(sorted(unlike))}")
    for name, value in zip(graph.input_names, graph.inputs, strict=True):
        try:
            check_type(given[name], value.type, f"input {name!r}")
        except EvaluationError as error:
            raise BuildError(f"{path}: {error}") from error


if __name__ == "__main__":
    sys.exit(main())
