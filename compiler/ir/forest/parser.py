"""Text -> Forest: the inverse of ``compiler.ir.forest.printer``, an entry of a tree at a time."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from compiler.ir.dtypes import DType
from compiler.ir.forest.comparison import Comparison
from compiler.ir.forest.forest import Forest
from compiler.ir.forest.verifier import ForestError

_NUMBER = r"-?(?:\d+(?:\.\d*)?(?:e[+-]?\d+)?|inf)"
_NUMBERS = rf"\[(?P<values>(?:\s*{_NUMBER}\s*,?)*)\]"
_HEAD = re.compile(rf"\s*(?P<dtype>f32|f64)\[(?P<features>\d+)\]\s*->\s*{_NUMBERS}\s*width\s+(?P<width>\d+)\s*\{{")
_TREE = re.compile(r"\s*tree\s+(?P<target>\d+)\s*\{")
_SPLIT = re.compile(
    rf"""\s*s(?P<number>\d+)\s*:\s*x(?P<feature>\d+)\s*
    (?:in\s*\{{(?P<members>[\d,\s]*)\}} | (?P<comparison><=|>=|==|!=|<|>)\s*(?P<threshold>{_NUMBER}))
    \s*\?\s*(?P<left>[sv]\d+)\s*:\s*(?P<right>[sv]\d+)\s*,\s*missing\s+(?P<missing>left|right)\b""",
    re.VERBOSE,
)
_LEAF = re.compile(
    rf"\s*v(?P<number>\d+)\s*:\s*(?:(?P<value>{_NUMBER})|{_NUMBERS})\s*,\s*id\s+(?P<id>-?\d+)"
    rf"(?:\s*,\s*cover\s+(?P<cover>{_NUMBER}))?"
)
_CLOSE = re.compile(r"\s*\}")
_MOST = 2**31 - 1


class ForestSyntaxError(ValueError):
    """Text that is no forest; ``position`` is where in the text."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.position = position


def parse_forest(text: str) -> Forest:
    """Read one forest. Raises ForestSyntaxError."""
    forest, end = parse_forest_at(text, 0)
    if text[end:].strip():
        raise ForestSyntaxError("expected the end of the text", end)
    return forest


def parse_forest_at(text: str, position: int) -> tuple[Forest, int]:
    """Read the forest at ``position``, and where it ends. Raises ForestSyntaxError."""
    return _Parser(text, position).forest()


@dataclass
class _Columns:
    """What entries are collected in."""

    first_split: list[int] = field(default_factory=lambda: [0])
    target: list[int] = field(default_factory=list[int])
    feature: list[int] = field(default_factory=list[int])
    comparison: list[int] = field(default_factory=list[int])
    threshold: list[str] = field(default_factory=list[str])
    left: list[int] = field(default_factory=list[int])
    right: list[int] = field(default_factory=list[int])
    default_left: list[bool] = field(default_factory=list[bool])
    first_category: list[int] = field(default_factory=lambda: [0])
    categories: list[int] = field(default_factory=list[int])
    leaf: list[list[str]] = field(default_factory=list[list[str]])
    leaf_id: list[int] = field(default_factory=list[int])
    cover: list[str] = field(default_factory=list[str])


class _Parser:
    def __init__(self, text: str, position: int) -> None:
        self.text = text
        self.start = self.position = position
        self.columns = _Columns()

    def fail(self, message: str, position: int | None = None) -> NoReturn:
        raise ForestSyntaxError(message, self.position if position is None else position)

    def accept(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        match = pattern.match(self.text, self.position)
        if match is not None:
            self.position = match.end()
        return match

    def integer(self, match: re.Match[str], group: str) -> int:
        value = int(match.group(group))
        if abs(value) > _MOST:
            self.fail(f"{value} does not fit 32 bits", match.start(group))
        return value

    def forest(self) -> tuple[Forest, int]:
        head = self.accept(_HEAD)
        if head is None:
            self.fail("expected the head of a forest, such as f32[4] -> [0.0] width 1 {")
        width = self.integer(head, "width")
        while (tree := self.accept(_TREE)) is not None:
            self.tree(tree, width)
        if self.accept(_CLOSE) is None:
            self.fail("expected a tree, or } at the end of the forest")
        storage = DType(head.group("dtype")).numpy
        base = _floats(_items(head.group("values")), storage)
        try:
            return self.build(self.integer(head, "features"), base, width), self.position
        except ForestError as error:
            self.fail(str(error), self.start)

    def tree(self, head: re.Match[str], width: int) -> None:
        columns = self.columns
        columns.target.append(self.integer(head, "target"))
        while (split := self.accept(_SPLIT)) is not None:
            self.split(split)
        columns.first_split.append(len(columns.feature))
        while (leaf := self.accept(_LEAF)) is not None:
            self.leaf(leaf, width)
        if self.accept(_CLOSE) is None:
            self.fail("expected a split or a leaf, or } at the end of the tree")

    def split(self, match: re.Match[str]) -> None:
        columns = self.columns
        if self.integer(match, "number") != len(columns.feature):
            self.fail(f"expected s{len(columns.feature)}", match.start("number") - 1)
        columns.feature.append(self.integer(match, "feature"))
        if match.group("members") is not None:
            columns.comparison.append(Comparison.MEMBER)
            columns.threshold.append("0")
            columns.categories += [min(int(item), _MOST) for item in _items(match.group("members"))]
            columns.first_category.append(len(columns.categories))
        else:
            columns.comparison.append(Comparison.of(match.group("comparison")))
            columns.threshold.append(match.group("threshold"))
        columns.left.append(self.child(match, "left"))
        columns.right.append(self.child(match, "right"))
        columns.default_left.append(match.group("missing") == "left")

    def child(self, match: re.Match[str], group: str) -> int:
        text = match.group(group)
        number = min(int(text[1:]), _MOST)
        return number if text[0] == "s" else ~number

    def leaf(self, match: re.Match[str], width: int) -> None:
        columns = self.columns
        if self.integer(match, "number") != len(columns.leaf):
            self.fail(f"expected v{len(columns.leaf)}", match.start("number") - 1)
        values = [match.group("value")] if match.group("value") else _items(match.group("values"))
        if len(values) != width:
            self.fail(f"a leaf has {width} values, found {len(values)}", match.start("number") - 1)
        columns.leaf.append(values)
        columns.leaf_id.append(self.integer(match, "id"))
        columns.cover.append(match.group("cover") or "0")

    def build(self, features: int, base: NDArray[Any], width: int) -> Forest:
        columns = self.columns
        leaves = _floats([value for row in columns.leaf for value in row], base.dtype)
        return Forest(
            features=features,
            base=base,
            first_split=np.array(columns.first_split, np.int32),
            target=np.array(columns.target, np.int32),
            feature=np.array(columns.feature, np.int32),
            comparison=np.array(columns.comparison, np.uint8),
            threshold=_floats(columns.threshold, np.dtype(np.float32)),
            left=np.array(columns.left, np.int32),
            right=np.array(columns.right, np.int32),
            default_left=np.array(columns.default_left, np.bool_),
            first_category=np.array(columns.first_category, np.int32),
            categories=np.array(columns.categories, np.int32),
            leaf=leaves.reshape(len(columns.leaf), width),
            leaf_id=np.array(columns.leaf_id, np.int32),
            cover=_floats(columns.cover, np.dtype(np.float32)),
        )


def _items(text: str) -> list[str]:
    return text.replace(",", " ").split()


def _floats(texts: list[str], storage: np.dtype[Any]) -> NDArray[Any]:
    """The numbers rounded to ``storage``; what is too large for it becomes infinite."""
    with np.errstate(over="ignore"):
        return np.array(texts, np.float64).astype(storage)
