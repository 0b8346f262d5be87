"""The constants of a plan as the pieces of weights.bin, packed one at a time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from compiler.codegen.plan import Plan, pack


def weight_pieces(plan: Plan) -> Iterator[bytes | memoryview]:
    """The payload in order, with the gaps between constants as zeros."""
    end = 0
    for weight in plan.weights:
        stored = np.ascontiguousarray(pack(weight.literal.array, weight.layout))
        yield bytes(weight.offset - end)
        if stored.nbytes:
            yield stored.reshape(-1).view(np.uint8).data
        end = weight.offset + stored.nbytes
    yield bytes(plan.weights_bytes - end)
