"""The time per row below which no evaluation of a forest gets, derived from its statistics and those of a core."""

from __future__ import annotations

from dataclasses import dataclass

from compiler.ir.forest import Profile

FLOAT_BYTES = 4
IN_CACHES = 64 << 20
"""Batches of fewer bytes may come from a cache."""


@dataclass(frozen=True)
class Core:
    """What bounds a forest on one core of a machine."""

    hertz: float
    loads_per_cycle: int
    """Whatever their width."""
    vector_bytes: int
    """Rows that one compare of bytes takes."""
    memory_bytes_per_second: float


def cycles_per_row(profile: Profile, core: Core, rows: int) -> float:
    """The cycles of one core that a row of a batch of `rows` takes at least, caches aside.

    A tree adds one leaf to the row's sums. That is a load for each vector of its values: `1 / loads_per_cycle`; or the
    leaves of a tree stay in registers, where permutations of two vectors look the values up byte by byte for
    `vector_bytes` rows at a time. To find the leaf there are three ways, of which a forest may take the cheapest.

    - *Walk*: a row passes `expected_path` splits, as many as the covers of the training say. At each the address of
      the feature's value depends on the split, so that the value is a load of its own; lanes of a gather are loads
      too. The split, at best packed in one word, is another. For the first levels of a tree, registers can hold the
      splits for many rows; in a batch only the value's load is counted. Where a batch has fewer rows than
      a vector lanes of floats, a tree has ended before holding its splits has paid: two loads.
    - *Compare all*: every split of the tree is compared with bytes (ranks of the features) of `vector_bytes` rows at
      a time, one compare per cycle: `splits / trees / min(rows, vector_bytes)`.
    - *Bit slices*: a test that occurs in many trees is made once, and is a bit per row, so that one operation is for as
      many rows as a vector has bits. Each distinct test takes one, and so does the choice at each split.

    All leave out the making of ranks, the choice of the leaf from the compares, loop overhead, mispredicted branches
    and cache misses, so a figure well below 100% of the bound is no defect by itself.
    """
    if profile.trees == 0:
        return 0.0
    lanes = core.vector_bytes // FLOAT_BYTES
    loads_of_level = 1 if rows >= lanes else 2
    walk = profile.expected_path * loads_of_level / core.loads_per_cycle
    compare_all = profile.splits / profile.trees / min(rows, core.vector_bytes)
    slices = (profile.thresholds / profile.trees + profile.splits / profile.trees) / min(rows, 8 * core.vector_bytes)
    loaded = -(-profile.width // lanes) / core.loads_per_cycle
    permutations = FLOAT_BYTES * profile.width * -(-profile.most_leaves // (2 * core.vector_bytes))
    leaf = min(loaded, permutations / min(rows, core.vector_bytes))
    return profile.trees * (min(walk, compare_all, slices) + leaf)


def seconds_per_row(profile: Profile, core: Core, rows: int, threads: int) -> float:
    """The larger of the cores' time and of the memory's.

    Cores share the rows of a batch, or the trees of a row, evenly at best. The features that are used are read from
    memory once and the results written once, where the batch is too large for caches. The model is read once per
    batch, which is nothing per row of a large one.
    """
    compute = cycles_per_row(profile, core, rows) / core.hertz / threads
    moved = FLOAT_BYTES * (profile.features_used + profile.outputs)
    streamed = moved / core.memory_bytes_per_second if rows * moved > IN_CACHES else 0.0
    return max(compute, streamed)
