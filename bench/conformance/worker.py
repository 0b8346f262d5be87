"""The process that runs cases, so that a crash ends one case and not the harness.

    python -m bench.conformance.worker ENGINE

One name of a case per line on standard input, one verdict as JSON per line on standard output.
"""

from __future__ import annotations

import json
import sys
import traceback
import warnings
from dataclasses import asdict

from bench.conformance.cases import CaseCatalog
from bench.conformance.engines import ENGINES
from bench.conformance.judge import Verdict, judge


def main(engine_name: str) -> None:
    """Serve until standard input ends."""
    replies, sys.stdout = sys.stdout, sys.stderr  # what libraries print must not end up among the verdicts
    warnings.simplefilter("ignore")
    catalog, engine = CaseCatalog(), ENGINES[engine_name]
    for line in sys.stdin:
        name = line.rstrip("\n")
        try:
            verdict = judge(catalog.case(name), engine)
        except Exception as error:  # noqa: BLE001 - whatever a case raises is its verdict
            place = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{place.filename.rsplit('/', 1)[-1]}:{place.lineno}"
            verdict = Verdict(name, "crashed", f"{type(error).__name__} at {where}: {error}")
        print(json.dumps(asdict(verdict)), file=replies, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
