"""Spaces that were measured exhaustively, one compressed file each: what searches can be replayed and compared on
without a machine.

A file is canonical JSON in xz, ``{"task": text, "target": name, "fingerprint": ..., "template": name, "version": n,
"space": {...}, "points": [{"config": {...}, "seconds": s | null, "features": {...}}, ...]}``. Several templates of one
task are several files with the same ``task`` and ``fingerprint``.
"""

from __future__ import annotations

import json
import lzma
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from compiler.codegen.space import Choice, Space
from compiler.ir import Task

TABLES = Path(__file__).parent / "tables"
SUFFIX = ".json.xz"
DIGITS = 6


class TableError(ValueError):
    """A file that is not a table; the message names it."""


@dataclass(frozen=True)
class Point:
    """A configuration, the median seconds of its executions (None: it failed), and the features of its kernel."""

    config: Mapping[str, int]
    seconds: float | None
    features: Mapping[str, float] = field(default_factory=dict[str, float])


@dataclass(frozen=True)
class Table:
    """Every configuration of one template for one task on one target, measured."""

    task: str
    """The task's canonical text."""
    target: str
    fingerprint: str
    template: str
    version: int
    """The template's version."""
    space: Space
    points: tuple[Point, ...]

    @property
    def task_hash(self) -> str:
        """What names the task in records."""
        return Task(self.task).hash

    @property
    def by_choice(self) -> dict[Choice, Point]:
        """The points by what a search calls them."""
        return {Choice.of(self.template, point.config): point for point in self.points}


def save_table(table: Table, path: Path) -> None:
    """Write a table; the same table gives the same bytes. Times and features keep six significant digits."""
    fields = {
        "task": table.task,
        "target": table.target,
        "fingerprint": table.fingerprint,
        "template": table.template,
        "version": table.version,
        "space": json.loads(table.space.to_json()),
        "points": [_point_fields(point) for point in table.points],
    }
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"))
    path.write_bytes(lzma.compress(text.encode(), preset=9))


def load_table(path: Path) -> Table:
    """Read a table. Raises TableError if the file cannot be read or is none."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise TableError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        fields = json.loads(lzma.decompress(content))
        points = tuple(Point(row["config"], row["seconds"], row["features"]) for row in fields["points"])
        table = Table(
            fields["task"],
            fields["target"],
            fields["fingerprint"],
            fields["template"],
            fields["version"],
            Space.from_json(json.dumps(fields["space"])),
            points,
        )
    except (lzma.LZMAError, EOFError, ValueError, KeyError, TypeError) as error:
        raise TableError(f"{path}: not a table of measurements: {error}") from error
    if any(point.config not in table.space for point in points) or len(table.by_choice) != len(points):
        raise TableError(f"{path}: its points are not configurations of its space, each once")
    return table


def load_tables(paths: Sequence[Path]) -> list[Table]:
    """The tables in files and directories, by their paths. Raises TableError if one is none, or there are none."""
    files = [file for path in paths for file in (sorted(path.glob(f"*{SUFFIX}")) if path.is_dir() else [path])]
    if not files:
        raise TableError(f"no tables (*{SUFFIX}) in {', '.join(map(str, paths))}")
    return [load_table(file) for file in files]


def _point_fields(point: Point) -> dict[str, Any]:
    features = {name: _rounded(value) for name, value in point.features.items()}
    seconds = None if point.seconds is None else _rounded(point.seconds)
    return {"config": dict(point.config), "seconds": seconds, "features": features}


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
