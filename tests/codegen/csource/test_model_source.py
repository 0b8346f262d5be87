"""model.c: what it says for a small plan, and that a C compiler takes it without a warning, whatever the
names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from compiler.codegen.csource import WeightsDigest, model_source
from compiler.codegen.csource.text import comment, string
from compiler.codegen.plan import Plan
from compiler.codegen.toolchain import find_compiler
from compiler.ir import parse_graph
from compiler.targets import resolve
from runtime.sources import COMPILE_FLAGS, INCLUDE
from tests.codegen.plan.kernels import paper_plan

TEXT = """graph "net" (%0 "x": f32[2,8]) {
  %1 = constant() {value = dense<f32[8]: 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0>} : f32[8]
  %2 = add(%0, %1) : f32[2,8] @"Add_0"
  %3 = transpose(%2) {permutation = [1, 0]} : f32[8,2] @"Transpose_0"
  %4 = concat(%0, %0) {axis = 1} : f32[2,16] @"Concat_0"
  return %3 "y", %4 "z"
}"""
WEIGHTS = WeightsDigest(32, bytes(range(32)))


@pytest.fixture
def plan() -> Plan:
    return paper_plan(parse_graph(TEXT))


def test_the_text(plan: Plan) -> None:
    lines = model_source(plan, resolve("arm_cortex_a72"), WEIGHTS).splitlines()
    add, transpose = (call.symbol for call in plan.calls if call.symbol)
    assert f"void {add}(void *, void *, void *, int32_t, int32_t);" in lines
    start = lines.index("/* Add_0")
    assert lines[start : start + 13] == [
        "/* Add_0",
        " * paper ",
        " *   f32[2,8] input 0 + 0",
        " *   f32[8] weights + 0",
        " *   -> f32[2,8] arena + 0",
        " */",
        "static void call_0(const kiln_frame *f, int32_t begin, int32_t end, int32_t worker) {",
        "    (void)worker;",
        f"    {add}(",
        "        (void *)((const char *)f->inputs[0] + 0),",
        "        (void *)(f->weights + 0),",
        "        (void *)(f->arena + 0),",
        "        begin, end);",
    ]
    assert f"    {transpose}(" in lines
    assert "        memcpy(destination + (size_t)row * 64, source + (size_t)row * 32, 32);" in lines
    assert '    {"x", KILN_FLOAT32, 2, (const int64_t[]){2, 8}, 64u},' in lines
    assert "    .arena_bytes = 64u," in lines
    assert "    .io_alignment = 4," in lines
    assert '    .target = "arm_cortex_a72",' in lines


def compile_strictly(text: str, folder: Path) -> None:
    flags = (*COMPILE_FLAGS, "-Wpedantic", "-Werror")
    compiler = find_compiler(resolve("host"))
    compiler.compile_text(text, folder / "model.o", include_dirs=(INCLUDE,), flags=flags)


def test_a_compiler_takes_it_without_a_warning(plan: Plan, tmp_path: Path) -> None:
    compile_strictly(model_source(plan, resolve("host"), WEIGHTS), tmp_path)


def test_an_empty_model_compiles(tmp_path: Path) -> None:
    nothing = replace(paper_plan(parse_graph(TEXT)), inputs=(), outputs=(), calls=(), buffers=(), weights=())
    compile_strictly(model_source(nothing, resolve("host"), WEIGHTS), tmp_path)


@pytest.mark.parametrize("name", ['quote"', "back\\slash", "*/ end", "/* begin", "line\nbreak", "Größe", "??/", "\0"])
def test_any_name_is_safe(name: str, tmp_path: Path) -> None:
    graph = parse_graph(TEXT)
    graph.name = name
    graph.input_names[0] = name
    for node in graph:
        node.origin = name
    compile_strictly(model_source(paper_plan(graph), resolve("host"), WEIGHTS), tmp_path)


def test_a_string_has_the_bytes_of_its_text() -> None:
    assert string('a"b\\') == '"a\\"b\\\\"'
    assert string("ö1") == '"\\303\\2661"'
    assert comment("a */ b /* c") == "a * / b / * c"
