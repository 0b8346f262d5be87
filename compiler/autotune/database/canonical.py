"""A record as canonical JSON text, whose digest identifies it. docs/tuning-database.md describes the form.

Equal records have the same text: keys are sorted, nothing is padded, numbers are written as Python's ``repr`` does.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, cast

from compiler.autotune.record import Fact, Record, Status, TimeSource
from compiler.codegen.space import Choice

DIGEST_DIGITS = 32


class RecordFormatError(ValueError):
    """Fields are not those of a record; the message says which and why."""


def json_text(value: object) -> str:
    """Canonical JSON of plain data. Raises RecordFormatError for what JSON or UTF-8 cannot hold."""
    try:
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        text.encode()
    except ValueError as error:
        raise RecordFormatError(str(error)) from error
    return text


def record_text(record: Record) -> str:
    """The canonical text of a record. Raises RecordFormatError if a text in it is no Unicode."""
    return json_text(
        {
            "choice": {"knobs": record.choice.config, "template": record.choice.template},
            "detail": record.detail,
            "fingerprint": record.fingerprint,
            "is_default": record.is_default,
            "provenance": dict(record.provenance),
            "seconds": None if record.seconds is None else float(record.seconds),
            "source": record.source.value,
            "status": record.status.value,
            "task": record.task,
            "times": [float(seconds) for seconds in record.times],
            "toolchain": record.toolchain,
            "version": record.version,
        }
    )


def digest_of(record: Record) -> str:
    """What a record is known by: the digest of its text."""
    return hashlib.sha256(record_text(record).encode()).hexdigest()[:DIGEST_DIGITS]


def parse_record(fields: Mapping[str, object]) -> Record:
    """The record that ``record_text`` wrote, from its parsed JSON.

    Raises:
        RecordFormatError: a field is missing, is unknown, or has a value that no record has.
    """
    if wrong := fields.keys() ^ _FIELDS:
        raise RecordFormatError(f"fields missing or unknown: {', '.join(sorted(wrong))}")
    choice = _mapping(fields, "choice")
    if choice.keys() ^ {"knobs", "template"}:
        raise RecordFormatError("choice is not a template and its knobs")
    knobs = _mapping(choice, "knobs")
    try:
        return Record(
            task=_text(fields, "task"),
            fingerprint=_text(fields, "fingerprint"),
            choice=Choice.of(_text(choice, "template"), {name: _integer(knobs, name) for name in knobs}),
            version=_integer(fields, "version"),
            toolchain=_text(fields, "toolchain"),
            status=Status(_text(fields, "status")),
            source=TimeSource(_text(fields, "source")),
            seconds=None if fields["seconds"] is None else _number(fields["seconds"], "seconds"),
            times=_times(fields["times"]),
            detail=_text(fields, "detail"),
            is_default=_truth(fields, "is_default"),
            provenance=_facts(_mapping(fields, "provenance")),
        )
    except RecordFormatError:
        raise
    except (ValueError, OverflowError) as error:
        raise RecordFormatError(str(error)) from error


_FIELDS = set(Record.__dataclass_fields__)


def _mapping(fields: Mapping[str, object], key: str) -> Mapping[str, object]:
    value = fields[key]
    if not isinstance(value, dict):
        raise RecordFormatError(f"{key} is no object: {value!r}")
    return cast("dict[str, object]", value)


def _text(fields: Mapping[str, object], key: str) -> str:
    value = fields[key]
    if not isinstance(value, str):
        raise RecordFormatError(f"{key} is no text: {value!r}")
    return value


def _integer(fields: Mapping[str, object], key: str) -> int:
    value = fields[key]
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) >= 1 << 63:
        raise RecordFormatError(f"{key} is no integer of 64 bits: {value!r}")
    return value


def _truth(fields: Mapping[str, object], key: str) -> bool:
    value = fields[key]
    if not isinstance(value, bool):
        raise RecordFormatError(f"{key} is neither true nor false: {value!r}")
    return value


def _number(value: object, key: str) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise RecordFormatError(f"{key} is no number: {value!r}")
    return float(value)


def _times(value: object) -> tuple[float, ...]:
    if not isinstance(value, list):
        raise RecordFormatError(f"times is no list: {value!r}")
    return tuple(_number(seconds, "times") for seconds in cast("list[Any]", value))


def _facts(values: Mapping[str, object]) -> dict[str, Fact]:
    facts: dict[str, Fact] = {}
    for name, value in values.items():
        if not isinstance(value, str | int | float) or isinstance(value, bool):
            raise RecordFormatError(f"provenance {name} is neither a text nor a number: {value!r}")
        facts[name] = value
    return facts
