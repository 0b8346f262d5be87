"""Turns what a user typed after ``--target`` into a ``Target``: a name, an alias, or a file of one's own."""

from __future__ import annotations

import difflib
import runpy
from pathlib import Path

from compiler.targets.host import host_target
from compiler.targets.table import ALIASES, TARGETS
from compiler.targets.target import Target, TargetError


def resolve(text: str | Target) -> Target:
    """The target that ``text`` means.

    Accepts ``host``, a name or alias (``_`` and ``-`` are the same, case does not matter),
    ``path/to/file.py:NAME`` for a ``Target`` in a Python file, ``path/to/file.json`` for what
    ``Target.to_json`` wrote, or a ``Target`` itself.

    Raises:
        TargetError: unknown name (the message lists near ones), or a file without such a target.
    """
    if isinstance(text, Target):
        return text
    if text.endswith(".json"):
        return _from_json_file(Path(text))
    path, colon, name = text.rpartition(":")
    if colon and path.endswith(".py"):
        return _from_python_file(Path(path), name)
    if text.endswith(".py"):
        raise TargetError(f"{text}: name the target in the file, as in {text}:MY_TARGET")
    return _by_name(text)


def target_names() -> tuple[str, ...]:
    """Every name that ``resolve`` knows: ``host``, the table's, then the aliases."""
    return ("host", *(target.name for target in TARGETS), *ALIASES)


def _normal(name: str) -> str:
    return name.strip().lower().replace("_", "-")


def _by_name(text: str) -> Target:
    wanted = _normal(text)
    if wanted == "host":
        return host_target()
    table = {_normal(target.name): target for target in TARGETS}
    aliases = {_normal(alias): _normal(name) for alias, name in ALIASES.items()}
    found = table.get(aliases.get(wanted, wanted))
    if found is not None:
        return found
    spelled = {_normal(name): name for name in target_names()}
    inside = [name for name in spelled if wanted and wanted in name][:3]
    near = [spelled[name] for name in inside or difflib.get_close_matches(wanted, spelled, n=3, cutoff=0.5)]
    hint = f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(t.name for t in TARGETS)}."
    raise TargetError(
        f"unknown target {text!r}; {hint} `python -m compiler.targets` lists all;"
        " one of your own is given as file.py:NAME or file.json"
    )


def _from_json_file(path: Path) -> Target:
    try:
        return Target.from_json(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise TargetError(f"cannot read the target {path}: {error}") from error
    except TargetError as error:
        raise TargetError(f"{path}: {error}") from error


def _from_python_file(path: Path, name: str) -> Target:
    if not path.is_file():
        raise TargetError(f"cannot read the target {path}:{name}: no such file")
    try:
        namespace = runpy.run_path(str(path))
    except Exception as error:  # whatever the file of the user raises is reported with its place
        raise TargetError(f"{path}: {type(error).__name__}: {error}") from error
    value: object = namespace.get(name)
    if isinstance(value, Target):
        return value
    defined = sorted(key for key, value in namespace.items() if isinstance(value, Target))
    problem = f"{name} is not a Target" if name in namespace else f"there is no {name}"
    raise TargetError(f"{path}: {problem}; it defines {', '.join(defined) or 'no target at all'}")
