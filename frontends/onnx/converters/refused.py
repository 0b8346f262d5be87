"""Operators that no artifact can have, each with the reason that the preflight reports."""

from __future__ import annotations

from typing import NoReturn

from frontends.onnx.context import Converter, NodeContext, Unsupported

_RANDOM = "its result is random, so that no build of it could be verified"
_TEXT = "it works on text, which Kiln does not compile"

REASONS = {
    "Bernoulli": _RANDOM,
    "ImageDecoder": "it decodes compressed pictures; decode them before the model",
    "Multinomial": _RANDOM,
    "RandomNormal": _RANDOM,
    "RandomNormalLike": _RANDOM,
    "RandomUniform": _RANDOM,
    "RandomUniformLike": _RANDOM,
    "RegexFullMatch": _TEXT,
    "StringConcat": _TEXT,
    "StringNormalizer": _TEXT,
    "StringSplit": _TEXT,
    "TfIdfVectorizer": _TEXT,
}
"""Operator -> the end of a sentence about it."""


_DICTIONARIES = "it works on dictionaries, which Kiln does not compile"

ML_REASONS = {
    "CastMap": _DICTIONARIES,
    "CategoryMapper": _TEXT,
    "DictVectorizer": _DICTIONARIES,
    "ZipMap": "it makes dictionaries of scores, which Kiln does not compile",
}
"""The same for the domain ``ai.onnx.ml``."""

_ADVICE = {"ZipMap": "export without it, with skl2onnx by options={'zipmap': False}"}


def _refuse(ctx: NodeContext) -> NoReturn:
    raise Unsupported((REASONS | ML_REASONS)[ctx.op_type], _ADVICE.get(ctx.op_type, ""))


CONVERTERS: dict[str, Converter] = dict.fromkeys(REASONS, _refuse)
ML_CONVERTERS: dict[str, Converter] = dict.fromkeys(ML_REASONS, _refuse)
