"""How many rows a tile of a dynamic batch has."""

from __future__ import annotations

from compiler.batching import FEWEST_ROWS, ROWS_PER_VECTOR_BYTE, batched
from compiler.ir import Graph, parse_graph
from compiler.passes import PassManager
from compiler.targets import resolve

TARGET = resolve("x86-64-v4")

FOREST = """graph "forest" (%0 "x": f32[1,{features}]) {{
  %1 = forest(%0) {{forest = forest<f32[{features}] -> [0.5] width 1 {{
    tree 0 {{
      s0: x0 < 0.25 ? v0 : v1, missing right
      v0: 0.5, id 1
      v1: -0.5, id 2
    }}
  }}>}} : f32[1,1]
  return %1 "y"
}}"""


def rows_of_tile(features: int, algorithm: str) -> int:
    def optimize(graph: Graph) -> Graph:
        return PassManager.parse(f"lower-forests{{algorithm={algorithm}}},fold-constants,dce").run(graph, TARGET)

    return batched(parse_graph(FOREST.format(features=features)), TARGET, optimize).rows


def test_rows_that_are_read_once_need_not_fit_in_a_cache() -> None:
    assert rows_of_tile(3000, "bitsliced") == 8 * TARGET.vector_bytes


def test_other_rows_do() -> None:
    assert rows_of_tile(3, "walk") == 8 * TARGET.vector_bytes
    assert 4 * 3000 * rows_of_tile(3000, "walk") <= TARGET.l2_bytes


def test_a_tile_stays_in_the_second_level_cache_unless_it_would_have_too_few_rows() -> None:
    def rows_of(features: int) -> int:
        text = f'graph "g" (%0 "x": f32[1,{features}]) {{\n%1 = neg(%0) : f32[1,{features}]\nreturn %1 "y"\n}}'
        return batched(parse_graph(text), TARGET, lambda graph: graph).rows

    assert FEWEST_ROWS < rows_of(1000) < ROWS_PER_VECTOR_BYTE * TARGET.vector_bytes
    assert 2 * 4 * 1000 * rows_of(1000) <= TARGET.l2_bytes
    assert rows_of(20_000) == FEWEST_ROWS
