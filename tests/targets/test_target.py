"""A target checks itself, survives JSON, and says what templates ask of it."""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
from dataclasses import fields, replace
from pathlib import Path

import pytest

from compiler.targets import ALIASES, TARGETS, Target, TargetError, devices, llvm_target_dict, resolve
from compiler.targets.features import LLVM_ATTRIBUTES

A72 = resolve("arm_cortex_a72")
BY_NAME = pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)


def test_every_device_module_is_a_row_of_the_table() -> None:
    defined = {
        value
        for module in pkgutil.iter_modules(devices.__path__, f"{devices.__name__}.")
        for value in vars(importlib.import_module(module.name)).values()
        if isinstance(value, Target)
    }
    assert defined == set(TARGETS)


def test_names_are_unique_and_aliases_lead_to_targets() -> None:
    names = [target.name for target in TARGETS]
    assert len(set(names)) == len(names)
    assert "host" not in names
    assert not set(ALIASES) & set(names)
    assert set(ALIASES.values()) <= set(names)


@BY_NAME
def test_json_round_trip(target: Target) -> None:
    assert Target.from_json(target.to_json()) == target
    assert Target.from_json(target.to_json()).fingerprint() == target.fingerprint()


@BY_NAME
def test_vector_facts_agree_with_the_features(target: Target) -> None:
    wide = {"avx512f": 64, "avx2": 32}
    expected = next((width for feature, width in wide.items() if feature in target.features), 16)
    assert target.vector_bytes == expected
    registers = 32 if target.isa == "aarch64" or "avx512f" in target.features else 16
    assert target.vector_registers == registers
    assert target.peak_flops_per_cycle == 2 * target.fma_ports * target.vector_bytes / 4
    assert target.lanes(1) == target.vector_bytes


def test_what_the_features_promise() -> None:
    assert resolve("znver4").dot_products == ("vnni",)
    assert resolve("znver4").has_bf16
    assert resolve("neoverse_n1").dot_products == ("dotprod",)
    assert not resolve("neoverse_n1").has_bf16
    assert resolve("znver4").splits_vectors
    assert not resolve("znver5").splits_vectors
    assert not resolve("x86-64-v4").splits_vectors
    assert A72.dot_products == ()
    assert A72.has_fma
    assert A72.multiplies_by_element
    assert not A72.splits_vectors
    assert resolve("armv7a_neon").has_fma
    assert not resolve("armv7a_neon").multiplies_by_element
    assert not resolve("x86-64-v2").has_fma
    assert resolve("armv7a_neon").pointer_bytes == 4


def test_peaks_are_the_published_ones() -> None:
    peaks = {target.name: target.peak_flops_per_cycle for target in TARGETS}
    assert peaks["x86-64-v3"] == 32
    assert peaks["skylake-avx512"] == 64
    assert peaks["znver4"] == 32
    assert peaks["znver5"] == 64
    assert peaks["arm_cortex_a72"] == 8
    assert peaks["neoverse_n1"] == 16


def test_fingerprint_ignores_names_and_the_shared_cache() -> None:
    same = replace(A72, name="board", description="mine", l3_bytes=1 << 20, mcpu="generic", min_glibc=None)
    assert same.fingerprint() == A72.fingerprint()


@pytest.mark.parametrize(
    "change",
    [{"l1d_bytes": 64 << 10}, {"l2_bytes": 1 << 20}, {"vector_registers": 16}, {"features": ("asimd",)}],
    ids=lambda change: next(iter(change)),
)
def test_fingerprint_tells_machines_apart(change: dict[str, object]) -> None:
    data = {**json.loads(A72.to_json()), **change}
    assert Target.from_json(json.dumps(data)).fingerprint() != A72.fingerprint()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "a b"),
        ("isa", "mips"),
        ("vector_bytes", 24),
        ("vector_bytes", "16"),
        ("vector_registers", True),
        ("fma_ports", 0),
        ("fma_latency", 0),
        ("issue_width", 0),
        ("l1d_bytes", 0),
        ("l1d_way_bytes", 0),
        ("cache_line_bytes", 48),
        ("min_glibc", "two"),
        ("mattr", ["dotprod"]),
        ("mattr", [1]),
        ("mcpu", ""),
    ],
)
def test_impossible_values_are_refused_by_name(field: str, value: object) -> None:
    data = {**json.loads(A72.to_json()), field: value}
    with pytest.raises(TargetError, match=field):
        Target.from_json(json.dumps(data))


def test_a_feature_nobody_could_check_is_refused() -> None:
    with pytest.raises(TargetError, match=r"avx2.*aarch64"):
        replace(A72, features=("asimd", "avx2"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        ("[]", "a JSON object"),
        ('{"name": "x"}', "lacks a key: description, features, fma_latency"),
        (json.dumps({**json.loads(A72.to_json()), "colour": 1}), "unknown keys: colour"),
    ],
)
def test_json_that_is_no_target(text: str, message: str) -> None:
    with pytest.raises(TargetError, match=message):
        Target.from_json(text)


@pytest.mark.parametrize("isa", LLVM_ATTRIBUTES)
def test_the_runtime_can_check_every_feature_that_a_target_may_require(isa: str) -> None:
    """A feature that the artifact's own check does not know would be refused on every processor."""
    checks = (Path(__file__).parents[2] / "runtime" / "c" / "kiln_cpu.c").read_text()
    checked = set(re.findall(r'\{"(\w+)",', checks))
    assert set(LLVM_ATTRIBUTES[isa]) <= checked


def test_every_field_is_documented() -> None:
    text = Target.__doc__ or ""
    assert not [field.name for field in fields(Target) if field.name not in text]


def test_llvm_description() -> None:
    assert llvm_target_dict(A72) == {
        "kind": "llvm",
        "mtriple": "aarch64-linux-gnu",
        "mcpu": "cortex-a72",
    }
    assert llvm_target_dict(resolve("rasp3b")).get("mfloat-abi") == "hard"
