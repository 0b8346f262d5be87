"""How many steps rows walk before it is worth asking whether they are all there."""

from __future__ import annotations

import numpy as np

from compiler.ir.forest import Forest
from compiler.ir.forest.profile import leaf_depths, leaf_shares

LATE = 1.4
"""What a step costs that is taken only where a walk needs it, in steps that all take."""


def walk_steps(forest: Forest, above: int, together: int) -> tuple[int, int]:
    """Steps below the first ``above`` levels that walks take in any case, so that few are left to take; and the most.

    ``together``: walks whose steps end together, rows through a tree or trees for a row. As long as one of them has not
    reached its leaf, all take another step.
    """
    depths = leaf_depths(forest)
    shares = leaf_shares(forest, depths) / max(1, forest.trees)
    below = np.maximum(depths - above, 0)
    most = int(below.max(initial=0))
    longer = 1 - np.cumsum(np.bincount(below, shares, most + 1))
    # Of as many walks, at least one needs the step.
    needed = 1 - (1 - np.clip(longer, 0, 1)) ** together
    costs = [usual + LATE * float(needed[usual:].sum() + (usual < most)) for usual in range(most + 1)]
    return int(np.argmin(costs)), most
