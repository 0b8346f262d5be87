"""Text to HTML and numbers to text. Knows nothing of builds."""

from __future__ import annotations

import html
from collections.abc import Sequence

_SIZES = ((1e9, "G"), (1e6, "M"), (1e3, "k"))


def escape(text: object) -> str:
    """Text as HTML, safe in attributes as well."""
    return html.escape(str(text), quote=True)


def quantity(value: float, unit: str = "") -> str:
    """Three digits and a decimal prefix: ``1.23 M``."""
    for size, prefix in _SIZES:
        if abs(value) >= size:
            return f"{value / size:.3g} {prefix}{unit}"
    return f"{value:.3g} {unit}".rstrip()


def cell(text: object, sort_by: float | None = None, kind: str = "") -> str:
    """A table cell; ``sort_by`` is the number it is sorted by."""
    attributes = f' data-sort="{sort_by!r}"' if sort_by is not None else ""
    attributes += f' class="{kind or "number"}"' if kind or sort_by is not None else ""
    return f"<td{attributes}>{text}</td>"


def table(identifier: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A sortable table of cells made by ``cell``."""
    head = "".join(f"<th>{escape(heading)}</th>" for heading in headings)
    body = "\n".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    return f'<table id="{identifier}"><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table>'
