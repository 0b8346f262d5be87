"""Rules of style that no linter knows."""

from __future__ import annotations

import ast

import pytest

from tests.architecture.sources import PRODUCT, SourceFile, sources

MOST_LINES = 500
MOST_FUNCTION_LINES = 80

every_module = pytest.mark.parametrize("source", sources(*PRODUCT), ids=lambda source: source.name)


@every_module
def test_a_module_says_what_it_owns(source: SourceFile) -> None:
    docstring = ast.get_docstring(source.tree)
    assert docstring and len(docstring) >= 10, f"{source.path} has no docstring that says what it owns"


@pytest.mark.parametrize("package", PRODUCT)
def test_every_folder_is_a_package(package: str) -> None:
    """Else it is not part of the distribution, whose packages are found by their __init__.py."""
    folders = {source.path.parent for source in sources(package)}
    assert [folder for folder in sorted(folders) if not (folder / "__init__.py").exists()] == []


@every_module
def test_a_file_can_be_read_in_one_sitting(source: SourceFile) -> None:
    lines = source.text.count("\n")
    assert lines <= MOST_LINES, f"{source.path} has {lines} lines"


@every_module
def test_a_function_fits_on_a_page(source: SourceFile) -> None:
    functions = [n for n in ast.walk(source.tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    long = [f"{f.name} (line {f.lineno})" for f in functions if _lines(f) > MOST_FUNCTION_LINES]
    assert not long, f"{source.path}: more than {MOST_FUNCTION_LINES} lines: {', '.join(long)}"


def _lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (function.end_lineno or function.lineno) - function.lineno


@every_module
def test_no_handler_swallows_every_exception(source: SourceFile) -> None:
    handlers = [n for n in ast.walk(source.tree) if isinstance(n, ast.ExceptHandler)]
    silent = [h.lineno for h in handlers if _catches_everything(h) and _does_nothing(h)]
    assert not silent, f"{source.path}: lines {silent}"


def _catches_everything(handler: ast.ExceptHandler) -> bool:
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(k is None or (isinstance(k, ast.Name) and k.id in ("Exception", "BaseException")) for k in kinds)


def _does_nothing(handler: ast.ExceptHandler) -> bool:
    return all(isinstance(s, ast.Pass | ast.Continue) or _is_ellipsis(s) for s in handler.body)


def _is_ellipsis(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


@pytest.mark.parametrize(
    ("text", "silent"),
    [
        ("try:\n f()\nexcept Exception:\n pass", True),
        ("try:\n f()\nexcept:\n ...", True),
        ("for x in y:\n try:\n  f()\n except (ValueError, BaseException):\n  continue", True),
        ("try:\n f()\nexcept OSError:\n pass", False),
        ("try:\n f()\nexcept Exception as e:\n report(e)", False),
    ],
)
def test_what_counts_as_swallowing(text: str, silent: bool) -> None:
    [handler] = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.ExceptHandler)]
    assert (_catches_everything(handler) and _does_nothing(handler)) is silent
