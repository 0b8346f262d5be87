"""What the documents say is so: their examples run, their links lead somewhere, the files they name exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.execution import LANGUAGES, BlockError, Scratch, output_matches
from tests.docs.markdown import REPOSITORY, Block, anchors, blocks, code_spans, documents, links

each_document = pytest.mark.parametrize("path", documents(), ids=lambda path: str(path.relative_to(REPOSITORY)))

# Blocks that no test can execute, counted so that none is added without a thought.
NOT_RUN = {"README.md": 1}

_PATH = re.compile(r"(?:compiler|frontends|runtime|bench|tests|docs|examples|packaging)(?:/[\w.-]+)+/?")


def test_documents_are_found() -> None:
    assert REPOSITORY / "README.md" in documents() and REPOSITORY / "docs" / "add-an-op.md" in documents()


@each_document
def test_examples_do_what_the_document_says(path: Path, scratch: Scratch) -> None:
    for block in blocks(path):
        scratch.run(block)


@each_document
def test_every_block_says_what_it_is(path: Path) -> None:
    for block in blocks(path):
        assert block.language in LANGUAGES or block.how in ("file", "write"), f"{block}: ```{block.language}"


def test_what_is_not_run_is_counted() -> None:
    counts = {path: sum(block.how == "not run" for block in blocks(path)) for path in documents()}
    assert {str(path.relative_to(REPOSITORY)): count for path, count in counts.items() if count} == NOT_RUN


@each_document
def test_links_lead_somewhere(path: Path) -> None:
    for link in links(path):
        if link.startswith(("http://", "https://")):
            continue
        name, _, anchor = link.partition("#")
        target = path.parent / name if name else path
        assert target.exists(), f"{path}: {link} leads nowhere"
        assert not anchor or anchor in anchors(target), f"{path}: {link}: no such heading"


@each_document
def test_files_that_are_named_exist(path: Path) -> None:
    named = [span for span in code_spans(path) if _PATH.fullmatch(span)]
    assert [name for name in named if not (REPOSITORY / name).exists()] == []


@pytest.mark.parametrize(
    ("language", "text", "how", "what", "message"),
    [
        ("sh", "false\ntrue\n", "", "", "exit status 1"),
        ("python", "assert 1 == 2\n", "", "", "AssertionError"),
        ("console", "$ echo one; echo two\none\nthree\n", "", "", "instead of"),
        ("console", "echo one\n", "", "", "begins with"),
        ("kiln", 'graph "g" (%0 "x": f32[2]) {\n  return   %0 "x"\n}\n', "", "", "not what is printed"),
        ("python", "no line of it\n", "file", "compiler/errors.py", "no part of compiler/errors.py"),
    ],
)
def test_a_wrong_block_is_found(language: str, text: str, how: str, what: str, message: str, scratch: Scratch) -> None:
    with pytest.raises(BlockError, match=message):
        scratch.run(Block(REPOSITORY / "README.md", 1, language, text, how, what))


@pytest.mark.parametrize(
    ("expected", "printed", "matches"),
    [
        ("", "", True),
        ("", "something\n", False),
        ("one\ntwo\n", "one\ntwo  \n", True),
        ("one\ntwo\n", "one\ntwo\nthree\n", False),
        ("o...e\n", "one\n", True),
        ("o...e\n", "on\ne\n", False),
        ("one\n...\n", "one\n", True),
        ("one\n...\nthree\n", "one\ntwo\n\nthree\n", True),
        ("one\n...\nthree\n", "one\ntwo\n", False),
        ("a+b (c)\n", "a+b (c)\n", True),
    ],
)
def test_what_a_command_prints_is_compared(expected: str, printed: str, matches: bool) -> None:
    assert output_matches(expected, printed) is matches


def test_a_command_may_go_on_in_the_next_line(scratch: Scratch) -> None:
    text = "$ echo one; \\\necho two\none\n...\n$ pwd\n/...\n"
    scratch.run(Block(REPOSITORY / "README.md", 1, "console", text))
