"""Which line of a failed process's text is quoted."""

from __future__ import annotations

import pytest

from bench.diagnostics import last_words


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("", "(it printed nothing)"),
        ("one\ntwo\n", "two"),
        ("Traceback\n  File\nValueError: no such model\n", "ValueError: no such model"),
        ("torch.exc.InternalError: wrong type\n\nSet VERBOSE=1 for the trace\n", "torch.exc.InternalError: wrong type"),
        ("an Error: in the middle of a line\nlast\n", "last"),
    ],
)
def test_the_line_that_names_the_error_is_quoted(text: str, quoted: str) -> None:
    assert last_words(text) == quoted
