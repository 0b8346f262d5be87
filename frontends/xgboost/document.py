"""From what the user gives (a path, bytes, an object of XGBoost) to the document that the model is.

Owns files and formats; does not look at what is in the document beside that it is a dict. Never imports xgboost:
its objects say themselves what they are.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import Protocol, cast

from frontends.errors import UnreadableModel
from frontends.xgboost.ubjson import UbjsonError, decode


class BoosterObject(Protocol):
    """What is used of an ``xgboost.Booster``."""

    def save_raw(self, raw_format: str) -> bytearray: ...


class EstimatorObject(Protocol):
    """What is used of an ``xgboost.XGBModel``."""

    missing: float

    def get_booster(self) -> BoosterObject: ...


Model = str | os.PathLike[str] | bytes | BoosterObject | EstimatorObject


def is_estimator(model: object) -> bool:
    """Whether the model is one of the scikit-learn interface."""
    return hasattr(model, "get_booster")


def model_bytes(model: Model) -> tuple[bytes, str]:
    """The serialized model, and what to call it in messages. Raises UnreadableModel."""
    if isinstance(model, bytes):
        return model, "the given bytes"
    if isinstance(model, str | os.PathLike):
        return _read_file(Path(model)), str(model)
    name = f"the {type(model).__name__}"
    try:
        booster = cast("EstimatorObject", model).get_booster() if is_estimator(model) else cast("BoosterObject", model)
        return bytes(booster.save_raw(raw_format="ubj")), name
    except ValueError as error:  # both of XGBoost's errors, "not fitted" and its own, are
        raise UnreadableModel(f"{name}: {str(error).splitlines()[0]}") from error


def read_document(data: bytes, name: str) -> dict[str, object]:
    """The document in JSON or UBJSON. Raises UnreadableModel."""
    start = data.lstrip()[:2]
    if not data:
        raise UnreadableModel(f"{name}: the file is empty")
    if start[:1] == b"[":
        raise UnreadableModel(f"{name}: a list, as a dump of trees is; Kiln reads what Booster.save_model writes")
    if start[:1] != b"{":
        raise UnreadableModel(
            f"{name}: neither JSON nor UBJSON. If it is a model in XGBoost's old binary format,"
            " load it with an XGBoost before 3.1 and save it as .json"
        )
    # Behind the brace of a JSON object stands a quote, after white space if any; in UBJSON a length.
    is_json = data.lstrip()[1:].lstrip()[:1] in (b'"', b"}")
    try:
        document = json.loads(data, object_pairs_hook=_distinct) if is_json else decode(data)
    except UbjsonError as error:
        raise UnreadableModel(f"{name}: not a model in UBJSON, or a truncated one: {error}") from error
    except (ValueError, RecursionError) as error:
        raise UnreadableModel(f"{name}: not a model in JSON, or a truncated one: {error}") from error
    if not isinstance(document, dict):
        raise UnreadableModel(f"{name}: the document is no object")
    return cast("dict[str, object]", document)


def _distinct(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """The members of an object of JSON. Raises ValueError where one of two with the same name would be lost."""
    members = dict(pairs)
    if len(members) < len(pairs):
        ((name, _),) = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"the key {name[:40]!r} stands twice in an object")
    return members


def _read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnreadableModel(f"{path}: cannot be read: {error.strerror}") from None
