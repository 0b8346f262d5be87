"""Text -> Graph: the inverse of ``compiler.ir.printer``.

A recursive-descent parser over a regular-expression tokenizer. Stated result types are checked against
inference, so text that was edited by hand cannot smuggle in a wrong type.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NoReturn

import numpy as np

from compiler.ir.dtypes import DType
from compiler.ir.forest import Forest, ForestSyntaxError
from compiler.ir.forest.parser import parse_forest_at
from compiler.ir.graph import Graph, Value
from compiler.ir.literal import Literal
from compiler.ir.op import InferenceError, Op
from compiler.ir.ops import OPS
from compiler.ir.rewriter import Rewriter
from compiler.ir.types import ROW_MAJOR, Layout, TensorType

_TOKEN = re.compile(
    r"""\s*(?://[^\n]*\s*)*(?:
    (?P<string>"(?:[^"\\]|\\.)*") |
    (?P<hex>-?0x[0-9a-f]+) |
    (?P<number>-?(?:\d+\.?\d*(?:e[+-]?\d+)?|inf\b|nan\b)) |
    (?P<value>%\w+) |
    (?P<word>[A-Za-z_][\w.-]*) |
    (?P<punctuation>[()\[\]{}<>=,:@])
    )""",
    re.VERBOSE,
)
_END = re.compile(r"\s*(?://[^\n]*\s*)*\Z")
_DTYPES = frozenset(dtype.value for dtype in DType)
_SIMPLE_NAMES: dict[str, bool | float | None] = {
    "true": True,
    "false": False,
    "none": None,
    "inf": float("inf"),
    "nan": float("nan"),
}


class ParseError(ValueError):
    """Text that is not IR; the message has the line and column and shows the line."""


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int


def parse_graph(
    text: str,
    literals: Mapping[str, Literal] | None = None,
    ops: Iterable[type[Op]] = (),
    forests: Mapping[str, Forest] | None = None,
) -> Graph:
    """Read one graph. ``literals`` and ``forests`` resolve digests of those that are not inline; ``ops`` adds op
    classes from outside the tree. Raises ParseError."""
    table = {op.name: op for op in (*OPS, *ops)}
    parser = _Parser(text, literals or {}, table, forests or {})
    graph = parser.graph()
    if parser.current.kind != "end":
        parser.fail(f"expected end of text, found {parser.current.text!r}")
    return graph


class _Parser:
    def __init__(
        self,
        text: str,
        literals: Mapping[str, Literal],
        ops: Mapping[str, type[Op]],
        forests: Mapping[str, Forest],
    ) -> None:
        self.text = text
        self.literals = literals
        self.forests = forests
        self.ops = ops
        self.position = 0
        self.current = self._scan()

    # -- tokens -----------------------------------------------------------------------------------

    def _scan(self) -> _Token:
        match = _TOKEN.match(self.text, self.position)
        if match is None:
            start = self.position
            if _END.match(self.text, start):
                return _Token("end", "end of text", len(self.text))
            self.current = _Token("bad", self.text[start : start + 1], start)
            self.fail("unexpected character")
        self.position = match.end()
        kind = match.lastgroup or ""
        return _Token(kind, match.group(kind), match.start(kind))

    def fail(self, message: str, at: _Token | None = None) -> NoReturn:
        """Raise ParseError that shows the place of a token (the current one by default)."""
        self.fail_at(message, (at or self.current).start)

    def fail_at(self, message: str, start: int) -> NoReturn:
        """Raise ParseError that shows a place in the text."""
        line = self.text.count("\n", 0, start) + 1
        begin = self.text.rfind("\n", 0, start) + 1
        end = self.text.find("\n", start)
        shown = self.text[begin : end if end >= 0 else len(self.text)]
        column = start - begin
        raise ParseError(f"line {line}, column {column + 1}: {message}\n  {shown}\n  {' ' * column}^")

    def take(self) -> _Token:
        token = self.current
        self.current = self._scan()
        return token

    def accept(self, text: str) -> bool:
        if self.current.text == text and self.current.kind != "string":
            self.take()
            return True
        return False

    def expect(self, text: str) -> _Token:
        if self.current.text != text or self.current.kind == "string":
            self.fail(f"expected {text!r}, found {self.current.text!r}")
        return self.take()

    def expect_kind(self, kind: str) -> _Token:
        if self.current.kind != kind:
            self.fail(f"expected a {kind}, found {self.current.text!r}")
        return self.take()

    def string(self) -> str:
        text: str = json.loads(self.expect_kind("string").text)
        return text

    def integer(self) -> int:
        token = self.expect_kind("number")
        try:
            return int(token.text)
        except ValueError:
            self.fail(f"expected an integer, found {token.text!r}", token)

    # -- grammar ----------------------------------------------------------------------------------

    def graph(self) -> Graph:
        self.expect("graph")
        graph = Graph(self.string())
        rewriter = Rewriter(graph)
        values: dict[str, Value] = {}
        self.expect("(")
        while not self.accept(")"):
            token = self.expect_kind("value")
            name = self.string()
            self.expect(":")
            values[token.text] = rewriter.input(name, self.tensor_type())
            if self.current.text != ")":
                self.expect(",")
        self.expect("{")
        while not self.accept("return"):
            self.node(rewriter, values)
        while self.current.kind == "value":
            value = self.use(values)
            rewriter.output(self.string(), value)
            if not self.accept(","):
                break
        self.expect("}")
        return graph

    def use(self, values: dict[str, Value]) -> Value:
        token = self.expect_kind("value")
        if token.text not in values:
            self.fail(f"{token.text} is not defined here", token)
        return values[token.text]

    def node(self, rewriter: Rewriter, values: dict[str, Value]) -> None:
        names = self.separated("value")
        self.expect("=")
        op_token = self.expect_kind("word")
        operands: list[Value] = []
        self.expect("(")
        while not self.accept(")"):
            operands.append(self.use(values))
            if self.current.text != ")":
                self.expect(",")
        op = self.op(op_token)
        regions: list[Graph] = []
        if self.accept("["):
            while not self.accept("]"):
                regions.append(self.graph())
        self.expect(":")
        types = [self.tensor_type()]
        while self.accept(","):
            types.append(self.tensor_type())
        origin = self.string() if self.accept("@") else ""
        try:
            node = rewriter.node(op, operands, regions, origin)
        except InferenceError as error:
            self.fail(str(error), op_token)
        inferred = [result.type for result in node.results]
        if inferred != types or len(names) != len(types):
            self.fail(f"{op.name} gives {', '.join(map(str, inferred))}", op_token)
        values.update(zip((name.text for name in names), node.results, strict=True))

    def separated(self, kind: str) -> list[_Token]:
        tokens = [self.expect_kind(kind)]
        while self.accept(","):
            tokens.append(self.expect_kind(kind))
        return tokens

    def op(self, token: _Token) -> Op:
        if token.text not in self.ops:
            self.fail(f"unknown op {token.text!r}", token)
        cls = self.ops[token.text]
        attributes: dict[str, object] = {}
        if self.accept("{"):
            while not self.accept("}"):
                name = self.expect_kind("word")
                if name.text not in {field.name for field in dataclasses.fields(cls)}:
                    self.fail(f"{cls.name} has no attribute {name.text!r}", name)
                self.expect("=")
                attributes[name.text] = self.attribute()
                if self.current.text != "}":
                    self.expect(",")
        missing = [
            field.name
            for field in dataclasses.fields(cls)
            if field.name not in attributes
            and field.default is dataclasses.MISSING
            and field.default_factory is dataclasses.MISSING
        ]
        if missing:
            self.fail(f"{cls.name} needs the attribute {missing[0]!r}", token)
        return cls(**attributes)

    def attribute(self) -> object:
        token = self.take()
        if token.kind == "string":
            return json.loads(token.text)
        if token.kind == "number":
            return float(token.text) if re.search(r"[.enf]", token.text) else int(token.text)
        if token.text == "[":
            items: list[object] = []
            while not self.accept("]"):
                items.append(self.attribute())
                if self.current.text != "]":
                    self.expect(",")
            return tuple(items)
        return self.named_attribute(token)

    def named_attribute(self, token: _Token) -> object:
        if token.text in _SIMPLE_NAMES:
            return _SIMPLE_NAMES[token.text]
        if token.text in _DTYPES:
            return DType(token.text)
        if token.text not in ("type", "layout", "dense", "forest"):
            self.fail(f"expected an attribute value, found {token.text!r}", token)
        self.expect("<")
        parse = {"type": self.tensor_type, "layout": self.layout, "dense": self.literal, "forest": self.forest}
        value = parse[token.text]()
        self.expect(">")
        return value

    def tensor_type(self) -> TensorType:
        token = self.expect_kind("word")
        if token.text not in _DTYPES:
            self.fail(f"unknown element type {token.text!r}", token)
        self.expect("[")
        shape: list[int] = []
        while not self.accept("]"):
            shape.append(self.integer())
            if self.current.text != "]":
                self.expect(",")
        layout = self.layout() if self.current.text == "{" else ROW_MAJOR
        return TensorType(DType(token.text), tuple(shape), layout)

    def layout(self) -> Layout:
        blocks: list[tuple[int, int]] = []
        if self.accept("{"):
            while not self.accept("}"):
                axis = self.integer()
                self.expect(":")
                blocks.append((axis, self.integer()))
                if self.current.text != "}":
                    self.expect(",")
        return Layout(tuple(blocks))

    def literal(self) -> Literal:
        type_token = self.current
        type_ = self.tensor_type()
        self.expect(":")
        if self.accept("sha256"):
            self.expect(":")
            return self.external_literal(type_, type_token)
        elements: list[str] = []
        while self.current.text != ">":
            elements.append(self.take().text)
            if self.current.text != ">":
                self.expect(",")
        if len(elements) != type_.elements:
            self.fail(f"{type_} has {type_.elements} elements, found {len(elements)}", type_token)
        try:
            return Literal(_elements_array(elements, type_), type_.dtype)
        except (ValueError, OverflowError) as error:
            self.fail(f"these are no elements of {type_}: {error}", type_token)

    def external_literal(self, type_: TensorType, token: _Token) -> Literal:
        digest = self.digest()
        literal = self.literals.get(digest)
        if literal is None or literal.type != type_:
            self.fail(f"no constant {type_} with digest {digest[:12]}… in the side file", token)
        return literal

    def forest(self) -> Forest:
        token = self.current
        if self.accept("sha256"):
            self.expect(":")
            digest = self.digest()
            if digest not in self.forests:
                self.fail(f"no forest with digest {digest[:12]}… in the side file", token)
            return self.forests[digest]
        try:
            forest, self.position = parse_forest_at(self.text, token.start)
        except ForestSyntaxError as error:
            self.fail_at(str(error), error.position)
        self.current = self._scan()
        return forest

    def digest(self) -> str:
        # A digest may begin with a digit, so it is matched on the raw text, not as a token.
        match = re.compile(r"\s*([0-9a-f]{64})").match(self.text, self.current.start)
        if match is None:
            self.fail("expected 64 hexadecimal digits of a digest")
        self.position = match.end()
        self.current = self._scan()
        return match.group(1)


def _elements_array(elements: list[str], type_: TensorType) -> np.ndarray:
    """Raises ValueError or OverflowError for what is no element of the type."""
    storage = type_.dtype.numpy
    array = np.empty(len(elements), storage)
    for index, text in enumerate(elements):
        if type_.dtype is DType.BOOL:
            array[index] = ("false", "true").index(text)
        elif text.startswith("0x") and storage.kind == "f":
            array.view(f"u{storage.itemsize}")[index] = int(text, 16)
        else:
            array[index] = float(text) if storage.kind == "f" else int(text)
    return array.reshape(type_.shape)
