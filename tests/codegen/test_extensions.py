"""Files of extensions: imported as a script beside them would, found again in other processes, imported anew when they
have changed."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from compiler.codegen.extensions import Extension, ExtensionError, extension_of, load_file


@pytest.fixture(autouse=True)
def leave_no_modules() -> Iterator[None]:
    """Afterwards modules and search path are as before."""
    path = list(sys.path)
    yield
    for name in [name for name in sys.modules if name.startswith(("kiln_test_", "kiln_extension_"))]:
        del sys.modules[name]
    sys.path[:] = path


def write(path: Path, text: str) -> str:
    """Write a file; the digest of its content."""
    path.write_text(text)
    return hashlib.sha256(text.encode()).hexdigest()


def test_neighbours_are_the_same_modules(tmp_path: Path) -> None:
    write(tmp_path / "kiln_test_base.py", "class Base: ...\n")
    write(tmp_path / "kiln_test_user.py", "from kiln_test_base import Base\nclass User(Base): ...\n")
    base = load_file(tmp_path / "kiln_test_base.py")
    user = load_file(tmp_path / "kiln_test_user.py")
    assert user.Base is base.Base
    assert extension_of(user.User).load() is user.User


def test_a_file_does_not_take_the_name_of_another_module(tmp_path: Path) -> None:
    for name in ("json", "sys", "my-pass"):
        write(tmp_path / f"{name}.py", f"text = {name!r}\n")
        module = load_file(tmp_path / f"{name}.py")
        assert module.text == name
        assert module is not sys.modules.get(name)
    assert sys.modules["json"] is json


def test_a_file_that_has_changed_is_imported_anew(tmp_path: Path) -> None:
    path = tmp_path / "kiln_test_changing.py"
    for version in (1, 2):
        digest = write(path, f"class Thing:\n    version = {version}\n")
        thing = Extension("kiln_test_changing", str(path), "Thing", digest).load()
        assert vars(thing)["version"] == version


def test_a_file_that_changes_meanwhile_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "kiln_test_race.py"
    before = write(path, "class Thing: ...\n")
    write(path, "class Thing:\n    other = True\n")
    with pytest.raises(ExtensionError, match="changed during the build"):
        Extension("kiln_test_race", str(path), "Thing", before).load()


@pytest.mark.parametrize(("name", "message"), [("missing.py", "no such file"), ("notes.txt", "not a Python file")])
def test_what_is_no_file_of_python_is_refused(name: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x = 1\n")
    with pytest.raises(ExtensionError, match=message):
        load_file(tmp_path / name)
