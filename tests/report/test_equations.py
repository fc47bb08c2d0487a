"""Equations of rate networks against plain loops."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch

import run
from report import options
from report.__main__ import parser
from report.equations import ACTIVATIONS, FORMS, Equation, RateNetwork, evaluate
from report.layouts import LAYOUTS
from schur_lib import Network, ordered_schur
from tests.report import loops

T, B, N = 7, 5, 6


def tensors(dtype=torch.float32, h0=True, biases=True):
    g = torch.Generator().manual_seed(0)
    shapes = {"W_xh": (N, 2), "W_hh": (N, N), "W_hy": (3, N)}
    shapes |= {"b_h": (N,), "b_y": (3,)} if biases else {}
    shapes |= {"h0": (N,)} if h0 else {}
    return {name: (torch.randn(*shape, generator=g) / 2).to(dtype) for name, shape in shapes.items()}


def loop(t, x, how, **changed):
    plain = {name: value.double().numpy() for name, value in t.items()} | changed
    return loops.outputs(
        x.double().numpy(), **plain, phi=how.activation, leak=how.leak, form=how.form, late=how.late
    )


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_each_equation_is_that_of_a_plain_loop_for_any_recurrent_matrix(form, activation):
    x, y = torch.randn(T, B, 2), torch.randn(T, B, 3)
    for leak, late, dtype, h0, biases in product((1.0, 0.3), (False, True), (torch.float32, torch.float64),
                                                 (False, True), (False, True)):  # fmt: skip
        t, how = tensors(dtype, h0, biases), Equation(activation, leak, form, late)
        trials = evaluate(RateNetwork(t, how), x.to(dtype), y.to(dtype))
        other = ordered_schur(t["W_hh"]).ablate({"CR"})
        own, ablated = trials.run([trials.W_hh, torch.from_numpy(other)])
        allowed = 1e-5 if dtype == torch.float32 else 1e-12
        np.testing.assert_allclose(own, loop(t, x, how), rtol=0, atol=allowed)
        np.testing.assert_allclose(ablated, loop(t, x, how, W_hh=other), rtol=0, atol=allowed)
        assert own.dtype == dtype and trials.intact == pytest.approx(loops.fvu(loop(t, x, how), y), abs=1e-5)


def test_the_states_are_what_the_recurrent_matrix_multiplies_with_after_each_step():
    t, x = tensors(), torch.randn(T, B, 2)
    for form in FORMS:
        how = Equation("relu", 0.3, form)
        trials = evaluate(RateNetwork(t, how), x, torch.randn(T, B, 3))
        v = loop(t | {"W_hy": torch.eye(N), "b_y": torch.zeros(N)}, x, Equation("relu", 0.3, "potential-out"))
        if form == "potential":
            np.testing.assert_allclose(trials.states(), np.maximum(v, 0), rtol=0, atol=1e-5)
        if form == "bias-inside":
            v = loop(t | {"W_hy": torch.eye(N), "b_y": -t["b_h"]}, x, Equation("identity", 0.3, "potential-out"))
        assert trials.states().shape == (T, B, N)
        acted, first = trials.acted_on(), t["h0"].relu() if FORMS[form][0] == "v" else t["h0"]
        torch.testing.assert_close(acted[0], first.double().expand(B, N))
        torch.testing.assert_close(acted[1:], trials.states()[:-1].double())
    rates = evaluate(RateNetwork(t, Equation("tanh", 0.3)), x, torch.randn(T, B, 3)).states()
    h = loop(t | {"W_hy": torch.eye(N), "b_y": torch.zeros(N)}, x, Equation("tanh", 0.3))
    np.testing.assert_allclose(rates, h, rtol=0, atol=1e-5)


@pytest.mark.parametrize("W", [[[0.7]], [[0.0, 0.0], [0.0, 0.0]]], ids=["one unit", "dead"])
def test_a_matrix_that_is_its_own_transpose_is_not_warned_of(W, recwarn):
    W = torch.tensor(W)
    t = {"W_xh": torch.ones(len(W), 2), "W_hh": W, "W_hy": torch.ones(3, len(W))}
    x, y = torch.randn(T, B, 2), torch.randn(T, B, 3)
    for how in (Equation("sigmoid"), Equation("relu", 0.3, "potential")):
        assert evaluate(RateNetwork(t, how), x, y).intact == pytest.approx(loops.fvu(loop(t, x, how), y), abs=1e-5)
    assert not [w for w in recwarn if "transpose" in str(w.message)]


def test_a_plain_network_runs_through_the_fused_rollout_and_no_other_does():
    x, y = torch.randn(T, B, 2), torch.randn(T, B, 3)
    for form, activation, leak, late in product(FORMS, ACTIVATIONS, (1.0, 0.5), (False, True)):
        trials = evaluate(RateNetwork(tensors(), Equation(activation, leak, form, late)), x, y)
        fused = (
            leak == 1 and not late and activation in ("tanh", "relu") and form in ("rate", "inside", "potential")
        )
        assert (trials.network is not None) == fused and isinstance(trials.module, RateNetwork)
    assert evaluate(Network(**tensors()), x, y).module.text() == RateNetwork(tensors(), Equation()).text()


@pytest.mark.parametrize(
    ("how", "roles", "said"),
    [
        (Equation(), (), "h ← tanh(W_hh h + W_xh x), y = W_hy h; h = 0 before the first step"),
        (
            Equation("relu", 0.2),
            ("b_h", "b_y", "h0"),
            "h ← (1 − a) h + a ReLU(W_hh h + W_xh x + b_h), y = W_hy h + b_y; a = 0.2; h = h0 before the first "
            "step",
        ),
        (
            Equation("identity", 0.2, "inside"),
            ("b_h",),
            "h ← ((1 − a) h + a (W_hh h + W_xh x + b_h)), y = W_hy h; a = 0.2; h = 0 before the first step",
        ),
        (
            Equation("softplus", 1, "potential"),
            ("b_y",),
            "v ← W_hh softplus(v) + W_xh x, y = W_hy softplus(v) + b_y; v = 0 before the first step",
        ),
        (
            Equation("sigmoid", 0.1, "potential-out", late=True),
            ("b_h",),
            "first y = W_hy v, then v ← (1 − a) v + a (W_hh σ(v) + W_xh x + b_h); a = 0.1; v = 0 before the first "
            "step",
        ),
        (
            Equation("tanh", 0.1, "bias-inside"),
            ("b_h", "h0"),
            "v ← (1 − a) v + a (W_hh tanh(v + b_h) + W_xh x), y = W_hy tanh(v); a = 0.1; v = h0 before the first "
            "step (in the first step without b_h)",
        ),
        (
            Equation("relu", 1, "inside"),
            ("b_h", "b_y"),
            "h ← ReLU(W_hh h + W_xh x + b_h), y = W_hy h + b_y; h = 0 before the first step",
        ),
    ],
)
def test_the_equation_is_said_as_it_is_run(how, roles, said):
    assert how.text(roles) == said


def test_what_no_equation_is_is_refused():
    for wrong, named in (({"activation": "gelu"}, "'softplus'.*'gelu'"), ({"form": "x"}, "'potential'.*'x'"),
                         ({"leak": 0.0}, "at most 1, got 0"), ({"leak": 1.5}, "got 1.5"),
                         ({"leak": float("nan")}, "got nan")):  # fmt: skip
        with pytest.raises(ValueError, match=named):
            Equation(**wrong)
    with pytest.raises(ValueError, match="W_hy must be"):
        RateNetwork(tensors() | {"W_hy": torch.ones(3, 4)}, Equation())
    with pytest.raises(ValueError, match="b_h holds NaN"):
        RateNetwork(tensors() | {"b_h": torch.full((N,), torch.nan)}, Equation())


def test_the_command_offers_what_there_is():
    assert options.ACTIVATIONS == tuple(ACTIVATIONS) and options.EQUATIONS == tuple(FORMS)
    assert set(options.LIBRARIES) == set(LAYOUTS)


def test_the_chapter_and_the_help_list_what_is_taken():
    chapter = (Path(run.__file__).parent / "notebooks" / "own_network.py").read_text(encoding="utf-8")
    described = parser().format_help()
    for text in (chapter, described):
        offered = (*options.LIBRARIES, *options.EQUATIONS, *options.ARRAYS, *options.TABLES)
        written = ("--set-aside", "--transposed", "--leak", "abs(weight) * mask", "m @ n.T / 64", ".keras", "ONNX")
        for name in offered + written:
            assert name in text or name in (".hdf5", ".pth"), name
