"""``python -m compiler.opt``: run passes over a graph and print what comes out.

Owns arguments, messages and exit codes; loading is ``compiler.load``, running ``compiler.passes``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from compiler.arguments import add_bind, add_input, add_load
from compiler.cli import DONE, Extensions, UsageError, load_files, run_command
from compiler.driver import Settings, build_errors, load
from compiler.ir import Graph, print_graph, save_graph
from compiler.passes import (
    PASSES,
    PIPELINES,
    Pass,
    PassContext,
    PassManager,
    PassRecord,
    PipelineError,
    PipelineReport,
)
from compiler.targets import Target, TargetError, resolve
from compiler.tuning_records import context_of
from runtime.progress import ProgressBar

EXAMPLES = """\
examples:
  python -m compiler.opt model.onnx -o before.kiln
  python -m compiler.opt before.kiln --passes "fold-constants,fuse{max-ops=8}" --verify
  python -m compiler.opt model.onnx --passes standard --target arm_cortex_a72 --timing -o after.kiln
  python -m compiler.opt before.kiln --passes canonicalize,my-pass --load my_pass.py --print-ir-after=my-pass
  python -m compiler.opt --list

A .kiln file is text; constants that are not spelled out in it are in the file .kiln.npz beside it.

exit status: 0 done, 1 failed, 2 wrong usage; KILN_DEBUG=1 shows tracebacks
"""


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        prog="python -m compiler.opt",
        description="Run passes over a graph and print the result.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument("model", nargs="?", metavar="GRAPH", help="a graph as .kiln text, or a model")
    p.add_argument("--passes", default="", metavar="TEXT", help="the pipeline (default: no pass)")
    p.add_argument("--target", help="what passes may assume of the device (default: nothing)")
    p.add_argument("-o", "--output", type=Path, metavar="FILE.kiln", help="where to write (default: print)")
    p.add_argument(
        "--print-ir-after",
        action="append",
        default=[],
        metavar="PASS",
        help="print the graph to standard error after this pass, or after 'all'; may be repeated",
    )
    p.add_argument("--timing", action="store_true", help="print time and statistics of each pass")
    p.add_argument("--verify", action="store_true", help="check the graph before the first and after each pass")
    p.add_argument("--reproducers", type=Path, metavar="DIR", help="where a failing pass leaves its reproducer")
    p.add_argument("--list", action="store_true", help="list passes, their options and pipelines")
    add_load(p, "PASSES and OPS")
    add_input(p)
    add_bind(p)
    return p


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    return run_command(_opt, parser().parse_args(arguments))


def _opt(options: argparse.Namespace) -> int:
    loaded = load_files(options.load)
    if options.list:
        print(pass_list((*PASSES, *loaded.passes)))
        return DONE
    if options.model is None:
        raise UsageError("name a graph, or use --list")
    try:
        manager = PassManager.parse(options.passes, loaded.passes)
        _check_names(options.print_ir_after, manager)
        target = resolve(options.target) if options.target else None
    except (PipelineError, TargetError) as error:
        raise UsageError(str(error)) from error
    with build_errors():
        return _run(options, loaded, manager, target)


def _run(options: argparse.Namespace, loaded: Extensions, manager: PassManager, target: Target | None) -> int:
    graph = load(options.model, inputs=dict(options.input), bind=dict(options.bind), ops=loaded.ops)
    report = PipelineReport()
    with _context(target, loaded) as context, ProgressBar("running passes") as bar:

        def advance(record: PassRecord, _: Graph) -> None:
            bar.update(len(report.records) / len(manager.passes))

        result = manager.run(
            graph,
            context=context,
            verify=options.verify or None,
            print_ir_after=options.print_ir_after,
            observers=(report, advance),
            reproducers=options.reproducers,
        )
    if options.output:
        save_graph(result, options.output)
    else:
        print(print_graph(result), end="")
    if options.timing:
        print(report, file=sys.stderr)
    return DONE


@contextmanager
def _context(target: Target | None, loaded: Extensions) -> Generator[PassContext]:
    """What passes know in a build for the target."""
    if target is None:
        yield PassContext()
        return
    with Settings(target, schedules=tuple(loaded.schedules)).open_tuning() as tuned:
        yield context_of(tuned)


def _check_names(names: Sequence[str], manager: PassManager) -> None:
    """Printing after a pass that does not run is a mistake, most likely of spelling."""
    running = {step.name for step in manager.passes}
    for name in names:
        if name != "all" and name not in running:
            raise PipelineError(f"--print-ir-after={name}: the pipeline has no such pass; it runs {manager}")


def pass_list(passes: Sequence[type[Pass]]) -> str:
    """One line per pass, with the default values of its options, and one per pipeline."""
    lines = ["passes:"]
    for cls in passes:
        module = sys.modules[cls.__module__]
        summary = (module.__doc__ or cls.__doc__ or "").strip().split("\n\n")[0].splitlines()
        lines.append(f"  {cls().spelled_out():34} {summary[0] if summary else ''}".rstrip())
    return "\n".join([*lines, "pipelines:", *(f"  {name:34} {text}" for name, text in PIPELINES.items())])


if __name__ == "__main__":
    sys.exit(main())
