"""Other readings of a file and its data: the one under which the network does its task is named."""

import re

import pytest
import torch

from report.equations import Equation, RateNetwork, evaluate
from report.readings import other_readings

T, B, N = 9, 14, 6


def network(**how):
    g = torch.Generator().manual_seed(2)
    tensors = {"W_xh": torch.randn(N, 2, generator=g), "W_hh": torch.randn(N, N, generator=g) / 2,
               "W_hy": torch.randn(1, N, generator=g), "b_h": torch.randn(N, generator=g)}  # fmt: skip
    return RateNetwork(tensors, Equation(**how), {"W_hh": "rec"})


def trials(net):
    x = torch.randn(T, B, 2, generator=torch.Generator().manual_seed(3))
    return x, net(x)


def readings(*asked, **options):
    """`other_readings`, rounding as 0."""
    return [re.sub(r"\d[.\d]*·10⁻¹.", "0", said) for said in other_readings(*asked, **options)]


@pytest.mark.parametrize(
    ("truth", "read", "said"),
    [
        ({}, {"activation": "relu"}, "Read with activation tanh it scores 0: add --activation tanh."),
        ({"activation": "softplus"}, {}, "Read with activation softplus it scores 0: add --activation softplus."),
        ({"leak": 0.2}, {}, "Read with leak 0.2 it scores 0: add --leak 0.2."),
        (
            {"leak": 0.1, "form": "potential", "activation": "relu"},
            {},
            "Read with leak 0.1, equation potential, activation relu it scores 0: add --leak 0.1 --equation "
            "potential --activation relu.",
        ),
        (
            {"leak": 0.25, "form": "inside"},
            {"leak": 0.25},
            "Read with equation inside it scores 0: add --equation inside.",
        ),
        ({}, {"late": True}, "Read with equation rate it scores 0: add --equation rate."),
    ],
)
def test_the_equation_that_fits_is_named(truth, read, said):
    x, y = trials(network(**truth))
    assert readings(network(**read), x, y) == [said]


@pytest.mark.parametrize("batch_first", [True, False])
def test_the_order_of_the_axes_that_fits_is_named(batch_first):
    net = network()
    x, y = (t.swapaxes(0, 1) for t in trials(net))
    how = (
        "time first it scores 0: leave --batch-first out"
        if batch_first
        else "batch first it scores 0: add --batch-first"
    )
    assert readings(net, x, y, batch_first=batch_first) == [f"Read {how}."]


def test_a_recurrent_matrix_that_lies_on_its_side_is_named_and_with_it_all_else():
    net = network()
    x, y = trials(net)
    turned = net.read_as(turned=True)
    assert readings(turned, x, y) == ["Read with W_hh transposed it scores 0: add --transposed W_hh."]
    turned.sources["W_hh"] = "a.kernel.T"
    assert readings(turned, x, y) == ["Read with W_hh transposed it scores 0: add --parameter 'W_hh=a.kernel'."]
    x, y = (t.swapaxes(0, 1) for t in (x, y))
    assert readings(turned.read_as(activation="relu"), x, y) == [
        "Read batch first and with W_hh transposed and with activation tanh it scores 0: add --batch-first, "
        "add --parameter 'W_hh=a.kernel', add --activation tanh."
    ]


def test_of_several_that_fit_the_one_with_the_fewest_changes_is_named():
    net = network()
    small = {name: t / 20 if name == "W_xh" else t for name, t in net.tensors().items() if name != "b_h"}
    x, y = trials(RateNetwork(small, Equation(leak=0.5, form="inside")))
    (said,) = readings(RateNetwork(small, Equation()), x, y)  # where tanh is all but straight
    assert said.startswith("Read with leak 0.5 it scores") and "scores 0:" not in said


def test_nothing_is_said_where_no_reading_fits():
    x, _ = trials(network())
    assert readings(network(), x, torch.randn(T, B, 1)) == []
    assert readings(network(), x, torch.randn(B, 1)) == []


def test_classes_and_targets_of_the_last_step_are_read_in_both_orders():
    net = RateNetwork(
        {"W_xh": torch.randn(N, 2), "W_hh": torch.randn(N, N) / 3, "W_hy": torch.randn(3, N)}, Equation()
    )
    x = torch.randn(T, 40, 2)
    classes = net(x).argmax(-1)
    swapped = readings(net, x.swapaxes(0, 1), classes.swapaxes(0, 1), "accuracy")
    assert swapped == ["Read batch first it scores 1: add --batch-first."]
    relu = net.read_as(activation="relu")
    assert evaluate(relu, x, classes[-1], "accuracy").intact < 0.9
    assert readings(relu, x, classes[-1], "accuracy")[0].startswith("Read with activation tanh it scores 1")
