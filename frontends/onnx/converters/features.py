"""Operators of ai.onnx.ml that exported pipelines have before and beside their trees: on numbers, each as a formula."""

from __future__ import annotations

from typing import Final

import numpy as np

from compiler.ir.dtypes import DType
from compiler.ir.graph import Value
from compiler.ir.literal import Array
from compiler.ir.ops.contraction import MatMul
from compiler.ir.ops.reduction import ArgMax
from compiler.ir.ops.unary import IsNan
from frontends.onnx.context import Converter, MalformedModel, NodeContext, Unsupported
from frontends.onnx.converters.scores import TRANSFORMS, rows_of, transform_of
from frontends.onnx.converters.term import Term, concat

_MOST_KEYS: Final = 1 << 12
"""Keys of a table of labels or categories: every element is compared with each."""


def _fail(ctx: NodeContext, reason: str) -> MalformedModel:
    return MalformedModel(f"{ctx.op_type} {ctx.name!r}: {reason}")


def _number(ctx: NodeContext) -> Term:
    """Input 0 in float32, or float64 if it is that."""
    x = Term.input(ctx, 0)
    return x if x.dtype in (DType.F32, DType.F64) else x.cast(DType.F32)


def _per_feature(ctx: NodeContext, x: Term, values: Array, what: str) -> Term:
    """One number for all features, or one for each, in the type of x."""
    if values.size != 1 and (x.rank == 0 or values.size != x.shape[-1]):
        raise _fail(ctx, f"it has {values.size} {what} for an input of shape {list(x.shape)}")
    return Term.const(ctx, (values if values.size > 1 else values.reshape(())).astype(x.dtype.numpy))


def _scaler(ctx: NodeContext) -> Value:
    """``(x - offset) * scale``"""
    x = _number(ctx)
    for name, default in (("offset", 0.0), ("scale", 1.0)):
        values = np.array(ctx.floats(name, (default,)), np.float32)
        operand = _per_feature(ctx, x, values, f"{name}s")
        x = x - operand if name == "offset" else x * operand
    return x.cast(DType.F32).value


def _normalizer(ctx: NodeContext) -> Value:
    """Rows divided by the sum of magnitudes, or by their length; rows of zeros stay."""
    x, norm = _number(ctx), ctx.string("norm", "MAX")
    if norm not in ("L1", "L2"):
        raise Unsupported(f"runtimes disagree on the norm {norm[:40]} where numbers are negative")
    size = x.abs().sum([-1]) if norm == "L1" else (x * x).sum([-1]).sqrt()
    return size.equals(0.0).select(x, x / size).cast(DType.F32).value


def _imputer(ctx: NodeContext) -> Value:
    """The numbers that equal ``replaced_value``, which may be NaN, replaced."""
    x = Term.input(ctx, 0)
    kind, replaced = ("floats", ctx.float("replaced_value_float", 0.0))
    if not x.dtype.is_float:
        kind, replaced = ("int64s", ctx.int("replaced_value_int64", 0))
    given = ctx.floats("imputed_value_floats", ()) if kind == "floats" else ctx.ints("imputed_value_int64s", ())
    if not given:
        raise _fail(ctx, f"it lacks its attribute 'imputed_value_{kind}'")
    values = _per_feature(ctx, x, np.array(given), "values")
    where = x.apply(IsNan()) if replaced != replaced else x.equals(replaced)
    return where.select(values.broadcast(*x.shape), x).value


def _label_encoder(ctx: NodeContext) -> Value:
    """Each element replaced by the value of the key that it equals; the last of equal keys counts."""
    keys, values, default = _table(ctx)
    if keys.size != values.size or not keys.size or keys.ndim != 1:
        raise _fail(ctx, f"it has {keys.size} keys and {values.size} values")
    if keys.size > _MOST_KEYS:
        raise Unsupported(f"it has {keys.size} keys, more than {_MOST_KEYS}")
    x = Term.input(ctx, 0)
    if DType.of(keys.dtype) is not x.dtype:
        raise _fail(ctx, f"its keys are {keys.dtype}, its input is {x.dtype.value}")
    wide = x.reshape(*x.shape, 1)
    # The first of the largest is found, so that the keys stand in reverse.
    hits = wide.equals(Term.const(ctx, keys[::-1]))
    if keys.dtype.kind == "f" and np.isnan(keys).any():
        hits = hits | (wide.apply(IsNan()) & Term.const(ctx, np.isnan(keys[::-1])))
    counts = hits.cast(DType.I32)
    found = Term.const(ctx, values[::-1]).gather(0, counts.apply(ArgMax(x.rank)).reshape(*x.shape))
    is_known = counts.max([-1], keep=False) > 0
    return is_known.select(found, Term.const(ctx, default.astype(values.dtype).reshape(()))).value


def _table(ctx: NodeContext) -> tuple[Array, Array, Array]:
    """Keys, values and the value of what is no key."""
    sides: list[Array] = []
    for side in ("keys", "values"):
        if ctx.has_attribute(f"{side}_strings"):
            raise Unsupported(f"its {side} are texts, which Kiln does not compile")
        tensor = ctx.tensor(f"{side}_tensor")
        if tensor is not None:
            sides.append(tensor.array)
        elif ctx.has_attribute(f"{side}_int64s"):
            sides.append(np.array(ctx.ints(f"{side}_int64s"), np.int64))
        else:
            sides.append(np.array(ctx.floats(f"{side}_floats"), np.float32))
    tensor = ctx.tensor("default_tensor")
    if tensor is not None and tensor.array.size == 1:
        return sides[0], sides[1], tensor.array
    is_float = sides[1].dtype.kind == "f"
    default = ctx.float("default_float", -0.0) if is_float else ctx.int("default_int64", -1)
    return sides[0], sides[1], np.array(default)


def _one_hot_encoder(ctx: NodeContext) -> Value:
    """A last axis with a 1 at the category of each element. One of no category gives zeros, also where ``zeros``
    asks for a failure: an artifact cannot fail."""
    if ctx.has_attribute("cats_strings"):
        raise Unsupported("its categories are texts, which Kiln does not compile")
    categories = np.array(ctx.ints("cats_int64s"), np.int64)
    if categories.size > _MOST_KEYS:
        raise Unsupported(f"it has {categories.size} categories, more than {_MOST_KEYS}")
    x = Term.input(ctx, 0).cast(DType.I64)
    return x.reshape(*x.shape, 1).equals(Term.const(ctx, categories)).cast(DType.F32).value


def _feature_vectorizer(ctx: NodeContext) -> Value:
    """All inputs side by side, in float32."""
    parts = [Term.input(ctx, number) for number in range(len(ctx.inputs))]
    return concat([(x.reshape(1, -1) if x.rank == 1 else x).cast(DType.F32) for x in parts], 1).value


def _linear_regressor(ctx: NodeContext) -> Value:
    transform = transform_of(ctx)
    targets = ctx.int("targets", 1)
    if targets == 1 and transform not in ("NONE", "PROBIT"):
        raise Unsupported(f"runtimes disagree on the transform {transform} of one target")
    return TRANSFORMS[transform](_linear(ctx, targets)).value


def _linear_classifier(ctx: NodeContext) -> list[Value]:
    """The first class with the highest score, and the scores."""
    if ctx.has_attribute("classlabels_strings"):
        raise Unsupported("its classes are texts, which Kiln does not compile", "export it with numbers as classes")
    labels = np.array(ctx.ints("classlabels_ints"), np.int64)
    rows = rows_of(ctx).shape[1]
    if labels.size < 2 or len(ctx.floats("coefficients")) != labels.size * rows:
        raise Unsupported("it has not one row of coefficients for each of its classes, two at least")
    scores = _linear(ctx, labels.size)
    chosen = scores.apply(ArgMax(1)).reshape(-1)
    transformed = TRANSFORMS[transform_of(ctx)](scores)
    return [Term.const(ctx, labels).gather(0, chosen).value, transformed.value]


def _linear(ctx: NodeContext, targets: int) -> Term:
    """``f32[rows, targets]``"""
    x = rows_of(ctx).cast(DType.F32)
    coefficients = np.array(ctx.floats("coefficients"), np.float32)
    intercepts = np.array(ctx.floats("intercepts", ()), np.float32)
    if targets < 1 or coefficients.size != targets * x.shape[1] or intercepts.size not in (0, targets):
        raise _fail(
            ctx,
            f"it has {coefficients.size} coefficients and {intercepts.size} intercepts for {targets} targets"
            f" of {x.shape[1]} features",
        )
    product = x.apply(MatMul(transpose_b=True), Term.const(ctx, coefficients.reshape(targets, -1)))
    return product + Term.const(ctx, intercepts) if intercepts.size else product


ML_CONVERTERS: dict[str, Converter] = {
    "FeatureVectorizer": _feature_vectorizer,
    "Imputer": _imputer,
    "LabelEncoder": _label_encoder,
    "LinearClassifier": _linear_classifier,
    "LinearRegressor": _linear_regressor,
    "Normalizer": _normalizer,
    "OneHotEncoder": _one_hot_encoder,
    "Scaler": _scaler,
}
"""Operators of the domain ``ai.onnx.ml``."""
