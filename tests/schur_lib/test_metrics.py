"""Scores with known answers."""

import math

import pytest
import torch

from schur_lib import fvu, replay_accuracy
from schur_lib.metrics import sensitivity


def test_fvu_is_0_for_the_target_and_1_for_its_mean():
    y = torch.randn(7, 5, 3)
    assert fvu(y, y) == 0
    torch.testing.assert_close(fvu(y.mean((0, 1)).expand_as(y), y), torch.tensor(1.0))


def test_fvu_equals_the_definition_written_as_loops():
    y, y_hat = torch.randn(4, 3, 2, dtype=torch.float64), torch.randn(4, 3, 2, dtype=torch.float64)
    mean = [sum(float(y[t, b, c]) for t in range(4) for b in range(3)) / 12 for c in range(2)]
    cells = [(t, b, c) for t in range(4) for b in range(3) for c in range(2)]
    error = sum(float(y_hat[i] - y[i]) ** 2 for i in cells)
    variance = sum((float(y[i]) - mean[i[2]]) ** 2 for i in cells)
    assert math.isclose(float(fvu(y_hat, y)), error / variance, rel_tol=1e-12)


def test_fvu_keeps_leading_dimensions_and_scales_with_noise():
    y = torch.randn(50, 400, 2)
    stack = torch.stack([y + s * torch.randn_like(y) for s in (0.1, 0.5)])
    torch.testing.assert_close(fvu(stack, y), torch.tensor([0.01, 0.25]), rtol=0.05, atol=0)


def test_replay_accuracy_counts_right_signs_and_no_zeros():
    y = torch.tensor([[[1.0, -1.0]], [[1.0, 1.0]]])
    y_hat = torch.tensor([[[0.3, -9.0]], [[-0.1, 0.0]]])
    assert replay_accuracy(y_hat, y) == 0.5
    assert replay_accuracy(torch.stack([y, -y]), y).tolist() == [1.0, 0.0]


def test_sensitivity_is_the_ratio_and_undefined_at_rounding_level():
    assert sensitivity(0.5, 0.25) == 2
    assert math.isnan(sensitivity(0.5, 1e-6)) and math.isnan(sensitivity(0.0, 0.0))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fvu(torch.zeros(2, 3, 1), torch.ones(2, 3, 1)), "vary"),
        (lambda: fvu(torch.zeros(2, 3, 1), torch.ones(2, 4, 1)), r"\(2, 4, 1\)"),
        (lambda: fvu(torch.zeros(2, 3), torch.ones(2, 3)), r"\(T, B, N_y\)"),
        (lambda: replay_accuracy(torch.zeros(2, 3, 1), torch.zeros(2, 3, 1)), "−1 or"),
        (lambda: replay_accuracy(torch.zeros(3, 1), torch.ones(2, 3, 1)), r"\(2, 3, 1\)"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
