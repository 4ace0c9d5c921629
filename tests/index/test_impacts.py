import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lsr.documents import WEIGHT_LIMIT
from lsr.errors import BadInput
from lsr.index.impacts import choose_scale, to_levels

weights = st.lists(st.floats(2.0**-40, WEIGHT_LIMIT, width=32), min_size=1, max_size=20).map(
    lambda values: np.array(values, np.float32)
)


@given(st.lists(st.integers(1, 255), min_size=1, max_size=20))
def test_whole_numbers_are_stored_without_loss(values):
    array = np.array(values, np.float32)
    assert choose_scale(array) == 1.0
    levels, clipped = to_levels(array, 1.0)
    assert levels.tolist() == values
    assert clipped == 0


@settings(deadline=None)
@given(weights)
def test_the_largest_weight_has_a_level_and_every_error_is_at_most_half_a_level(array):
    scale = choose_scale(array)
    levels, clipped = to_levels(array, scale)
    assert clipped == 0
    assert np.all(np.abs(levels * scale - array.astype(np.float64)) <= scale / 2)
    if scale != 1.0:
        assert levels.max() == 255


@given(weights, st.integers(1, 255), st.floats(2.0**-20, 100, width=32))
def test_levels_times_scale_are_exact_in_float32_and_products_in_float64(array, level, weight):
    scale = choose_scale(array)
    mantissa, _ = math.frexp(scale)
    assert (mantissa * 2**16).is_integer()
    assert float(np.float32(level * scale)) == level * scale
    assert (level * scale) * weight == level * (scale * weight)


@given(weights, st.floats(2.0**-10, 2.0**20))
def test_a_limit_alone_decides_the_scale_and_nothing_below_it_is_clipped(array, limit):
    below = np.minimum(array, np.float32(limit))
    scale = choose_scale(below, limit)
    assert scale == choose_scale(np.empty(0, np.float32), limit) == choose_scale(np.array([1], np.float32), limit)
    assert limit / 255 <= scale <= limit / 255 * (1 + 2**-15)
    assert to_levels(np.array([limit], np.float32), scale)[0].tolist() == [255]
    assert to_levels(below, scale)[1] == 0


@pytest.mark.parametrize("largest", [1e-30, 2.0**-60])
def test_weights_too_small_for_any_scale_are_refused(largest):
    with pytest.raises(BadInput, match="too small for uint8 impacts") as caught:
        choose_scale(np.array([largest], np.float32))
    assert "float32" in caught.value.hint


def test_whole_numbers_above_255_are_scaled():
    array = np.array([256, 1], np.float32)
    assert choose_scale(array) == pytest.approx(256 / 255, rel=2**-15)
    assert to_levels(array, choose_scale(array))[0].tolist() == [255, 1]


def test_weights_beyond_the_scale_are_clipped_and_counted():
    levels, clipped = to_levels(np.array([0.4, 300, 255.4, 1e9], np.float32), 1.0)
    assert levels.tolist() == [0, 255, 255, 255]
    assert clipped == 2


def test_no_weights_have_a_scale():
    assert choose_scale(np.empty(0, np.float32)) == 1.0
