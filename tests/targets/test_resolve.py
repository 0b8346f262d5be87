"""What a user may type after ``--target``, and what a wrong word is answered with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from compiler.targets import ALIASES, TARGETS, TargetError, resolve, target_names

A72 = resolve("arm_cortex_a72")
OWN = replace(A72, name="board", l2_bytes=1 << 20)
SOURCE = f"from compiler.targets import Target\nBOARD = Target.from_json({OWN.to_json()!r})\nNUMBER = 3\n"


def test_names_and_aliases() -> None:
    for target in TARGETS:
        assert resolve(target.name) is target
        assert resolve(target.name.upper().replace("-", "_")) is target
    for alias, name in ALIASES.items():
        assert resolve(alias) is resolve(name)
    assert resolve(A72) is A72
    assert {"host", "znver4", "rasp4b"} <= set(target_names())


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("arm_cortex_a27", "arm_cortex_a72"), ("znver44", "znver4"), ("rasp4", "rasp4b"), ("hosts", "host")],
)
def test_near_names_are_suggested(typed: str, meant: str) -> None:
    with pytest.raises(TargetError, match=rf"unknown target '{typed}'; did you mean .*\b{meant}\b"):
        resolve(typed)


@pytest.mark.parametrize("typed", ["", "qqqqqqqq"])
def test_a_word_like_no_name_lists_the_names(typed: str) -> None:
    with pytest.raises(TargetError, match=r"known are x86-64-v2, .*armv7a_neon"):
        resolve(typed)


def test_a_target_of_ones_own(tmp_path: Path) -> None:
    python, text = tmp_path / "my.py", tmp_path / "my.json"
    python.write_text(SOURCE)
    text.write_text(OWN.to_json())
    assert resolve(f"{python}:BOARD") == OWN
    assert resolve(str(text)) == OWN


@pytest.mark.parametrize(
    ("name", "content", "typed", "message"),
    [
        ("my.py", SOURCE, "my.py:OTHER", r"there is no OTHER; it defines BOARD"),
        ("my.py", SOURCE, "my.py:NUMBER", r"NUMBER is not a Target; it defines BOARD"),
        ("my.py", "", "my.py:BOARD", r"it defines no target at all"),
        ("my.py", SOURCE, "my.py", r"my\.py:MY_TARGET"),
        ("my.py", "1 / 0", "my.py:BOARD", r"ZeroDivisionError"),
        ("my.py", "def", "my.py:BOARD", r"SyntaxError"),
        ("my.json", "{", "my.json", r"my\.json: not JSON"),
        ("my.json", "{}", "my.json", r"my\.json: a target lacks a key"),
        ("other", "", "my.json", r"cannot read the target .*my\.json"),
        ("other", "", "my.py:BOARD", r"no such file"),
    ],
)
def test_files_without_the_target(tmp_path: Path, name: str, content: str, typed: str, message: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(TargetError, match=message):
        resolve(f"{tmp_path}/{typed}")
