"""golden.npz: inputs with the outputs that the source framework gives for them, replayed by ``--selftest``.

The format is that of ``runtime.selftest``; the bytes depend on the arrays alone.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from compiler.ir.literal import Array

_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The oldest time that a zip file can state."""


def write_golden(path: Path, inputs: Mapping[str, Array], outputs: Mapping[str, Array]) -> None:
    """Write ``in:<name>`` and ``out:<name>`` arrays, uncompressed."""
    members = {f"in:{name}": array for name, array in inputs.items()}
    members |= {f"out:{name}": array for name, array in outputs.items()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, array in members.items():
            info = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
            with archive.open(info, "w", force_zip64=True) as stream:
                np.lib.format.write_array(stream, np.asarray(array, order="C"), allow_pickle=False)
