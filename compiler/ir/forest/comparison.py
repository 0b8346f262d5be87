"""The tests that a split can make of a feature."""

from __future__ import annotations

import enum


class Comparison(enum.IntEnum):
    """How a feature ``x`` is compared with a threshold ``t``; rows for which it holds go left.

    The numbers are what ``Forest.comparison`` stores. ``MEMBER`` is a test of a set of categories: it holds if ``x``,
    not negative and rounded toward zero, is one of them. NaN is compared with nothing: it follows the split's default.
    """

    LESS = 0
    LESS_EQUAL = 1
    GREATER = 2
    GREATER_EQUAL = 3
    EQUAL = 4
    NOT_EQUAL = 5
    MEMBER = 6

    @property
    def symbol(self) -> str:
        """How text spells it."""
        return _SYMBOLS[self]

    @staticmethod
    def of(symbol: str) -> Comparison:
        """The comparison that text spells so; raises KeyError."""
        return _FROM_SYMBOL[symbol]


_SYMBOLS = {
    Comparison.LESS: "<",
    Comparison.LESS_EQUAL: "<=",
    Comparison.GREATER: ">",
    Comparison.GREATER_EQUAL: ">=",
    Comparison.EQUAL: "==",
    Comparison.NOT_EQUAL: "!=",
    Comparison.MEMBER: "in",
}
_FROM_SYMBOL = {symbol: comparison for comparison, symbol in _SYMBOLS.items()}
