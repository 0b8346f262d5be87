"""Which forms of a forest are worth a trial beside the one that a build takes.

A forest is one task, or two: a walk, and the sums of the leaves that it reaches; or what trees give, and the sums of
that. What the parts of one forest have in common are its rows and its trees.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from compiler.ir import Task
from compiler.ir.ops.bitsliced_forest import BitslicedForest
from compiler.ir.ops.branching_forest import BranchingForest
from compiler.ir.ops.deep_forest import DeepForest
from compiler.ir.ops.forest_walk import ForestWalk, SumLeaves
from compiler.ir.ops.leafwise_forest import LeafwiseForest
from compiler.ir.ops.masked_forest import MaskedForest
from compiler.ir.ops.ordered import OrderedSum
from compiler.ir.ops.perfect_walk import PerfectWalk
from compiler.ir.ops.ranked_forest import RankedForest
from compiler.ir.ops.ranked_leaves import RankedLeaves
from compiler.ir.ops.sparse_walk import SparseWalk


@dataclass
class _Forms:
    """The parts of one forest, by what they do."""

    whole: list[Task] = field(default_factory=list[Task])
    walks: list[Task] = field(default_factory=list[Task])
    sums: list[Task] = field(default_factory=list[Task])
    values: list[Task] = field(default_factory=list[Task])
    terms: list[Task] = field(default_factory=list[Task])

    def __iter__(self) -> Iterator[tuple[Task, ...]]:
        """Each form as the tasks that it consists of."""
        for task in self.whole:
            yield (task,)
        for walk in self.walks:
            for sums in self.sums:
                yield walk, sums
        for values in self.values:
            for terms in self.terms:
                if values.graph().outputs[0].type.elements == terms.graph().inputs[1].type.elements:
                    yield values, terms


def forest_forms(tasks: Iterable[Task]) -> list[list[tuple[Task, ...]]]:
    """For each forest that some tasks are of the forms that it may have, each as the tasks that it consists of."""
    groups: defaultdict[tuple[int, int], _Forms] = defaultdict(_Forms)
    for task in tasks:
        _put(task, groups)
    return [found for forms in groups.values() if (found := list(forms))]


def forest_alternatives(
    calls: Mapping[Task, int], costs: Mapping[Task, float], near: float
) -> dict[Task, tuple[int, float]]:
    """Parts of forms that cost at most ``near`` times what the chosen form costs: how often they could be called, and
    what they would have to cost for their form to be as good as the chosen one."""
    found: dict[Task, tuple[int, float]] = {}
    for forms in forest_forms(costs):
        chosen = next((form for form in forms if all(task in calls for task in form)), None)
        if chosen is None:
            continue
        rival = sum(costs[task] for task in chosen)
        for form in forms:
            seconds = sum(costs[task] for task in form)
            if seconds <= near * rival:
                others = ((task, rival - (seconds - costs[task])) for task in form if task not in calls)
                found.update((task, (calls[chosen[0]], allowed)) for task, allowed in others if allowed > 0)
    return found


def is_part_of_forest(task: Task) -> bool:
    """Whether a task computes a forest or a part of one."""
    groups: defaultdict[tuple[int, int], _Forms] = defaultdict(_Forms)
    _put(task, groups)
    return bool(groups)


def _put(task: Task, groups: Mapping[tuple[int, int], _Forms]) -> None:
    """A task to the others of its forest, if it is of one."""
    for node in task.graph():
        types = [operand.type for operand in node.operands]
        match node.op:
            case BranchingForest(forest):
                groups[types[0].shape[0], forest.trees].whole.append(task)
            case BitslicedForest() | DeepForest() | LeafwiseForest() | MaskedForest() | RankedForest():
                # The last operand says for each tree which output it adds to.
                groups[types[0].shape[0], types[-1].shape[0]].whole.append(task)
            case RankedLeaves():
                rows, trees, _ = node.result.type.shape
                groups[rows, trees].values.append(task)
            case OrderedSum():
                rows, count, outputs = types[1].shape
                # A tree gives one value, or one for each output.
                for trees in {count, count * outputs}:
                    groups[rows, trees].terms.append(task)
            case PerfectWalk() | SparseWalk() | ForestWalk():
                rows, trees = node.result.type.shape
                groups[rows, trees].walks.append(task)
            case SumLeaves():
                rows, trees = types[0].shape
                groups[rows, trees].sums.append(task)
            case _:
                pass
