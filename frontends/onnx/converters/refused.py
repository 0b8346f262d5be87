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


def _refuse(ctx: NodeContext) -> NoReturn:
    raise Unsupported(REASONS[ctx.op_type])


CONVERTERS: dict[str, Converter] = dict.fromkeys(REASONS, _refuse)
