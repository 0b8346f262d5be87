"""Executing the blocks of one document, in order, in a folder that looks like the repository's root.

``sh`` blocks and Python programs (``python``) must succeed; a ``console`` block shows commands after ``$ `` and what
they print, where ``...`` stands for anything within a line, or by itself for any lines; ``kiln`` blocks are graphs that
must read back as they are printed; ``json`` blocks must be JSON. Everything else is for people, and says so (``text``)
or why (``not run``).
"""

from __future__ import annotations

import difflib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from compiler.ir import parse_graph, print_graph
from tests.docs.markdown import REPOSITORY, Block

TIMEOUT_S = 300


class BlockError(AssertionError):
    """A block that does not do what the document says; the message begins with its place."""

    def __init__(self, block: Block, reason: str) -> None:
        super().__init__(f"{block}: {reason}")


class Scratch:
    """A working folder with links to everything at the repository's root, and a cache that tests share."""

    def __init__(self, folder: Path, cache: Path) -> None:
        self.folder = folder
        for entry in REPOSITORY.iterdir():
            if not entry.name.startswith("."):
                (folder / entry.name).symlink_to(entry)
        # The interpreter of the tests, by the name that readers type.
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        self.environment = {
            **os.environ,
            "PATH": path,
            "KILN_CACHE": str(cache),
            "COLUMNS": "100",
            "PYTHONWARNINGS": "ignore",
        }

    def run(self, block: Block) -> None:
        """Do with the block what its comment or its language says. Raises BlockError."""
        if block.how == "file":
            self._compare_with_file(block)
        elif block.how == "write":
            (self.folder / block.what).write_text(block.text)
        elif block.how == "":
            _RUNNERS[block.language](self, block)

    def _compare_with_file(self, block: Block) -> None:
        content = (REPOSITORY / block.what).read_text()
        if block.text not in content:
            raise BlockError(block, f"is no part of {block.what}:\n{_difference(content, block.text)}")

    def shell(self, block: Block) -> None:
        """All lines, as one script."""
        code, printed = self._execute(["bash", "-euo", "pipefail", "-c", block.text])
        if code:
            raise BlockError(block, f"exit status {code}:\n{printed}")

    def program(self, block: Block) -> None:
        """A Python program of its own."""
        file = self.folder / f"block_{block.line}.py"
        file.write_text(block.text)
        code, printed = self._execute([sys.executable, str(file)])
        if code:
            raise BlockError(block, f"exit status {code}:\n{printed}")

    def console(self, block: Block) -> None:
        """Each command by itself; what it prints is compared."""
        for command, expected in _dialogue(block):
            _, printed = self._execute(["bash", "-uo", "pipefail", "-c", command])
            if not output_matches(expected, printed):
                raise BlockError(block, f"$ {command}\nprints\n{printed}\ninstead of\n{expected}")

    def _execute(self, command: list[str]) -> tuple[int, str]:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        return done.returncode, done.stdout


def _dialogue(block: Block) -> Iterator[tuple[str, str]]:
    """Commands and what they should print. A command goes on after a backslash at the end of its line."""
    parts = f"\n{block.text}".split("\n$ ")
    if parts[0].strip():
        raise BlockError(block, "a console block begins with `$ `")
    for part in parts[1:]:
        lines = part.split("\n")
        length = next(i for i, line in enumerate(lines) if not line.endswith("\\")) + 1
        yield "\n".join(lines[:length]), "\n".join(lines[length:])


def output_matches(expected: str, printed: str) -> bool:
    """Whether a command printed what the document shows; ends of lines, and of the text, may differ in spaces."""
    lines = [
        r"(?:.*\n)*" if line.strip() == "..." else ".*".join(map(re.escape, line.rstrip().split("..."))) + r" *\n"
        for line in expected.strip("\n").split("\n")
    ]
    wanted = "".join(lines) if expected.strip() else ""
    found = printed.strip("\n") + "\n" if printed.strip() else ""
    return re.fullmatch(wanted, found) is not None


def _graph(scratch: Scratch, block: Block) -> None:
    printed = print_graph(parse_graph(block.text))
    if printed != block.text:
        raise BlockError(block, f"is not what is printed:\n{_difference(printed, block.text)}")


def _json(scratch: Scratch, block: Block) -> None:
    json.loads(block.text)


def _nothing(scratch: Scratch, block: Block) -> None:
    """For people."""


def _difference(wanted: str, found: str) -> str:
    return "\n".join(difflib.unified_diff(wanted.splitlines(), found.splitlines(), lineterm="", n=1))


_RUNNERS: dict[str, Callable[[Scratch, Block], None]] = {
    "sh": Scratch.shell,
    "python": Scratch.program,
    "console": Scratch.console,
    "kiln": _graph,
    "json": _json,
    "text": _nothing,
}
LANGUAGES = frozenset(_RUNNERS)
