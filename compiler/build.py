"""``python -m compiler.build``: a model file in, an artifact out.

Owns arguments, messages and exit codes; everything else is ``compiler.driver``.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from compiler.artifact import ARCHIVE_SUFFIX, Artifact, SaveError, check_destination
from compiler.codegen.extensions import ExtensionError, load_module
from compiler.debug import DEBUG
from compiler.driver import PRECISIONS, compile
from compiler.errors import BuildError
from compiler.ir import DType, Op, TensorType
from compiler.ir.literal import Array
from compiler.passes import Pass
from runtime.progress import Progress

EXAMPLES = """\
examples:
  python -m compiler.build model.onnx --target arm_cortex_a72
  python -m compiler.build model.onnx --target host -o model_dir --input image:1,3,224,224
  python -m compiler.build model.onnx --target rasp4b --bind scales=[1,1,2,2] --bind table=@table.npy
  python -m compiler.build model.onnx --target board.py:MY_BOARD --load my_pass.py --passes standard,my-pass
  python -m compiler.build model.onnx --target host --report report.html -v

exit status: 0 done, 1 failed, 2 wrong usage; KILN_DEBUG=1 shows tracebacks
"""

DONE, FAILED = 0, 1
_INPUT = re.compile(r"(?P<name>.+?):(?P<shape>\d+(?:,\d+)*|)(?::(?P<dtype>[a-z]+\d*))?")
_DTYPES = {dtype.value: dtype for dtype in DType}


@dataclass
class Loaded:
    """What files given with ``--load`` bring: their tuples PASSES, OPS and SCHEDULES."""

    passes: list[type[Pass]] = field(default_factory=list)
    ops: list[type[Op]] = field(default_factory=list)
    schedules: list[type[object]] = field(default_factory=list)


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        prog="python -m compiler.build",
        description="Compile a model to a self-contained native artifact and check its numbers.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument("model", metavar="MODEL", help="an .onnx file, or a graph as .kiln text")
    p.add_argument(
        "--target", default="host", help="what to compile for (default: host; see compiler.targets)"
    )
    p.add_argument(
        "-o", "--output", type=Path, help="NAME.tar.gz or a directory (default: MODEL's name .tar.gz)"
    )
    p.add_argument(
        "--input",
        type=input_type,
        action="append",
        default=[],
        metavar="NAME:SHAPE[:DTYPE]",
        help="shape of an input, such as image:1,3,224,224 or ids:1,128:i64; sets symbolic dimensions",
    )
    p.add_argument(
        "--bind",
        type=binding,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="fix an input: a number, a list such as [1,2], or @FILE.npy",
    )
    p.add_argument("--precision", choices=PRECISIONS, default=PRECISIONS[0], help="arithmetic (default: f32)")
    p.add_argument("--passes", default="standard", metavar="TEXT", help="the pipeline (default: standard)")
    p.add_argument(
        "--load",
        type=Path,
        action="append",
        default=[],
        metavar="FILE.py",
        help="a file whose tuples PASSES, OPS and SCHEDULES are used too",
    )
    p.add_argument("--report", type=Path, metavar="FILE.html", help="write a page on what was built")
    p.add_argument("--no-verify", action="store_true", help="do not compare with the source framework")
    p.add_argument(
        "--jobs", type=_positive, metavar="N", help="processes that compile kernels (default: one per CPU)"
    )
    p.add_argument("-v", "--verbose", action="store_true", help="print the time of each step")
    return p


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def input_type(text: str) -> tuple[str, Sequence[int] | TensorType]:
    """``name:1,3,224,224`` or ``name:1,128:i64``; a name may contain colons, a scalar's shape is empty."""
    match = _INPUT.fullmatch(text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME:SHAPE[:DTYPE], such as image:1,3,224,224")
    shape = tuple(int(size) for size in match["shape"].split(",") if size)
    if match["dtype"] is None:
        return match["name"], shape
    if match["dtype"] not in _DTYPES:
        raise argparse.ArgumentTypeError(
            f"{match['dtype']!r} is no element type; there are {', '.join(_DTYPES)}"
        )
    return match["name"], TensorType(_DTYPES[match["dtype"]], shape)


def binding(text: str) -> tuple[str, Array]:
    """``name=3``, ``name=[1,2]`` or ``name=@file.npy``."""
    name, equals, value = text.partition("=")
    if not name or not equals or not value:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    try:
        if value.startswith("@"):
            return name, np.load(value[1:], allow_pickle=False)
        return name, np.asarray(json.loads(value))
    except (OSError, ValueError, EOFError) as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}") from error


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    try:
        return _build(options)
    except (BuildError, SaveError, ExtensionError) as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        return _fail("interrupted")
    except Exception as error:  # noqa: BLE001 -- a defect of ours must not look like the user's mistake
        what = f"{type(error).__name__}: {error}"
        return _fail(f"internal error on {options.model}: {what} (KILN_DEBUG=1 shows where)")


def _fail(message: str) -> int:
    if DEBUG.traceback:
        traceback.print_exc()
    print(f"error: {message}", file=sys.stderr)
    return FAILED


def _build(options: argparse.Namespace) -> int:
    model = Path(options.model)
    output: Path = options.output or Path(model.stem + ARCHIVE_SUFFIX)
    check_destination(output)
    loaded = load_files(options.load)
    with Progress("compiling kernels") as bar:

        def progress(step: str, done: int, total: int) -> None:
            if step == "kernels":
                bar.update(done / max(total, 1))

        artifact = compile(
            model,
            options.target,
            inputs=dict(options.input),
            bind=dict(options.bind),
            precision=options.precision,
            pipeline=options.passes,
            passes=loaded.passes,
            ops=loaded.ops,
            schedules=loaded.schedules,
            verify=not options.no_verify,
            workers=options.jobs,
            progress=progress,
        )
    with artifact:
        artifact.save(output)
        _summarize(artifact, model, output, options.verbose)
    return DONE


def load_files(paths: Sequence[Path]) -> Loaded:
    """The passes, ops and templates that files define. Raises ExtensionError."""
    loaded = Loaded()
    for path in paths:
        module = load_module(f"kiln_extension_{path.stem}", path)
        loaded.passes += getattr(module, "PASSES", ())
        loaded.ops += getattr(module, "OPS", ())
        loaded.schedules += getattr(module, "SCHEDULES", ())
    return loaded


def _summarize(artifact: Artifact, model: Path, output: Path, verbose: bool) -> None:
    report, plan = artifact.report, artifact.report.plan
    files = artifact.manifest.files.values()
    print(
        f"{model} -> {output}: {_bytes(sum(file.bytes for file in files))} for {artifact.manifest.target.name}"
    )
    kernels = len({call.symbol for call in plan.calls if call.symbol})
    print(
        f"  {len(plan.calls)} calls of {kernels} kernels; weights {_bytes(plan.weights_bytes)};"
        f" arena {_bytes(plan.arena_bytes)} of {_bytes(plan.tensor_bytes)} in all tensors"
    )
    print(f"  {report.verification}")
    for warning in report.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if verbose:
        print("  " + ", ".join(f"{step} {seconds:.2f} s" for step, seconds in report.seconds.items()))


def _bytes(count: int) -> str:
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"


if __name__ == "__main__":
    sys.exit(main())
