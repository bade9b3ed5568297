"""An even choice among many: all of few, both ends of many, nothing twice."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from solver_core.common.arrays import spread


@given(st.integers(0, 300), st.integers(0, 40))
def test_so_many_evenly_from_the_first_to_the_last(count, most):
    values = 10 * np.arange(count)
    chosen = spread(values, most)
    assert len(chosen) == min(count, most)
    assert (np.diff(chosen) > 0).all()
    assert set(chosen) <= set(values)
    if 1 < most <= count:
        assert (chosen[0], chosen[-1]) == (values[0], values[-1])
        assert np.ptp(np.diff(chosen)) <= 10
