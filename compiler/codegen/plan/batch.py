"""One plan for any number of rows, of plans for tiles of several sizes down to a single row.

Owns that all use the same weights. Knows nothing of how many rows a tile should have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from compiler.codegen.plan.plan import Batch, Call, Plan, RowTile, Storage, Weight, align
from compiler.ir import ROW_MAJOR

MOST_TILES = 4
"""KILN_MOST_PROGRAMS of kiln_plan.h."""


def batched_plan(tiles: Sequence[RowTile], *, same_results: bool) -> Plan:
    """The plan of a model with a dynamic batch; ``tiles`` have fewer and fewer rows, at last one. Calls say which they
    are of."""
    assert 1 < len(tiles) <= MOST_TILES and tiles[-1].rows == 1, [tile.rows for tile in tiles]
    plans = share_weights([tile.plan for tile in tiles])
    named = [
        replace(tile, plan=replace(plan, calls=_named(plan, tile.rows)))
        for tile, plan in zip(tiles, plans, strict=True)
    ]
    largest, *smaller = named
    batch = Batch(largest.rows, largest.seconds, tuple(smaller), same_results)
    return replace(largest.plan, batch=batch)


def share_weights(plans: Sequence[Plan]) -> list[Plan]:
    """The plans with the constants of all of them, each once, where the first plan that has it has its own."""
    first, *others = plans
    offsets = {_content(weight): weight.offset for weight in first.weights}
    weights, end = list(first.weights), first.weights_bytes
    moves: list[dict[int, int]] = [{weight.offset: weight.offset for weight in first.weights}]
    for plan in others:
        moved: dict[int, int] = {}
        for weight in plan.weights:
            key = _content(weight)
            if key not in offsets:
                offsets[key] = align(end)
                weights.append(replace(weight, offset=offsets[key]))
                end = offsets[key] + weight.type.bytes
            moved[weight.offset] = offsets[key]
        moves.append(moved)
    return [
        _with_constants_at(replace(plan, weights=tuple(weights), weights_bytes=end), moved)
        for plan, moved in zip(plans, moves, strict=True)
    ]


def _content(weight: Weight) -> tuple[object, ...]:
    """What two constants have in common that are the same bytes: in order of rows, whatever their shapes are."""
    if weight.layout == ROW_MAJOR:
        return (weight.literal.bytes_digest,)
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
