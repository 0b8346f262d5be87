"""``Pass``: the base of all passes, and their text form ``name{option=value,flag=true}``.

Knows nothing of particular passes or of how a pipeline is run.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from compiler.ir.graph import Graph
from compiler.passes.context import PassContext

Statistics: TypeAlias = Mapping[str, int]
"""What a pass did: how often, by kind of change; an empty mapping says that nothing changed."""

Option: TypeAlias = bool | int | float | str

_PASS = re.compile(r"\s*(?P<name>[A-Za-z][\w-]*)\s*(?P<brace>\{)?")
_OPTION = re.compile(
    r"""\s*(?P<key>[A-Za-z][\w-]*)\s*=\s*(?P<value>"(?:[^"\\]|\\.)*"|[^\s,{}"]+)\s*(?P<end>[,}])""",
    re.VERBOSE,
)


class PipelineError(ValueError):
    """Pipeline text that names no pass, an unknown option or a wrong value; the message shows the place."""


@dataclass(frozen=True)
class Pass:
    """A graph transformation. Subclasses are frozen dataclasses that set ``name`` and implement ``run``.

    The fields are the options, each with a default; their types may be bool, int, float or str.
    """

    name: ClassVar[str] = ""

    def run(self, graph: Graph, context: PassContext) -> Statistics | None:
        """Change ``graph`` in place, through a ``Rewriter``; return how often it did what, or None.

        The names and types of the graph's inputs and outputs must stay, and so must its results. Regions
        of control flow are handed in as graphs of their own before the graph around them.
        """
        raise NotImplementedError

    def __str__(self) -> str:
        """The text form, with the options that are not at their defaults; ``PassManager.parse`` reads it
        back."""
        return self._text(field for field in dataclasses.fields(self) if getattr(self, field.name) != field.default)

    def spelled_out(self) -> str:
        """The text form with all options."""
        return self._text(dataclasses.fields(self))

    def _text(self, fields: Iterable[dataclasses.Field[Option]]) -> str:
        shown = [f"{f.name.replace('_', '-')}={_print_option(getattr(self, f.name))}" for f in fields]
        return f"{self.name}{{{','.join(shown)}}}" if shown else self.name


def parse_passes(text: str, table: Iterable[type[Pass]], pipelines: Mapping[str, str]) -> tuple[Pass, ...]:
    """The passes that ``text`` lists, separated by commas; the name of a pipeline stands for its passes.

    Raises PipelineError.
    """
    classes = {cls.name: cls for cls in table}
    passes: list[Pass] = []
    position = 0
    while text[position:].strip():
        match = _PASS.match(text, position)
        if match is None:
            raise _error(text, position, "expected the name of a pass")
        name, position = match["name"], match.end()
        if name in pipelines and not match["brace"]:
            passes += parse_passes(pipelines[name], classes.values(), {})
        elif name in classes:
            values, position = _parse_options(text, position) if match["brace"] else ({}, position)
            passes.append(_instantiate(classes[name], values))
        else:
            known = ", ".join(sorted([*classes, *pipelines]))
            raise _error(text, match.start("name"), f"unknown pass {name!r}; known: {known}")
        position = _skip_comma(text, position)
    return tuple(passes)


def print_passes(passes: Iterable[Pass]) -> str:
    """The text of a pipeline; the inverse of ``parse_passes``."""
    return ",".join(map(str, passes))


def _skip_comma(text: str, position: int) -> int:
    rest = text[position:].lstrip()
    if rest and not rest.startswith(","):
        raise _error(text, len(text) - len(rest), "expected ',' between passes")
    if rest and not rest[1:].strip():
        raise _error(text, len(text), "expected a pass after ','")
    return len(text) - len(rest) + 1 if rest else len(text)


def _parse_options(text: str, position: int) -> tuple[dict[str, str], int]:
    """The options as text, by key, and where their closing brace ends."""
    options: dict[str, str] = {}
    empty = re.compile(r"\s*\}").match(text, position)
    if empty:
        return options, empty.end()
    while True:
        match = _OPTION.match(text, position)
        if match is None:
            raise _error(text, position, "expected option=value, then ',' or '}'")
        options[match["key"]] = match["value"]
        position = match.end()
        if match["end"] == "}":
            return options, position


def _instantiate(cls: type[Pass], options: Mapping[str, str]) -> Pass:
    fields = {field.name.replace("_", "-"): field for field in dataclasses.fields(cls)}
    values: dict[str, Option] = {}
    for key, text in options.items():
        if key not in fields:
            known = f"its options are {', '.join(fields)}" if fields else "it has none"
            raise PipelineError(f"pass {cls.name!r} has no option {key!r}; {known}")
        values[fields[key].name] = _parse_option(cls, key, text, fields[key].default)
    return cls(**values)


def _parse_option(cls: type[Pass], key: str, text: str, default: object) -> Option:
    """An option's value, which has the type of its default."""
    wanted = type(default)
    try:
        if wanted is bool:
            return {"true": True, "false": False}[text]
        if wanted in (int, float):
            return wanted(text)
        if wanted is str:
            return str(json.loads(text)) if text.startswith('"') else text
    except (KeyError, ValueError):
        raise PipelineError(f"pass {cls.name!r}: {key} must be {wanted.__name__}, not {text!r}") from None
    raise PipelineError(f"pass {cls.name!r}: the default of {key} must be a bool, int, float or str")


def _print_option(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value) if isinstance(value, str) else repr(value)


def _error(text: str, position: int, message: str) -> PipelineError:
    return PipelineError(f"{message}\n  {text}\n  {' ' * position}^")
