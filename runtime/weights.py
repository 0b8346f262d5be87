"""weights.bin: a 64-byte header, then the constants.

Owns the layout that `kiln_weights_header` in kiln_plan.h mirrors. The C runtime maps the file and compares
the header with the plan, so that a truncated file or the weights of another build are found without reading
the payload; the digest of the whole file stands in the manifest.
"""

import hashlib
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

MAGIC = b"KILNWTS1"
ALIGNMENT = 64
_HEADER = struct.Struct("<8sQ32s16x")


@dataclass(frozen=True)
class WeightsInfo:
    """What the plan repeats of the header, as `weights_bytes` and `weights_sha256`."""

    payload_bytes: int
    sha256: bytes


def write_weights(path: Path, payload: Iterable[bytes | memoryview]) -> WeightsInfo:
    """Write weights.bin from the payload's pieces, in order.

    The payload is 64-byte aligned when mapped; the pieces follow each other without gaps, so padding between
    constants is the caller's.
    """
    digest, size = hashlib.sha256(), 0
    with path.open("wb") as file:
        file.write(bytes(_HEADER.size))
        for piece in payload:
            file.write(piece)
            digest.update(piece)
            size += memoryview(piece).nbytes
        file.seek(0)
        file.write(_HEADER.pack(MAGIC, size, digest.digest()))
    return WeightsInfo(size, digest.digest())
