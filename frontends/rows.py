"""The graph of a model of rows: an input ``data f32[batch, features]``, perhaps further ones, and one output.

What frontends for models of trees have in common; knows no framework.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from compiler.ir.dtypes import DType
from compiler.ir.graph import Graph, Value
from compiler.ir.literal import Array
from compiler.ir.op import Op
from compiler.ir.ops.movement import Reshape, Slice
from compiler.ir.rewriter import Rewriter
from compiler.ir.types import TensorType
from frontends.errors import InputError

DATA = "data"
DEFAULT_BATCH = 1
"""Rows, where no shape is given."""


class RowsGraph:
    """A graph under construction, which has its input ``data``.

    Args:
        name: what to call the model in messages.
        features: columns of ``data``.
        inputs: shapes by name: of ``data``, ``[batch, features]``, else the batch is 1.
        bind: values by name, which then are constants.
        further: names of inputs that the model may have beside ``data``; ``argument`` makes one of them.

    Raises InputError if there is no such input, or what is given does not fit it.
    """

    def __init__(
        self,
        name: str,
        features: int,
        inputs: Mapping[str, Sequence[int]],
        bind: Mapping[str, ArrayLike],
        further: Sequence[str] = (),
    ) -> None:
        self.name = name
        self.graph = Graph(name)
        self.rewriter = Rewriter(self.graph)
        self._inputs = inputs
        self._bind = bind
        for given in (*inputs, *bind):
            if given not in (DATA, *further):
                known = [f"its input is {DATA!r}", *(f"if asked for, {other!r}" for other in further)]
                raise self.fail(f"has no input {given!r}; {' and, '.join(known)}")
        shape = self.shape_of(DATA)
        if shape is None:
            shape = (DEFAULT_BATCH, features)
        if len(shape) != 2 or shape[1] != features or shape[0] < 1:
            raise self.fail(f"{DATA!r} must have the shape [batch, {features}], not {list(shape)}")
        self.batch = shape[0]
        self.data = self.argument(DATA, shape)

    def fail(self, reason: str) -> InputError:
        """The error for what is asked of the model."""
        return InputError(f"{self.name}: {reason}")

    def shape_of(self, name: str) -> tuple[int, ...] | None:
        """The shape that the user gives an input, or that its fixed value has; None: neither is given."""
        if name in self._bind:
            return np.shape(self._bind[name])
        return tuple(self._inputs[name]) if name in self._inputs else None

    def argument(self, name: str, shape: tuple[int, ...]) -> Value:
        """An input f32, or the constant that it is bound to. Raises InputError."""
        if name not in self._bind:
            return self.rewriter.input(name, TensorType(DType.F32, shape))
        try:
            return self.rewriter.constant(np.array(self._bind[name], np.float32))
        except (ValueError, TypeError):
            raise self.fail(f"{name!r} is bound to what are no numbers") from None

    def emit(self, op: Op, *operands: Value) -> Value:
        """Add an op with one result."""
        return self.rewriter.emit(op, *operands)

    def constant(self, array: Array) -> Value:
        """Add a constant."""
        return self.rewriter.constant(array)

    def scalar(self, value: float, dtype: DType) -> Value:
        """Add a constant of shape []."""
        return self.rewriter.constant(np.array(value, dtype.numpy))

    def finish(self, output: str, result: Value, column: int | None, *, is_table: bool = False) -> Graph:
        """The graph with its output: ``result [batch, columns]`` or the wanted column of it, which is ``[batch]``, like
        the only one there is unless the result is a table."""
        columns = result.type.shape[1]
        if column is not None:
            if not 0 <= column < columns:
                raise self.fail(f"there is no column {column} of {columns}")
            result = self.emit(Slice((0, column), (self.batch, 1), (1, 1)), result)
        if result.type.shape[1] == 1 and (column is not None or not is_table):
            result = self.emit(Reshape((self.batch,)), result)
        self.rewriter.output(output, result)
        return self.graph
