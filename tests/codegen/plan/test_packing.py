"""Physical layouts: packing pads with zeros, orders as the layout says, and is undone by unpacking."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from compiler.codegen.plan import pack, unpack
from compiler.ir import Layout


def test_a_blocked_channel_axis() -> None:
    array = np.arange(2 * 3 * 2, dtype=np.float32).reshape(2, 3, 2)
    packed = pack(array, Layout(((1, 2),)))
    assert packed.shape == (2, 2, 2, 2)
    np.testing.assert_array_equal(packed[0, 0], array[0, 0:2].T)
    np.testing.assert_array_equal(packed[:, 1, :, 0], array[:, 2])
    assert not packed[:, 1, :, 1].any()


@given(st.data())
def test_unpack_undoes_pack(data: st.DataObject) -> None:
    shape = tuple(data.draw(st.lists(st.integers(1, 9), min_size=1, max_size=4)))
    axes = st.integers(0, len(shape) - 1)
    layout = Layout(tuple(data.draw(st.lists(st.tuples(axes, st.sampled_from((1, 2, 3, 4, 16))), max_size=3))))
    array = np.arange(np.prod(shape), dtype=np.int32).reshape(shape) + 1
    packed = pack(array, layout)
    assert packed.shape == layout.physical_shape(shape)
    assert np.count_nonzero(packed) == array.size, "padding lanes are zero"
    np.testing.assert_array_equal(unpack(packed, layout, shape), array)
