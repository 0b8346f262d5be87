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
from compiler.ir.libm import expm1f, logf
from compiler.ir.literal import Array
from compiler.ir.ops.binary import Add, Div, Less, Maximum, Minimum, Sub
from compiler.ir.ops.movement import Concat, Slice
from compiler.ir.ops.reduction import ArgMax, ReduceMax, ReduceSum
from compiler.ir.ops.sorting import TopK
from compiler.ir.ops.unary import Abs, Cast, LibraryExp, LibraryLog1p, Neg
from compiler.ir.rewriter import Rewriter
from frontends.errors import UnsupportedModel

_LEAST_PROBABILITY = np.float32(1e-6)
_LARGEST_EXPONENT = np.float32(88.7)

_LEAST_GAP = np.float32(1e-6)
"""Between expectiles."""

_MOST_EXPECTILES = 256
"""Each takes a few nodes of the graph."""

_SORTS_QUANTILES = (3, 4)
"""The first release whose predictions of several quantiles do not cross."""


@dataclass(frozen=True)
class Objective:
    """``margin(base_scores f32[n]) -> f32[n]``; ``prediction(rewriter, margins f32[batch, outputs])``."""

    margin: Callable[[Array], Array]
    prediction: Callable[[Rewriter, Value], Value]

    @property
    def has_link(self) -> bool:
        """Whether base scores are no margins."""
        return self.margin is not _same


def _same(scores: Array) -> Array:
    return scores


def _logit(scores: Array) -> Array:
    one = np.float32(1)
    clamped = np.clip(scores, _LEAST_PROBABILITY, one - _LEAST_PROBABILITY)
    return -logf(one / clamped - one)


def _gaps(scores: Array) -> Array:
    """Expectiles as the first of them and what ``_growing`` makes the distances to the others of."""
    distances = np.maximum(scores[1:] - scores[:-1] - _LEAST_GAP, _LEAST_GAP)
    return np.concatenate([scores[:1], distances + logf(-expm1f(-distances))])


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


def _ascending(rewriter: Rewriter, x: Value) -> Value:
    """The numbers of each row in order."""
    values, _ = rewriter.node(TopK(1, x.type.shape[1], largest=False), [x]).results
    return values


def _growing(rewriter: Rewriter, x: Value) -> Value:
    """The first number of each row, to which ``1e-6 + ln(1 + e**m)`` of each further margin m is added in turn."""
    count = x.type.shape[1]
    if count > _MOST_EXPECTILES:
        raise UnsupportedModel(f"a model of {count} expectiles is not supported, at most {_MOST_EXPECTILES} are")
    power = _exponential(rewriter, rewriter.emit(Neg(), rewriter.emit(Abs(), x)))
    positive = rewriter.emit(Maximum(), x, rewriter.constant(np.array(0, np.float32)))
    softplus = rewriter.emit(Add(), positive, rewriter.emit(LibraryLog1p(), power))
    gap = rewriter.emit(Add(), softplus, rewriter.constant(np.array(_LEAST_GAP)))
    columns = [_column(rewriter, x, 0)]
    for number in range(1, count):
        columns.append(rewriter.emit(Add(), columns[-1], _column(rewriter, gap, number)))
    return rewriter.emit(Concat(1), *columns)


def _column(rewriter: Rewriter, x: Value, number: int) -> Value:
    return rewriter.emit(Slice((0, number), (x.type.shape[0], 1), (1, 1)), x)


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
    "reg:expectileerror": Objective(_gaps, _growing),
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
"""Every objective of XGBoost 1.0 to 3.4, by the name that a model has it under."""


def objective_of(name: str, release: tuple[int, ...]) -> Objective | None:
    """What a release (major, minor; empty before 1.0) makes of an objective; None: not known."""
    if name == "reg:quantileerror" and release >= _SORTS_QUANTILES:
        return Objective(_same, _ascending)
    return OBJECTIVES.get(name)
