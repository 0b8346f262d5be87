"""The Plan, level 2 of the compiler: buffers with fixed addresses and the ordered list of kernel calls.

Pure data, made by ``planner`` and read by the generator of model.c, the plan interpreter and the report.
Knows nothing of how kernels compute.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from compiler.ir import Layout, Literal, Task, TensorType

ALIGNMENT = 64
"""Buffers in the arena and constants in the weights start at multiples of this many bytes: a cache line."""


class Space(enum.Enum):
    """The memory space of a buffer: whose loads and stores reach it."""

    HOST = "host"


class Launch(enum.Enum):
    """How a call is started."""

    CPU = "cpu"


class Storage(enum.Enum):
    """What a buffer's address is relative to."""

    INPUT = "input"
    """The caller's input number ``Buffer.offset``."""
    OUTPUT = "output"
    """The caller's output number ``Buffer.offset``."""
    WEIGHTS = "weights"
    """The payload of the weights file, which is read only."""
    ARENA = "arena"
    """Working memory of one run."""


@dataclass(frozen=True)
class Buffer:
    """Memory that one or more values occupy, one after another or as parts.

    ``offset`` is in bytes from the start of the weights or the arena; for inputs and outputs it is their
    number. ``first`` and ``last`` are the steps (see ``Call.step``) between which the content matters, both
    included.
    """

    storage: Storage
    offset: int
    bytes: int
    first: int
    last: int
    space: Space = Space.HOST


@dataclass(frozen=True)
class Address:
    """A value of ``type``, ``offset`` bytes into ``Plan.buffers[buffer]``; contiguous, aligned to its
    element only."""

    buffer: int
    offset: int
    type: TensorType


@dataclass(frozen=True)
class KernelCall:
    """One call of a compiled kernel; ``flops`` and ``bytes`` moved are those of the whole call, ``seconds`` an estimate
    of what one core takes for it, or 0 where there is none."""

    step: int
    name: str
    task: Task
    symbol: str
    operands: tuple[Address, ...]
    results: tuple[Address, ...]
    extent: int
    scratch_bytes: int
    flops: float
    bytes: float
    template: str = ""
    config: str = ""
    launch: Launch = Launch.CPU
    seconds: float = 0.0


@dataclass(frozen=True)
class CopyCall:
    """``rows`` runs of ``row_bytes`` each, whose starts lie a stride (in bytes) apart on either side."""

    step: int
    name: str
    source: Address
    destination: Address
    rows: int
    row_bytes: int
    source_stride: int
    destination_stride: int
    launch: Launch = Launch.CPU

    @property
    def symbol(self) -> str:
        """A copy needs no kernel."""
        return ""

    @property
    def extent(self) -> int:
        """Iterations of the outermost loop."""
        return self.rows

    @property
    def flops(self) -> float:
        """A copy computes nothing."""
        return 0.0

    @property
    def bytes(self) -> float:
        """Bytes read and written."""
        return 2.0 * self.rows * self.row_bytes

    @property
    def seconds(self) -> float:
        """Nothing is estimated of copies."""
        return 0.0


Call = KernelCall | CopyCall


@dataclass(frozen=True)
class Weight:
    """A constant in the weights, stored with ``layout`` at ``offset``."""

    literal: Literal
    layout: Layout
    offset: int

    @property
    def type(self) -> TensorType:
        """The type in storage."""
        return TensorType(self.literal.dtype, self.literal.type.shape, self.layout)


@dataclass(frozen=True)
class RowTile:
    """A plan for a tile of ``rows`` rows, whose calls have estimates."""

    rows: int
    plan: Plan

    @property
    def seconds(self) -> float:
        """What one core takes for it."""
        return sum(call.seconds for call in self.plan.calls)


@dataclass(frozen=True)
class Batch:
    """What makes a plan one of any number of rows: it is for a tile of ``rows`` rows that takes one core ``seconds``,
    and there are plans for ``smaller`` tiles, the last for a single row.

    The runtime splits rows into tiles by the estimates. Where plans have the ``same_results`` for a row, bit by bit, it
    may do so by the number of threads.
    """

    rows: int
    seconds: float
    smaller: tuple[RowTile, ...]
    same_results: bool

    @property
    def row(self) -> Plan:
        """The plan for a single row."""
        return self.smaller[-1].plan


@dataclass(frozen=True)
class Plan:
    """Everything that happens in one run.

    ``arena_bytes`` is what the plan needs; ``live_bytes`` is the most that is alive at one step, which no
    placement of these buffers can beat; ``tensor_bytes`` is what all intermediate values would take without
    any sharing.

    With a ``batch``, this is what happens to a tile of rows. The plans for smaller ones have the same ``weights``.
    """

    name: str
    inputs: tuple[tuple[str, TensorType], ...]
    outputs: tuple[tuple[str, TensorType], ...]
    buffers: tuple[Buffer, ...]
    calls: tuple[Call, ...]
    weights: tuple[Weight, ...]
    arena_bytes: int
    live_bytes: int
    tensor_bytes: int
    weights_bytes: int
    batch: Batch | None = None

    @property
    def scratch_bytes(self) -> int:
        """Scratch memory per worker."""
        return max((call.scratch_bytes for call in self.calls if isinstance(call, KernelCall)), default=0)

    @property
    def programs(self) -> tuple[Plan, ...]:
        """The plan itself, and with a batch those for smaller tiles."""
        return (self,) if self.batch is None else (self, *(tile.plan for tile in self.batch.smaller))


def align(offset: int) -> int:
    """The next multiple of ``ALIGNMENT``."""
    return -(-offset // ALIGNMENT) * ALIGNMENT
