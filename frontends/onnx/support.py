"""``python -m frontends.onnx.support``: which operators of ONNX compile, as the page ``docs/onnx-support.md``.

The rows come from the table of converters and the schemas of the onnx package; only what a row says of limits is
written here.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import onnx
from onnx import defs

from frontends.onnx.context import Converter
from frontends.onnx.converters import CONVERTERS, refused
from frontends.onnx.converters.control import UNROLLING_LIMIT
from frontends.onnx.converters.linear import MAX_DETERMINANT
from frontends.onnx.converters.recurrent import MAX_STEPS
from frontends.onnx.legacy import OLDEST_OPSET

_DATA_DEPENDENT: Final = "the size of the result depends on data: the inputs must be known at import"
_STEPS: Final = f"unrolled: at most {MAX_STEPS} steps"

LIMITS: Final[dict[str, str]] = {
    "BatchNormalization": "training mode from opset 14",
    "Compress": _DATA_DEPENDENT,
    "ConstantOfShape": "the shape must be known at import",
    "Det": f"at most {MAX_DETERMINANT} x {MAX_DETERMINANT}",
    "DFT": "as a product with a matrix; a length that must be known at import",
    "Dropout": "in inference mode",
    "Expand": "the shape must be known at import",
    "GRU": _STEPS,
    "If": "an unknown condition: both branches run, and must give the same types",
    "LSTM": _STEPS,
    "Loop": f"the number of iterations must be known at import; at most {UNROLLING_LIMIT} operations when unrolled",
    "NonMaxSuppression": _DATA_DEPENDENT,
    "NonZero": _DATA_DEPENDENT,
    "Pad": "the pads must be known at import",
    "Range": "start, limit and delta must be known at import",
    "RNN": _STEPS,
    "Reshape": "the shape must be known at import",
    "Resize": "scales or sizes must be known at import",
    "RoiAlign": "sampling_ratio other than 0",
    "STFT": "as a product with a matrix; frame length and step must be known at import",
    "Scan": f"from opset 9; at most {UNROLLING_LIMIT} operations when unrolled",
    "Slice": "starts, ends, axes and steps must be known at import",
    "Split": "the sizes must be known at import",
    "Tile": "the repeats must be known at import",
    "TopK": "k must be known at import",
    "Unique": _DATA_DEPENDENT,
}
"""What holds beside the operator's own definition."""

_HEAD: Final = f"""\
# ONNX operators

Written by `python -m frontends.onnx.support > docs/onnx-support.md`; a test compares the two.

Models of the operator sets {OLDEST_OPSET} to {defs.onnx_opset_version()} (onnx {onnx.__version__}) are read; older \
ones are upgraded by the onnx package. An
operator compiles by a converter of Kiln's, or by the body that ONNX defines it by. Functions that a model defines
itself are expanded. "Known at import" means that a value follows from constants, shapes and `--bind` alone.

Before anything is compiled, an import lists every node that cannot be, with its name and the reason. What no row
says: shapes are fixed at import (`--input NAME:SHAPE`), tensors of text do not compile, and elements of 2 to 8 bits
other than int8 and uint8 are read from constants only.
"""


@dataclass(frozen=True)
class Row:
    """One operator: whether it compiles, and how or why not."""

    domain: str
    name: str
    compiles: bool
    note: str


def rows(domain: str) -> list[Row]:
    """The operators of a domain's newest operator set, by name."""
    return [_row(schema) for schema in _schemas(domain) if not schema.deprecated]


def retired(domain: str) -> list[str]:
    """The operators that newer operator sets of a domain have no more, and that compile in older ones."""
    return [schema.name for schema in _schemas(domain) if schema.deprecated and _converter(schema) is not None]


def _schemas(domain: str) -> list[defs.OpSchema]:
    found = {schema.name: schema for schema in defs.get_all_schemas() if schema.domain == domain}
    return [schema for _, schema in sorted(found.items())]


def _converter(schema: defs.OpSchema) -> Converter | None:
    return CONVERTERS.get(schema.domain, {}).get(schema.name)


def _row(schema: defs.OpSchema) -> Row:
    converter = _converter(schema)
    reasons = {"": refused.REASONS, "ai.onnx.ml": refused.ML_REASONS}.get(schema.domain, {})
    if schema.name in reasons:
        return Row(schema.domain, schema.name, False, reasons[schema.name])
    if converter is not None:
        return Row(schema.domain, schema.name, True, LIMITS.get(schema.name, ""))
    if _has_body(schema):
        return Row(schema.domain, schema.name, True, "by its definition in ONNX")
    return Row(schema.domain, schema.name, False, "")


def _has_body(schema: defs.OpSchema) -> bool:
    """Whether ONNX defines the operator by others; the onnx package's stubs leave these members out."""
    return schema.has_function or schema.has_context_dependent_function  # pyright: ignore[reportAttributeAccessIssue]


def domains() -> list[str]:
    """The domains of the onnx package, ai.onnx (the empty name) first."""
    return sorted({schema.domain for schema in defs.get_all_schemas()})


def summary() -> str:
    """How many operators of ai.onnx compile."""
    listed = rows("")
    return f"{sum(row.compiles for row in listed)} of the {len(listed)} operators of opset {defs.onnx_opset_version()}"


def page() -> Iterator[str]:
    """The lines of the page."""
    yield _HEAD
    yield f"{summary()} of the domain ai.onnx compile."
    for domain in domains():
        yield f"\n## {domain or 'ai.onnx'}\n"
        yield "| operator | compiles | note |"
        yield "|---|---|---|"
        for row in rows(domain):
            yield f"| {row.name} | {'yes' if row.compiles else 'no'} | {row.note} |"
        if gone := retired(domain):
            yield f"\nNewer operator sets have no more, and older ones compile: {', '.join(gone)}."


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in page())
