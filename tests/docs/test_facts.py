"""Facts in the documents that code knows: they are compared with it, so that they stay true."""

from __future__ import annotations

import re

import pytest

from compiler.codegen.schedules import SCHEDULES
from compiler.debug import Debug
from compiler.passes import PASSES
from compiler.targets import ALIASES, TARGETS
from frontends.onnx import support
from frontends.onnx.converters import CONVERTERS
from tests.docs.markdown import REPOSITORY, table_rows
from tests.docs.test_commands import COMMANDS

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
ARCHITECTURE = (REPOSITORY / "ARCHITECTURE.md").read_text(encoding="utf-8")


def target_table() -> list[list[str]]:
    """The README's rows: name, device, vectors, other names."""
    return [
        [
            f"`{target.name}`",
            target.description,
            f"{target.vector_registers} x {8 * target.vector_bytes} bit",
            " ".join(f"`{alias}`" for alias, name in ALIASES.items() if name == target.name),
        ]
        for target in TARGETS
    ]


def test_the_readme_lists_the_targets() -> None:
    assert table_rows(README, "| target |") == target_table()


def test_the_readme_lists_the_commands() -> None:
    paragraph = README.partition("**Commands**: ")[2].partition("\n\n")[0]
    assert re.findall(r"`((?:compiler|runtime|bench)[.\w]*)`", paragraph) == [*COMMANDS]


def test_the_readme_counts_the_operators() -> None:
    assert support.summary() in README.replace("\n", " ")


def test_the_page_of_operators_is_up_to_date() -> None:
    page = (REPOSITORY / "docs" / "onnx-support.md").read_text(encoding="utf-8")
    written = "".join(f"{line}\n" for line in support.page())
    assert page == written, "run `python -m frontends.onnx.support > docs/onnx-support.md`"


def test_limits_are_those_of_operators_that_compile() -> None:
    assert support.LIMITS.keys() <= CONVERTERS[""].keys()


def test_the_places_of_measured_tables_are_marked() -> None:
    for name in ("latency", "footprint", "conformance"):
        assert re.search(rf"<!-- table:{name} -->\n.+?\n<!-- /table -->", README, re.DOTALL), name


@pytest.mark.parametrize("name", [cls.name for cls in PASSES])
def test_the_architecture_names_every_pass(name: str) -> None:
    assert any(cells[0] == f"`{name}`" for cells in table_rows(ARCHITECTURE, "| pass |"))


def test_the_architecture_lists_the_templates_in_their_order() -> None:
    listed = [cells[0] for cells in table_rows(ARCHITECTURE, "| template |")]
    assert listed == [f"`{template.name}`" for template in SCHEDULES]


def test_the_switches_are_documented() -> None:
    text = (REPOSITORY / "docs" / "debug-a-miscompile.md").read_text(encoding="utf-8")
    listed = [cells[0].strip("`") for cells in table_rows(text, "| switch |")]
    assert listed == [name.replace("_", "-") for name in Debug.__dataclass_fields__]
