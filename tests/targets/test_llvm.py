"""LLVM knows every processor of the table, and would use nothing that the table does not require of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import tvm_ffi
from tvm.target import Target as TvmTarget

from compiler.targets import TARGETS, Target, host_target, llvm_target_dict
from compiler.targets.features import LLVM_ATTRIBUTES

llvm_features: Callable[[TvmTarget], list[str]] = tvm_ffi.get_global_func("target.llvm_get_cpu_features")


@pytest.mark.parametrize("target", [*TARGETS, host_target()], ids=lambda target: target.name)
def test_required_features_are_those_that_llvm_may_use(target: Target) -> None:
    spelling = LLVM_ATTRIBUTES[target.isa]
    enabled = {str(name) for name in llvm_features(TvmTarget(dict(llvm_target_dict(target))))}
    assert enabled & set(spelling.values()) == {spelling[name] for name in target.features}
