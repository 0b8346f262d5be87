"""Reading the project's markdown: fenced blocks with what a comment above them says, links, tables.

A comment right above a fence says how the block is checked:

* ``<!-- file: PATH -->``: it is a part of that file of the repository, word for word;
* ``<!-- write: NAME -->``: it is written to a file of that name, which later blocks use;
* ``<!-- not run: REASON -->``: it is not executed.

Without a comment the language decides, see ``execution``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]

_FENCE = re.compile(
    r"(?:^<!-- (?P<how>file|write|not run): (?P<what>[^\n]*?) -->\n)?^```(?P<language>[\w+-]*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_LINK = re.compile(r"\[[^\]\n]*\]\((?P<target>[^)\s]+)\)")
_HEADING = re.compile(r"^#+ (?P<text>.*)$", re.MULTILINE)
_CODE = re.compile(r"`(?P<text>[^`\n]+)`")


@dataclass(frozen=True)
class Block:
    """A fenced block; ``line`` is that of its fence. ``how`` and ``what`` come from the comment above it."""

    path: Path
    line: int
    language: str
    text: str
    how: str = ""
    what: str = ""

    def __str__(self) -> str:
        return f"{self.path.relative_to(REPOSITORY)}:{self.line}"


def documents() -> list[Path]:
    """Everything that a reader reads, in order of names."""
    return sorted([*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md")])


def blocks(path: Path) -> list[Block]:
    """The fenced blocks of a document, in order."""
    text = path.read_text(encoding="utf-8")
    return [
        Block(
            path,
            text.count("\n", 0, match.start("language")) + 1,
            match["language"],
            match["text"],
            match["how"] or "",
            match["what"] or "",
        )
        for match in _FENCE.finditer(text)
    ]


def links(path: Path) -> Iterator[str]:
    """The targets of a document's links."""
    return (match["target"] for match in _LINK.finditer(prose(path)))


def anchors(path: Path) -> set[str]:
    """The names by which a link can point at a heading, as GitHub makes them."""
    return {
        re.sub(r"[^\w\- ]", "", match["text"].lower()).replace(" ", "-") for match in _HEADING.finditer(prose(path))
    }


def code_spans(path: Path) -> list[str]:
    """What stands between single backticks in the running text."""
    return [match["text"] for match in _CODE.finditer(prose(path))]


def prose(path: Path) -> str:
    """The document without its fenced blocks."""
    return _FENCE.sub("", path.read_text(encoding="utf-8"))


def table_rows(text: str, header: str) -> list[list[str]]:
    """The cells of the table whose header line begins with ``header``, without header and rule."""
    lines = text.splitlines()
    start = next((i for i, line in enumerate(lines) if line.startswith(header)), None)
    assert start is not None, f"no table begins with {header!r}"
    rows: list[list[str]] = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split(" | ")])
    return rows
