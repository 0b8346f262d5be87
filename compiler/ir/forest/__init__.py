"""``Forest``: an ensemble of decision trees as data, with text, checks, reference semantics and statistics.

Knows nothing of the frameworks that trees come from, nor of how they are computed natively.
"""

from compiler.ir.forest.comparison import Comparison
from compiler.ir.forest.derived import once_per_forest
from compiler.ir.forest.forest import Forest
from compiler.ir.forest.links import roots_and_depths
from compiler.ir.forest.narrowing import narrowed
from compiler.ir.forest.numbering import LinkError, Numbering, numbering
from compiler.ir.forest.parser import ForestSyntaxError, parse_forest
from compiler.ir.forest.printer import print_forest
from compiler.ir.forest.profile import Profile, leaf_depths, node_shares, profile_of
from compiler.ir.forest.reference import leaves_reached, sums
from compiler.ir.forest.storage import StoredForestError, from_arrays, to_arrays
from compiler.ir.forest.verifier import ForestError

__all__ = [
    "Comparison",
    "Forest",
    "ForestError",
    "ForestSyntaxError",
    "LinkError",
    "Numbering",
    "Profile",
    "StoredForestError",
    "from_arrays",
    "leaf_depths",
    "leaves_reached",
    "narrowed",
    "node_shares",
    "numbering",
    "once_per_forest",
    "parse_forest",
    "print_forest",
    "profile_of",
    "roots_and_depths",
    "sums",
    "to_arrays",
]
