"""Crash reproducers: the graph before a failing pass, with all that is needed to fail in the same way
again."""

from __future__ import annotations

import shlex
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path

from compiler.ir.graph import Graph
from compiler.ir.textfile import save_graph
from compiler.passes.base import Pass, print_passes
from compiler.passes.context import PassContext


def write_reproducer(
    graph: Graph, passes: Sequence[Pass], context: PassContext, error: BaseException, folder: Path | None
) -> Path:
    """Write ``before.kiln`` (with its side file) and ``README.txt`` into a new folder; returns the folder.

    ``passes`` are the failing pass and those that would have followed. Raises OSError.
    """
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(prefix=f"kiln-{passes[0].name}-", dir=folder))
    save_graph(graph, place / "before.kiln")
    (place / "README.txt").write_text(_explanation(place, passes, context, error), encoding="utf-8")
    return place


def _explanation(place: Path, passes: Sequence[Pass], context: PassContext, error: BaseException) -> str:
    command = [
        "python",
        "-m",
        "compiler.opt",
        str(place / "before.kiln"),
        "--passes",
        str(passes[0]),
        "--verify",
    ]
    if context.target is not None:
        command += ["--target", context.target.name]
    trace = "".join(traceback.format_exception(error))
    return (
        f"The pass {passes[0]} failed on before.kiln. To see it fail again:\n\n"
        f"    {shlex.join(command)}\n\n"
        "A pass or op from outside the tree also needs --load FILE.py.\n\n"
        f"rest of the pipeline: {print_passes(passes)}\n"
        f"context: {context}\n\n{trace}"
    )
