"""``python -m compiler.build``: a model file in, an artifact out.

Owns arguments, messages and exit codes; everything else is ``compiler.driver``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from compiler.arguments import add_dynamic_batch, add_input, command_parser
from compiler.artifact import ARCHIVE_SUFFIX, Artifact, check_destination, check_report
from compiler.cache import default_cache
from compiler.cli import DONE, check_names, load_files, run_command
from compiler.driver import PRECISIONS, build_errors, compile
from compiler.report import measure_kernels, write_report
from runtime.progress import ProgressBar

EXAMPLES = """\
examples:
  python -m compiler.build model.onnx --target arm_cortex_a72
  python -m compiler.build model.onnx --target host -o model_dir --input image:1,3,224,224
  python -m compiler.build model.onnx --target rasp4b --bind scales=[1,1,2,2] --bind table=@table.npy
  python -m compiler.build trees.json --target host                   any number of rows
  python -m compiler.build trees.json --target host --input data:64,28
  python -m compiler.build mlp.onnx --input x:1,28 --dynamic-batch    likewise for a network that computes row by row
  python -m compiler.build model.onnx --target board.py:MY_BOARD --load my_pass.py --passes my-pass,standard
  python -m compiler.build model.onnx --target host --report report.html -v

exit status: 0 done, 1 failed, 2 wrong usage; KILN_DEBUG=1 shows tracebacks
"""


def parser() -> argparse.ArgumentParser:
    p = command_parser("build", "Compile a model to a self-contained native artifact and check its numbers.", EXAMPLES)
    p.add_argument("-o", "--output", type=Path, help="NAME.tar.gz or a directory (default: MODEL's name .tar.gz)")
    add_input(p)
    add_dynamic_batch(p)
    p.add_argument("--precision", choices=PRECISIONS, default=PRECISIONS[0], help="arithmetic (default: f32)")
    p.add_argument("--report", type=Path, metavar="FILE.html", help="write a page on what was built")
    tuning = p.add_mutually_exclusive_group()
    tuning.add_argument("--db", type=Path, metavar="FILE", help="use this tuning database instead of the user's")
    tuning.add_argument("--no-tuning", action="store_true", help="use no tuning records")
    p.add_argument("--no-verify", action="store_true", help="do not compare with the source framework")
    p.add_argument("-v", "--verbose", action="store_true", help="print times, and how many kernels are tuned")
    return p


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    return run_command(_build, parser().parse_args(arguments))


def _build(options: argparse.Namespace) -> int:
    model = Path(options.model)
    output: Path = options.output or Path(model.stem + ARCHIVE_SUFFIX)
    check_destination(output)
    if options.report:
        check_report(options.report)
    loaded = load_files(options.load)
    check_names(options, loaded)
    with ProgressBar("compiling kernels") as bar:

        def progress(step: str, done: int, total: int) -> None:
            if step == "kernels":
                bar.update(done / max(total, 1))

        artifact = compile(
            model,
            options.target,
            inputs=dict(options.input),
            bind=dict(options.bind),
            dynamic_batch=options.dynamic_batch,
            precision=options.precision,
            pipeline=options.passes,
            passes=loaded.passes,
            ops=loaded.ops,
            schedules=loaded.schedules,
            verify=not options.no_verify,
            tuning=options.db or not options.no_tuning,
            workers=options.jobs,
            progress=progress,
        )
    with artifact:
        artifact.save(output)
        if options.report:
            _report(artifact, options.report)
        _summarize(artifact, model, output, options.verbose)
    return DONE


def _report(artifact: Artifact, path: Path) -> None:
    with build_errors():
        times = measure_kernels(artifact, artifact.report.target, default_cache())
    write_report(artifact, times, path)


def _summarize(artifact: Artifact, model: Path, output: Path, verbose: bool) -> None:
    report, plan = artifact.report, artifact.report.plan
    size = sum(file.bytes for file in artifact.manifest.files.values())
    print(f"{model} -> {output}: {_bytes(size)} for {artifact.manifest.target.name}")
    kernels = len({call.symbol for program in plan.programs for call in program.calls if call.symbol})
    print(
        f"  {len(plan.calls)} calls of {kernels} kernels; weights {_bytes(plan.weights_bytes)};"
        f" arena {_bytes(plan.arena_bytes)} of {_bytes(plan.tensor_bytes)} in all tensors"
    )
    if plan.batch:
        sizes = " or ".join(str(rows) for rows in (plan.batch.rows, *(tile.rows for tile in plan.batch.smaller[:-1])))
        print(f"  any number of rows, {sizes} at a time; a single row is {len(plan.batch.row.calls)} calls")
    print(f"  {report.verification}")
    for warning in report.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if verbose:
        print(f"  {report.tuned} of {kernels} kernels from tuning records")
        print("  " + ", ".join(f"{step} {seconds:.2f} s" for step, seconds in report.seconds.items()))


def _bytes(count: int) -> str:
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"


if __name__ == "__main__":
    sys.exit(main())
