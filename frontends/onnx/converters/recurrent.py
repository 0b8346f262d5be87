"""LSTM, GRU and RNN, unrolled over the sequence, whose length is known at import.

One matrix product projects the inputs of all steps; each step adds the recurrent product and runs its gates.
The steps are identical, so that they compile to one set of kernels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from compiler.ir import Value
from compiler.ir.ops.contraction import MatMul
from frontends.onnx.context import Converter, NodeContext, Unsupported
from frontends.onnx.converters.activation import hard_sigmoid, softplus, softsign
from frontends.onnx.converters.term import Term, concat

MAX_STEPS = 1024
"""Longer sequences are refused: the unrolled graph would take too long to compile."""

State = tuple[Term, ...]
Activation = Callable[[Term], Term]


@dataclass(frozen=True)
class Weights:
    """Parameters of one direction: w [g * h, in], r [g * h, h], biases [g * h], peepholes [3 * h] or None."""

    w: Term
    r: Term
    w_bias: Term | None
    r_bias: Term | None
    peepholes: Term | None
    hidden: int

    def gate(self, term: Term, index: int, count: int = 1) -> Term:
        """Columns of ``count`` gates from number ``index`` on of a [batch, gates * h] matrix or a vector."""
        return term.slice(-1, index * self.hidden, count * self.hidden)


@dataclass(frozen=True)
class Cell:
    """``step(projected input [batch, gates * h], state) -> state``; ``bias`` belongs to the projection."""

    step: Callable[[Term, State], State]
    bias: Term | None


def _recurrent(ctx: NodeContext) -> list[Value | None]:
    kind = _KINDS[ctx.op_type]
    x = Term.input(ctx, 0, rank=3)
    batch_first = ctx.int("layout", 0) == 1
    x = x.transpose(1, 0, 2) if batch_first else x
    if x.shape[0] > MAX_STEPS:
        raise Unsupported(
            f"a sequence of {x.shape[0]} steps would be unrolled; at most {MAX_STEPS} are",
            "run shorter sequences and carry the state in initial_h",
        )
    reverses = _directions(ctx)
    runs = [_run_direction(ctx, kind, x, index, reverse) for index, reverse in enumerate(reverses)]
    y = concat([outputs for outputs, _ in runs], 1)
    finals = [concat([state[i].reshape(1, *state[i].shape) for _, state in runs], 0) for i in range(kind.states)]
    if batch_first:
        y = y.transpose(2, 0, 1, 3)
        finals = [final.transpose(1, 0, 2) for final in finals]
    return [y.value, *(final.value for final in finals)]


def _directions(ctx: NodeContext) -> list[bool]:
    """Per direction whether it runs backwards."""
    direction = ctx.string("direction", "forward")
    known = {"forward": [False], "reverse": [True], "bidirectional": [False, True]}
    if direction not in known:
        raise Unsupported(f"unknown direction {direction!r}")
    return known[direction]


def _run_direction(ctx: NodeContext, kind: Kind, x: Term, index: int, reverse: bool) -> tuple[Term, State]:
    """Outputs [steps, 1, batch, h] and the final state of one direction."""
    steps, batch, features = x.shape
    weights = _weights(ctx, index)
    cell = kind.cell(ctx, weights, _activations(ctx, kind, index))
    projected = x.reshape(steps * batch, features).apply(MatMul(transpose_b=True), weights.w)
    if cell.bias is not None:
        projected = projected + cell.bias
    projected = projected.reshape(steps, batch, -1)
    state = tuple(_initial_state(ctx, kind, i, index, batch, weights) for i in range(kind.states))
    active = _active_steps(ctx, steps, batch)
    outputs: dict[int, Term] = {}
    for step in reversed(range(steps)) if reverse else range(steps):
        following = cell.step(projected.slice(0, step, 1).reshape(batch, -1), state)
        output = following[0]
        if active is not None:
            running = active.slice(0, step, 1).reshape(batch, 1)
            following = tuple(running.select(new, old) for new, old in zip(following, state, strict=True))
            output = running.select(output, 0)
        state = following
        outputs[step] = output.reshape(1, 1, batch, weights.hidden)
    if not outputs:
        raise Unsupported("the sequence is empty")
    return concat([outputs[step] for step in range(steps)], 0), state


def _weights(ctx: NodeContext, index: int) -> Weights:
    def part(number: int) -> Term | None:
        if not ctx.has(number):
            return None
        whole = Term.input(ctx, number, min_rank=2)
        return whole.slice(0, index, 1).reshape(*whole.shape[1:])

    w, r, bias = part(1), part(2), part(3)
    assert w is not None and r is not None
    half = 0 if bias is None else bias.shape[0] // 2
    return Weights(
        w,
        r,
        None if bias is None else bias.slice(0, 0, half),
        None if bias is None else bias.slice(0, half, half),
        part(7),
        r.shape[-1],
    )


def _initial_state(ctx: NodeContext, kind: Kind, i: int, index: int, batch: int, weights: Weights) -> Term:
    if not ctx.has(5 + i):
        return Term(ctx, ctx.zeros(weights.w.value.type.with_shape((batch, weights.hidden))))
    initial = Term.input(ctx, 5 + i, rank=3)
    initial = initial.transpose(1, 0, 2) if ctx.int("layout", 0) == 1 else initial
    return initial.slice(0, index, 1).reshape(batch, weights.hidden)


def _active_steps(ctx: NodeContext, steps: int, batch: int) -> Term | None:
    """bool[steps, batch]: whether the step is within each row's sequence length; None if all are."""
    if not ctx.has(4):
        return None
    known = ctx.constant(4)
    if known is not None and (known >= steps).all():
        return None
    lengths = Term.input(ctx, 4).reshape(1, batch)
    positions = np.arange(steps).reshape(steps, 1).astype(lengths.dtype.numpy)
    return Term.const(ctx, positions) < lengths


# -- cells --------------------------------------------------------------------------------------------


def _recur(h: Term, r: Term) -> Term:
    return h.apply(MatMul(transpose_b=True), r)


def _plus(a: Term | None, b: Term | None) -> Term | None:
    return b if a is None else a if b is None else a + b


def _rnn_cell(ctx: NodeContext, weights: Weights, activations: Sequence[Activation]) -> Cell:
    (f,) = activations

    def step(x: Term, state: State) -> State:
        return (f(x + _recur(state[0], weights.r)),)

    return Cell(step, _plus(weights.w_bias, weights.r_bias))


def _lstm_cell(ctx: NodeContext, weights: Weights, activations: Sequence[Activation]) -> Cell:
    """Gates in the order input, output, forget, cell; peepholes in the order input, output, forget."""
    f, g, h = activations
    coupled = bool(ctx.int("input_forget", 0))

    def peep(gate: Term, cell: Term, index: int) -> Term:
        return gate if weights.peepholes is None else gate + weights.gate(weights.peepholes, index) * cell

    def step(x: Term, state: State) -> State:
        hidden, cell = state
        gates = x + _recur(hidden, weights.r)
        take = f(peep(weights.gate(gates, 0), cell, 0))
        keep = 1 - take if coupled else f(peep(weights.gate(gates, 2), cell, 2))
        after = keep * cell + take * g(weights.gate(gates, 3))
        give = f(peep(weights.gate(gates, 1), after, 1))
        return give * h(after), after

    return Cell(step, _plus(weights.w_bias, weights.r_bias))


def _gru_cell(ctx: NodeContext, weights: Weights, activations: Sequence[Activation]) -> Cell:
    """Gates in the order update, reset, hidden."""
    f, g = activations
    reset_after = bool(ctx.int("linear_before_reset", 0))
    r_gates = weights.r.slice(0, 0, 2 * weights.hidden)
    r_hidden = weights.r.slice(0, 2 * weights.hidden, weights.hidden)
    bias = weights.w_bias
    if weights.r_bias is not None:
        # Where the reset gate multiplies the recurrent product, its bias must stay apart from the input's.
        own = weights.gate(weights.r_bias, 2)
        common = Term(ctx, ctx.zeros(own.value.type)) if reset_after else own
        bias = _plus(bias, concat([weights.gate(weights.r_bias, 0, 2), common], 0))

    def candidate(x: Term, hidden: Term, reset: Term) -> Term:
        own = weights.gate(x, 2)
        if not reset_after:
            return g(own + _recur(reset * hidden, r_hidden))
        product = _recur(hidden, r_hidden)
        if weights.r_bias is not None:
            product = product + weights.gate(weights.r_bias, 2)
        return g(own + reset * product)

    def step(x: Term, state: State) -> State:
        (hidden,) = state
        gates = weights.gate(x, 0, 2) + _recur(hidden, r_gates)
        update, reset = f(weights.gate(gates, 0)), f(weights.gate(gates, 1))
        new = candidate(x, hidden, reset)
        return (new + update * (hidden - new),)

    return Cell(step, bias)


@dataclass(frozen=True)
class Kind:
    """A recurrent operator: its cell, its number of states, and its default activations."""

    cell: Callable[[NodeContext, Weights, Sequence[Activation]], Cell]
    states: int
    defaults: tuple[str, ...]


_KINDS = {
    "RNN": Kind(_rnn_cell, 1, ("Tanh",)),
    "GRU": Kind(_gru_cell, 1, ("Sigmoid", "Tanh")),
    "LSTM": Kind(_lstm_cell, 2, ("Sigmoid", "Tanh", "Tanh")),
}


# -- activations ----------------------------------------------------------------------------------------

_PARAMETERS: dict[str, tuple[float, ...]] = {
    "affine": (1.0, 0.0),
    "elu": (1.0,),
    "hardsigmoid": (0.2, 0.5),
    "leakyrelu": (0.01,),
    "scaledtanh": (1.0, 1.0),
    "thresholdedrelu": (1.0,),
}
"""Default alpha and, where there is one, beta of the activations that have parameters."""


def _activations(ctx: NodeContext, kind: Kind, index: int) -> list[Activation]:
    """The activations of one direction. Those that have parameters use up the lists alpha and beta."""
    count = len(kind.defaults)
    names = list(ctx.strings("activations", ())) or list(kind.defaults) * (index + 1)
    if len(names) < count * (index + 1):
        raise Unsupported(f"needs {count} activations per direction, has {len(names)}")
    alphas, betas = iter(ctx.floats("activation_alpha", ())), iter(ctx.floats("activation_beta", ()))
    clip = ctx.float("clip", 0.0)
    chosen: list[Activation] = []
    for position, name in enumerate(name.lower() for name in names[: count * (index + 1)]):
        defaults = _PARAMETERS.get(name, ())
        given = [next(source, default) for source, default in zip((alphas, betas), defaults, strict=False)]
        # As in ONNX Runtime the gates are clipped, the cell state that the third activation sees is not.
        limit = clip if position % count < 2 else 0.0
        chosen.append(_clipped(_activation(name, given), limit))
    return chosen[count * index :]


def _clipped(activation: Activation, limit: float) -> Activation:
    return (lambda x: activation(x.clip(-limit, limit))) if limit > 0 else activation


def _activation(name: str, parameters: Sequence[float]) -> Activation:
    alpha, beta = (*parameters, 0.0, 0.0)[:2]
    known: dict[str, Activation] = {
        "affine": lambda x: x * alpha + beta,
        "elu": lambda x: (x < 0).select((x.exp() - 1) * alpha, x),
        "hardsigmoid": lambda x: hard_sigmoid(x, alpha, beta),
        "leakyrelu": lambda x: (x < 0).select(x * alpha, x),
        "relu": lambda x: x.maximum(0),
        "scaledtanh": lambda x: (x * beta).tanh() * alpha,
        "sigmoid": Term.sigmoid,
        "softplus": softplus,
        "softsign": softsign,
        "tanh": Term.tanh,
        "thresholdedrelu": lambda x: (x >= alpha).select(x, 0),
    }
    if name not in known:
        raise Unsupported(f"unknown activation {name!r}")
    return known[name]


CONVERTERS: dict[str, Converter] = {
    "GRU": _recurrent,
    "LSTM": _recurrent,
    "RNN": _recurrent,
}
