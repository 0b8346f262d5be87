"""Blocks: sets of values that share memory, while the planner decides which do.

Owns merging (one block becomes a part of another) and what is known of a block's lifetime. Knows nothing of
kernels.
"""

from __future__ import annotations

from dataclasses import dataclass

from compiler.codegen.plan.plan import Storage
from compiler.ir import Value


@dataclass(eq=False)
class Block:
    """``bytes`` of memory, needed from step ``first`` to step ``last``. Part of ``parent``, at ``shift``, if
    it has one.

    ``number`` is that of the input or output.
    """

    storage: Storage
    bytes: int
    first: int
    last: int
    number: int = 0
    parent: Block | None = None
    shift: int = 0


@dataclass(frozen=True)
class Place:
    """``bytes`` bytes, ``offset`` bytes into a block."""

    block: Block
    offset: int
    bytes: int

    def resolve(self) -> Place:
        """The same bytes in the block that has no parent."""
        block, offset = self.block, self.offset
        while block.parent is not None:
            offset += block.shift
            block = block.parent
        return Place(block, offset, self.bytes)

    @property
    def is_whole(self) -> bool:
        """Whether these are all bytes of the block."""
        return self.offset == 0 and self.bytes == self.block.bytes


def embed(inner: Block, outer: Place) -> None:
    """Make ``inner``, which has no parent and exactly ``outer.bytes``, the memory at ``outer``."""
    host = outer.block
    assert inner.parent is None and host.parent is None and inner is not host and inner.bytes == outer.bytes
    inner.parent, inner.shift = host, outer.offset
    host.first = min(host.first, inner.first)
    host.last = max(host.last, inner.last)


@dataclass(frozen=True)
class CopyRequest:
    """At ``step``, copy ``source``: each of its ``rows`` equal parts to ``target``, one every ``stride``
    bytes."""

    step: int
    name: str
    source: Value
    target: Place
    rows: int
    stride: int
