"""What the functions of fr.linalg check of their arguments."""

import numpy as np
import pytest

from frechet.linalg._arguments import is_finite, require_finite, same_dtype, stack_shape


@pytest.mark.parametrize("dtype", "fdFD")
@pytest.mark.parametrize("shape", [(), (3,), (20, 30), (2, 3, 4)])
def test_finite_numbers_whose_squares_overflow_or_underflow_are_finite(dtype, shape):
    limits = np.finfo(dtype)
    for number in (0, 1, limits.max, -limits.max, limits.tiny):
        x = np.full(shape, number, dtype)
        assert is_finite(x)
        assert is_finite(x.T)
        assert is_finite(x[..., None][..., ::-1])


@pytest.mark.parametrize("dtype", "fdFD")
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("shape", [(), (3,), (20, 30), (2, 3, 4)])
@pytest.mark.parametrize("others", [0, 1, 1e30])  # whose squares overflow in single precision
def test_nan_and_inf_are_found_wherever_they_are(dtype, bad, shape, others):
    for at in (0, -1):
        x = np.full(shape, others, dtype)
        x.reshape(-1)[at] = bad
        for view in (x, x.T, np.repeat(x[..., None], 2, axis=-1)[..., ::2]):
            assert not is_finite(view)
            with pytest.raises(ValueError, match=r"f: a must not contain infs or NaNs"):
                require_finite(view, "f: a")


def test_nothing_is_finite():
    assert is_finite(np.zeros((0, 3)))


def test_common_dtype_and_stack():
    x, y = np.ones((2, 1, 3, 3), np.float32), np.ones((5, 3, 3), np.float64)
    assert [z.dtype for z in same_dtype(x, y)] == [np.float64, np.float64]
    assert same_dtype(x, x)[0] is x
    assert stack_shape("f", x, y) == (2, 5)
    assert stack_shape("f", x[0, 0], y[0]) == ()
    with pytest.raises(ValueError, match=r"f: the leading axes of shapes \(2, 3, 3\), \(5, 3, 3\) do not"):
        stack_shape("f", np.ones((2, 3, 3)), y)
