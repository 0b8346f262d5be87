"""`python -m bench.workloads`: write the standard networks that the tuner ships, from the models of the suites.

They are written as they are before the first pass that asks for costs, and without weights
(`compiler.model_tuner.networks`).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import compiler
from bench.arguments import command_parser
from bench.models.catalog import make_model
from bench.models.zoo import DEFAULT_ZOO, ZOO_MODELS, MissingZoo, path_of
from bench.suites import SUITES
from compiler.model_tuner.networks import FIRST_PASS, save_network
from compiler.passes import PassManager

EXAMPLE = """\
example: python -m bench.workloads --zoo ../shared/zoo

exit status: 0 done, 1 a model of the zoo is missing, 2 wrong usage
"""
NAMES = tuple(dict.fromkeys(name for suite in SUITES if suite.name in ("cnn", "transformer") for name in suite.models))


def main(arguments: Sequence[str] | None = None) -> int:
    """The command, which writes a file per model; 0: done, 1: a model of the zoo is missing, 2: wrong usage."""
    parser = command_parser("workloads", __doc__, EXAMPLE)
    parser.add_argument("--zoo", type=Path, default=DEFAULT_ZOO, metavar="DIR", help="where real models lie")
    options = parser.parse_args(arguments)
    passes = PassManager.parse("standard").passes
    before = PassManager(passes[: [step.name for step in passes].index(FIRST_PASS)])
    try:
        for model in ZOO_MODELS:  # before anything is written
            path_of(model, options.zoo)
        for name in NAMES:
            path = save_network(before.run(compiler.load(make_model(name, options.zoo))), name)
            print(f"{path.name}: {path.stat().st_size} bytes")
    except MissingZoo as error:
        print(f"bench.workloads: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
