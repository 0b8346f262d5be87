"""Text that is no graph is refused with the place and the reason."""

from __future__ import annotations

import re

import pytest

from compiler.ir import ParseError, parse_graph

DIGEST = 64 * "a"
GRAPH = 'graph "g" (%0 "x": f32[3,4]) {{\n  {}\n  return %1 "y"\n}}\n'


@pytest.mark.parametrize(
    ("line", "column", "message"),
    [
        ("%1 = nag(%0) : f32[3,4]", 8, "unknown op 'nag'"),
        ("%1 = neg(%7) : f32[3,4]", 12, "%7 is not defined here"),
        ("%1 = neg(%0 : f32[3,4]", 15, "expected ',', found ':'"),
        ("%1 = neg(%0) : f32[3,5]", 8, "neg gives f32[3,4]"),
        ("%1, %2 = neg(%0) : f32[3,4]", 12, "neg gives f32[3,4]"),
        ("%1 = neg(%0) : f31[3,4]", 18, "unknown element type 'f31'"),
        ("%1 = neg(%0) : f32[3,4.5]", 24, "expected an integer, found '4.5'"),
        ("%1 = neg(%0, %0) : f32[3,4]", 8, "neg: does not take 2 operands"),
        ("%1 = transpose(%0) : f32[4,3]", 8, "transpose needs the attribute 'permutation'"),
        ("%1 = transpose(%0) {order = [1, 0]} : f32[4,3]", 23, "transpose has no attribute 'order'"),
        ("%1 = transpose(%0) {permutation = [1, up]} : f32[4,3]", 41, "expected an attribute value, found 'up'"),
        ("%1 = constant() {value = dense<f32[3]: 1.0>} : f32[3]", 34, "f32[3] has 3 elements, found 1"),
        ("%1 = constant() {value = dense<f32[2]: 1.0, x>} : f32[2]", 34, "no elements of f32[2]: could not convert"),
        ("%1 = constant() {value = dense<i8[1]: 300>} : i8[1]", 34, "these are no elements of i8[1]: "),
        ("%1 = constant() {value = dense<i8[1]: 1.5>} : i8[1]", 34, "these are no elements of i8[1]: "),
        ("%1 = constant() {value = dense<bool[1]: yes>} : bool[1]", 34, "these are no elements of bool[1]: "),
        ("%1 = constant() {value = dense<f32[3]: sha256:12>} : f32[3]", 49, "expected 64 hexadecimal digits"),
        (f"%1 = constant() {{value = dense<f32[3]: sha256:{DIGEST}>}} : f32[3]", 34, "no constant f32[3] with digest"),
        ("%1 = neg(%0) ; f32[3,4]", 15, "unexpected character"),
    ],
)
def test_a_wrong_line(line: str, column: int, message: str) -> None:
    with pytest.raises(ParseError, match=re.escape(message)) as caught:
        parse_graph(GRAPH.format(line))
    first, shown, mark = str(caught.value).splitlines()[:3]
    assert first.startswith(f"line 2, column {column}: ")
    assert line in shown
    assert mark.index("^") == column + 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1, column 1: expected 'graph', found 'end of text'"),
        ('graph "g" () {\n', "line 2, column 1: expected a value, found 'end of text'"),
        ('graph "g" () {\n  return\n}\nmore', "line 4, column 1: expected end of text, found 'more'"),
    ],
)
def test_text_that_ends_too_early_or_too_late(text: str, message: str) -> None:
    with pytest.raises(ParseError, match=re.escape(message)):
        parse_graph(text)


def test_comments_and_spaces_do_not_matter() -> None:
    text = GRAPH.format("%1 = neg(%0) : f32[3,4]")
    assert parse_graph(text.replace("  %1", "// why\n\t%1 // and how\n")) == parse_graph(text)
