"""One plan for any number of rows, of a plan for a tile of them and a plan for a single one.

Owns that both use the same weights. Knows nothing of how many rows a tile should have.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from compiler.codegen.plan.plan import Batch, Call, Plan, Storage, Weight, align


def batched_plan(tile: Plan, row: Plan, rows: int, tile_seconds: float, row_seconds: float) -> Plan:
    """The plan of a model with a dynamic batch; ``tile`` is for ``rows`` rows. Calls say which they are of."""
    tile, row = share_weights(tile, row)
    batch = Batch(rows, replace(row, calls=_named(row, 1)), tile_seconds, row_seconds)
    return replace(tile, calls=_named(tile, rows), batch=batch)


def share_weights(first: Plan, second: Plan) -> tuple[Plan, Plan]:
    """The plans with the constants of both, each once, where ``first`` has its own."""
    offsets = {_content(weight): weight.offset for weight in first.weights}
    weights, end = list(first.weights), first.weights_bytes
    moved: dict[int, int] = {}
    for weight in second.weights:
        key = _content(weight)
        if key not in offsets:
            offsets[key] = align(end)
            weights.append(replace(weight, offset=offsets[key]))
            end = offsets[key] + weight.type.bytes
        moved[weight.offset] = offsets[key]
    shared = {"weights": tuple(weights), "weights_bytes": end}
    return replace(first, **shared), _with_constants_at(replace(second, **shared), moved)


def _content(weight: Weight) -> tuple[object, ...]:
    return (weight.literal.digest, weight.type)


def _with_constants_at(plan: Plan, moved: Mapping[int, int]) -> Plan:
    buffers = tuple(
        replace(buffer, offset=moved[buffer.offset]) if buffer.storage is Storage.WEIGHTS else buffer
        for buffer in plan.buffers
    )
    return replace(plan, buffers=buffers)


def _named(plan: Plan, rows: int) -> tuple[Call, ...]:
    count = "1 row" if rows == 1 else f"{rows} rows"
    return tuple(replace(call, name=f"{call.name} [{count}]") for call in plan.calls)
