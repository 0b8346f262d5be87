"""Building a forest with TL2cgen, in a process of its own.

python -m bench.peers.tl2cgen_build MODEL ROWS.npz LIBRARY
"""

# The package is optional: where it is not installed, the checker knows nothing of it.
# pyright: reportMissingImports=false

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import tl2cgen

from bench.peers import DATA, ForestFile
from bench.peers.treelite import read

TREES_PER_FILE = 10
"""Trees in a file of C: gcc's time grows faster than a file's size."""


def main(arguments: list[str]) -> None:
    """Write the library."""
    path, sample, library = map(Path, arguments)
    with np.load(sample) as archive:
        rows = archive[DATA]
    model = read(ForestFile(path, rows.shape[1], sample))
    annotation = library.with_suffix(".annotation.json")
    tl2cgen.annotate_branch(model, tl2cgen.DMatrix(rows, dtype="float32"), annotation)
    files = max(1, model.num_tree // TREES_PER_FILE)
    parameters = {"annotate_in": str(annotation), "quantize": 1, "parallel_comp": files}
    options = ["-march=native"]
    processors = len(os.sched_getaffinity(0))
    tl2cgen.export_lib(model, "gcc", library, parameters, nthread=processors, options=options)


if __name__ == "__main__":
    main(sys.argv[1:])
