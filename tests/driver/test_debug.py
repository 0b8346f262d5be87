"""``KILN_DEBUG``: a list of switches, few of them."""

from __future__ import annotations

import dataclasses

import pytest

from compiler.debug import Debug


def test_switches() -> None:
    assert Debug.parse("") == Debug()
    assert Debug.parse("1") == Debug(traceback=True, verify=True)
    assert Debug.parse(" dump , traceback") == Debug(dump=True, traceback=True)
    assert len(dataclasses.fields(Debug)) <= 8


def test_an_unknown_word_is_warned_of() -> None:
    with pytest.warns(UserWarning, match="'tracebak' is no switch"):
        assert Debug.parse("tracebak,dump") == Debug(dump=True)
