"""Debug switches: all of them in one place, and few."""

from __future__ import annotations

import ast
import dataclasses

import pytest

from compiler.debug import Debug
from tests.architecture.sources import REPOSITORY, SourceFile, sources

MOST_SWITCHES = 8

# Not switches of what the compiler shows: they say where files are, or not to use them, and belong to the module that
# reads them.
PLACES = {"KILN_CACHE", "KILN_DATABASE", "KILN_TUNING"}


def environment_names(source: SourceFile) -> set[str]:
    """Every KILN_* variable that the module looks up in os.environ or through os.getenv."""
    constants = {
        constant.value
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Subscript | ast.Call | ast.Compare) and _is_lookup(node)
        for constant in ast.walk(node)
        if isinstance(constant, ast.Constant) and isinstance(constant.value, str)
    }
    return {name for name in constants if name.startswith("KILN_")}


def _is_lookup(node: ast.AST) -> bool:
    match node:
        case ast.Subscript(value=value):
            return _is_environment(value)
        case ast.Call(func=ast.Attribute(attr="getenv")) | ast.Call(func=ast.Name(id="getenv")):
            return True
        case ast.Call(func=ast.Attribute(value=value)):
            return _is_environment(value)
        case ast.Compare(comparators=comparators):
            return any(_is_environment(value) for value in comparators)
        case _:
            return False


def _is_environment(node: ast.AST) -> bool:
    return getattr(node, "attr", getattr(node, "id", None)) == "environ"


@pytest.mark.parametrize("packages", [("compiler", "frontends"), ("runtime",)], ids=" and ".join)
def test_the_environment_is_read_in_one_module(packages: tuple[str, ...]) -> None:
    names = {source.name: environment_names(source) - PLACES for source in sources(*packages)}
    readers = {module: switches for module, switches in names.items() if switches}
    assert len(readers) <= 1, f"one module reads all switches: {readers}"
    assert set().union(*readers.values()) <= {"KILN_DEBUG"}


def test_switches_are_few_and_fixed_once_read() -> None:
    assert 0 < len(dataclasses.fields(Debug)) <= MOST_SWITCHES
    assert all(field.type in (bool, "bool") for field in dataclasses.fields(Debug))
    with pytest.raises(dataclasses.FrozenInstanceError):
        Debug().verify = True  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize(
    "text",
    [
        "os.environ['KILN_X']",
        "os.environ.get('KILN_X', '')",
        "environ.get('KILN_X')",
        "os.getenv('KILN_X')",
        "'KILN_X' in os.environ",
    ],
)
def test_every_way_to_look_up_a_variable_is_seen(text: str) -> None:
    source = SourceFile("m", REPOSITORY, f"import os\nx = {text}\ny = 'KILN_NOT'\n")
    assert environment_names(source) == {"KILN_X"}
