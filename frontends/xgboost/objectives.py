"""The objectives of XGBoost: how the base score becomes a margin, and margins become predictions.

Formulas are XGBoost's (``src/objective/*``), in float32 where it computes in float32. Its ``logf`` and ``expf`` are the
C library's, which err now and then by a unit in the last place; so are those here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from compiler.ir.dtypes import DType
from compiler.ir.graph import Value
from compiler.ir.libm import logf
from compiler.ir.literal import Array
from compiler.ir.ops.binary import Add, Div, Less, Minimum, Sub
from compiler.ir.ops.reduction import ArgMax, ReduceMax, ReduceSum
from compiler.ir.ops.unary import Cast, LibraryExp, Neg
from compiler.ir.rewriter import Rewriter

_LEAST_PROBABILITY = np.float32(1e-6)
_LARGEST_EXPONENT = np.float32(88.7)


@dataclass(frozen=True)
class Objective:
    """``margin(base_scores f32[n]) -> f32[n]``; ``prediction(rewriter, margins f32[batch, outputs])``."""

    margin: Callable[[Array], Array]
    prediction: Callable[[Rewriter, Value], Value]


def _same(scores: Array) -> Array:
    return scores


def _logit(scores: Array) -> Array:
    one = np.float32(1)
    clamped = np.clip(scores, _LEAST_PROBABILITY, one - _LEAST_PROBABILITY)
    return -logf(one / clamped - one)


def _identity(rewriter: Rewriter, x: Value) -> Value:
    return x


def _exponential(rewriter: Rewriter, x: Value) -> Value:
    return rewriter.emit(LibraryExp(), x)


def _logistic(rewriter: Rewriter, x: Value) -> Value:
    """``1 / (expf(min(-x, 88.7)) + 1)``; XGBoost adds 1e-16 to the divisor, which is at least 1, so that is lost."""
    limit = rewriter.constant(np.array(_LARGEST_EXPONENT))
    one = rewriter.constant(np.array(1, np.float32))
    power = _exponential(rewriter, rewriter.emit(Minimum(), rewriter.emit(Neg(), x), limit))
    return rewriter.emit(Div(), one, rewriter.emit(Add(), power, one))


def _hinge(rewriter: Rewriter, x: Value) -> Value:
    """1 where the margin is positive, else 0."""
    zero = rewriter.constant(np.array(0, np.float32))
    return rewriter.emit(Cast(DType.F32), rewriter.emit(Less(), zero, x))


def _softmax(rewriter: Rewriter, x: Value) -> Value:
    """``expf(x - max)``, divided by their sum, which is of float64 and rounded once."""
    powers = _exponential(rewriter, rewriter.emit(Sub(), x, rewriter.emit(ReduceMax((1,), keep=True), x)))
    total = rewriter.emit(ReduceSum((1,), keep=True), rewriter.emit(Cast(DType.F64), powers))
    return rewriter.emit(Div(), powers, rewriter.emit(Cast(DType.F32), total))


def _most_likely(rewriter: Rewriter, x: Value) -> Value:
    """The first of the largest, as a float: ``f32[batch, 1]``."""
    return rewriter.emit(Cast(DType.F32), rewriter.emit(ArgMax(1), x))


_PLAIN = Objective(_same, _identity)
_LOGISTIC = Objective(_logit, _logistic)
_LOG_LINK = Objective(logf, _exponential)

OBJECTIVES: dict[str, Objective] = {
    "reg:squarederror": _PLAIN,
    "reg:linear": _PLAIN,
    "reg:squaredlogerror": _PLAIN,
    "reg:absoluteerror": _PLAIN,
    "reg:pseudohubererror": _PLAIN,
    "reg:quantileerror": _PLAIN,
    "rank:pairwise": _PLAIN,
    "rank:ndcg": _PLAIN,
    "rank:map": _PLAIN,
    "binary:logitraw": _PLAIN,
    "binary:logistic": _LOGISTIC,
    "reg:logistic": _LOGISTIC,
    "binary:hinge": Objective(_same, _hinge),
    "count:poisson": _LOG_LINK,
    "reg:gamma": _LOG_LINK,
    "reg:tweedie": _LOG_LINK,
    "survival:cox": _LOG_LINK,
    "survival:aft": _LOG_LINK,
    "multi:softprob": Objective(_same, _softmax),
    "multi:softmax": Objective(_same, _most_likely),
}
"""Every objective up to XGBoost 3.2, by the name that a model has it under."""
