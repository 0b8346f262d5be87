"""Each kind of thing has one explicit table; whatever a module defines of that kind is in it."""

from __future__ import annotations

import pkgutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import frontends
from compiler.codegen.computes import COMPUTES
from compiler.codegen.schedules import SCHEDULES, Template
from compiler.frontend_table import FRONTENDS
from compiler.ir.op import Op
from compiler.ir.ops import OPS
from compiler.passes.base import Pass
from compiler.passes.table import PASSES
from compiler.targets import TARGETS, Target
from frontends.onnx.converters import FAMILIES
from tests.architecture.tables import concrete_subclass_of, missing_from, modules_with


def test_every_op_is_in_its_table() -> None:
    assert missing_from(OPS, "compiler.ir.ops", _named(Op)) == []


def test_every_pass_is_in_its_table() -> None:
    assert missing_from(PASSES, "compiler.passes", _named(Pass)) == []


def _named(base: type[Op] | type[Pass]) -> Callable[[object], bool]:
    """A predicate for classes with a name in the text form; those without are what others have in common."""
    return lambda value: isinstance(value, type) and issubclass(value, base) and value.name != ""


def test_every_target_is_in_its_table() -> None:
    assert missing_from(TARGETS, "compiler.targets.devices", lambda value: isinstance(value, Target)) == []


def test_every_schedule_template_is_in_its_table() -> None:
    listed = [type(template) for template in SCHEDULES]
    assert missing_from(listed, "compiler.codegen.schedules", _is_template) == []


def _is_template(value: object) -> bool:
    """A class with everything that the protocol asks for."""
    asked = ("name", "version", "matches", "space", "emit")
    return isinstance(value, type) and value is not Template and all(hasattr(value, name) for name in asked)


def test_every_frontend_is_in_its_table() -> None:
    packages = [f"frontends.{info.name}" for info in pkgutil.iter_modules(frontends.__path__) if info.ispkg]
    assert packages
    assert packages == sorted(row.module for row in FRONTENDS)


def test_every_row_of_computes_is_in_their_table() -> None:
    for module in modules_with("compiler.codegen.computes", "ROWS"):
        assert module.ROWS.items() <= COMPUTES.items(), f"{module.__name__} is not merged"


def test_every_family_of_converters_is_in_its_table() -> None:
    families = modules_with("frontends.onnx.converters", "CONVERTERS", "ML_CONVERTERS")
    assert [family.__name__ for family in families if family not in FAMILIES] == []


MODULES = {
    "__init__.py": "",
    "kinds.py": "import abc\nclass Kind(abc.ABC):\n    @abc.abstractmethod\n    def f(self): ...\n"
    "class _Hidden(Kind):\n    f = 1\n",
    "listed.py": "from menagerie.kinds import Kind\nclass Cat(Kind):\n    def f(self): ...\nALSO_CAT = Cat\n",
    "below/__init__.py": "",
    "below/forgotten.py": "from menagerie.listed import Cat\nfrom menagerie.kinds import Kind\n"
    "class Dog(Kind):\n    def f(self): ...\nclass Abstract(Kind): ...\nREX = Dog()\n",
    "table.py": "from menagerie.listed import Cat\nTABLE = (Cat,)\n",
}


@pytest.fixture
def menagerie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package with one listed class, one that its table lacks, and abstract or private ones beside them."""
    for name, text in MODULES.items():
        path = tmp_path / "menagerie" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "menagerie"]:
        del sys.modules[name]


def test_a_forgotten_class_is_named(menagerie: None) -> None:
    from menagerie.kinds import Kind  # pyright: ignore[reportMissingImports]
    from menagerie.table import TABLE  # pyright: ignore[reportMissingImports]

    assert missing_from(TABLE, "menagerie", concrete_subclass_of(Kind)) == ["menagerie.below.forgotten.Dog"]


def test_a_forgotten_instance_is_named(menagerie: None) -> None:
    from menagerie.kinds import Kind  # pyright: ignore[reportMissingImports]

    missing = missing_from((), "menagerie", lambda value: isinstance(value, Kind))
    assert missing == ["menagerie.below.forgotten.REX"]


def test_looking_where_nothing_is_defined_fails() -> None:
    with pytest.raises(AssertionError, match="looks in the wrong place"):
        missing_from(OPS, "compiler.ir.ops", lambda value: False)
