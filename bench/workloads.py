"""``python -m bench.workloads``: writes the standard networks that the tuner ships, from the models of the suites."""

from __future__ import annotations

import argparse
from pathlib import Path

import compiler
from bench.models.catalog import make_model
from bench.models.zoo import DEFAULT_ZOO
from bench.suites import SUITES
from compiler.passes import PassManager
from compiler.tuner.networks import FIRST_PASS, save_network

NAMES = tuple(dict.fromkeys(name for suite in SUITES if suite.name in ("cnn", "transformer") for name in suite.models))


def main() -> None:
    """Write one file per model."""
    p = argparse.ArgumentParser(prog="python -m bench.workloads", description=__doc__)
    p.add_argument("--zoo", type=Path, default=DEFAULT_ZOO, help="the folder of real models")
    options = p.parse_args()
    passes = PassManager.parse("standard").passes
    before = PassManager(passes[: [step.name for step in passes].index(FIRST_PASS)])
    for name in NAMES:
        path = save_network(before.run(compiler.load(make_model(name, options.zoo))), name)
        print(f"{path.name}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
