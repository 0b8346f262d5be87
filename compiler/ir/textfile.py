"""Graphs on disk: ``NAME.kiln`` holds the text, ``NAME.kiln.npz`` the constants that are not inline, by digest."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from compiler.ir.dtypes import DType
from compiler.ir.graph import Graph
from compiler.ir.literal import Literal
from compiler.ir.op import Op
from compiler.ir.ops.constant import Constant
from compiler.ir.parser import parse_graph
from compiler.ir.printer import print_graph


class SideFileError(ValueError):
    """A side file of constants that cannot be read."""


def save_graph(graph: Graph, path: Path) -> None:
    """Write the text and, if any constant is not inline, the side file beside it."""
    literals = {literal.digest: literal for literal in outlined_literals(graph)}
    if literals:
        # The element type is in the key: bfloat16 and uint16 have the same storage.
        arrays = {f"{literal.dtype.value}-{digest}": literal.array for digest, literal in literals.items()}
        with side_file(path).open("wb") as stream:
            np.savez(stream, allow_pickle=False, **arrays)
    path.write_text(print_graph(graph), encoding="utf-8")


def load_graph(path: Path, ops: Iterable[type[Op]] = ()) -> Graph:
    """Read a graph written by ``save_graph``. Raises ParseError, SideFileError or OSError."""
    literals: dict[str, Literal] = {}
    if side_file(path).exists():
        try:
            with np.load(side_file(path), allow_pickle=False) as arrays:
                for key in arrays.files:
                    dtype, _, digest = key.partition("-")
                    literals[digest] = Literal(arrays[key], DType(dtype))
        except (ValueError, zipfile.BadZipFile, EOFError) as error:
            raise SideFileError(f"{side_file(path)}: not a file of constants ({error})") from error
    return parse_graph(path.read_text(encoding="utf-8"), literals, ops)


def side_file(path: Path) -> Path:
    """Where the constants of the graph at ``path`` are kept."""
    return path.with_name(path.name + ".npz")


def outlined_literals(graph: Graph) -> Iterator[Literal]:
    """The literals, regions included, that text refers to by digest."""
    for node in graph:
        if isinstance(node.op, Constant) and not node.op.value.is_inline:
            yield node.op.value
        for region in node.regions:
            yield from outlined_literals(region)
