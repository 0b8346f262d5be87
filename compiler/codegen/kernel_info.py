"""What the plan must know of a compiled kernel. Plain data that needs no TVM to read."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class KernelInfo:
    """``void symbol(void *operand0, …, void *result0, …, [void *scratch,] int32_t begin, int32_t end)``.

    ``extent``: iterations of the outermost loop, which may be split over threads in any way.
    ``scratch_bytes``: private memory per worker; 0 means that there is no scratch parameter.
    ``flops`` and ``bytes``: arithmetic and compulsory memory traffic of the whole call.
    ``in_place``: operands whose memory the only result may overwrite.
    """

    symbol: str
    extent: int
    scratch_bytes: int
    flops: float
    bytes: float
    in_place: tuple[int, ...]
    template: str
    config: str

    def to_json(self) -> str:
        """Canonical JSON text."""
        return json.dumps(asdict(self), sort_keys=True)

    @staticmethod
    def from_json(text: str) -> KernelInfo:
        """The inverse of ``to_json``."""
        fields = json.loads(text)
        return KernelInfo(**{**fields, "in_place": tuple(fields["in_place"])})
