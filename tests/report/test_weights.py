"""Which network a weight file holds: what is right is read, what the file does not tell is asked for."""

import json

import h5py
import numpy as np
import pytest
import scipy.io
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn.utils import parametrizations, prune

from report import __main__ as command
from report import options
from report.equations import evaluate
from report.files import Contents
from report.layouts import computed
from report.weights import load_network, network_of
from schur_lib import Network, rollout
from tests.report import loops

T, B, N, N_X, N_Y = 12, 6, 8, 3, 2
MATRICES = ("W_xh", "W_hh", "W_hy")


@pytest.fixture
def x():
    return torch.randn(T, B, N_X, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def weights():
    """Matrices and biases of a network, float64 arrays of float32 numbers."""
    g = np.random.default_rng(0)
    shapes = {"W_xh": (N, N_X), "W_hh": (N, N), "W_hy": (N_Y, N), "b_h": (N,), "b_y": (N_Y,)}
    return {role: (g.normal(size=s) / 2).astype("f4").astype(float) for role, s in shapes.items()}


def tensors(arrays):
    return {name: torch.tensor(np.asarray(array, "f4")) for name, array in arrays.items()}


def check(net, x, atol=1e-5, **of):
    """That a network that was read is the one of a plain loop, its matrices swapped or not."""
    (outputs,) = (
        trials := evaluate(net, x.to(net.W_hh.dtype), torch.randn(T, B, N_Y).to(net.W_hh.dtype))
    ).outputs([net.W_hh])
    right = loops.outputs(x.double().numpy(), **of)
    np.testing.assert_allclose(outputs, right, rtol=0, atol=atol)
    np.testing.assert_allclose(net.W_hh, of["W_hh"], rtol=0, atol=1e-6)
    assert trials.intact == pytest.approx(loops.fvu(right, trials.targets), abs=1e-5)


def refused(said, path, **options):
    with pytest.raises(ValueError, match=said):
        load_network(path, **options)


class Model(nn.Module):
    def __init__(self, kind=nn.RNN, **options):
        super().__init__()
        self.core, self.out = kind(N_X, N, **options), nn.Linear(N, N_Y)

    def forward(self, x):
        return self.out(self.core(x)[0])


def parts(model, W_hh=None):
    s = {n: t.detach().double().numpy() for n, t in model.state_dict().items()}
    bias = {"b_h": s["core.bias_ih_l0"] + s["core.bias_hh_l0"]} if "core.bias_ih_l0" in s else {}
    W = model.core.weight_hh_l0.detach().double().numpy() if W_hh is None else W_hh
    return {"W_xh": s["core.weight_ih_l0"], "W_hh": W, "W_hy": s["out.weight"], "b_y": s["out.bias"], **bias}


# --- torch --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", ["", "module.", "_orig_mod.", "module._orig_mod.net."])
@pytest.mark.parametrize("ending", ["pt", "safetensors"])
@pytest.mark.parametrize("bias", [True, False])
def test_a_state_dict_of_torchs_gives_the_network_that_the_module_is(tmp_path, bias, ending, before, x):
    torch.manual_seed(0)
    model, path = Model(bias=bias, nonlinearity="relu"), tmp_path / f"w.{ending}"
    state = {before + name: tensor for name, tensor in model.state_dict().items()}
    save_file(state, path) if ending == "safetensors" else torch.save(state, path)
    net = load_network(path, "relu")
    check(net, x, **parts(model), phi="relu")
    torch.testing.assert_close(rollout(net.plain(), x), model(x).detach(), rtol=0, atol=1e-5)
    assert (net.b_h is not None) == bias and net.activation == "relu"


def test_a_cell_with_a_readout_is_understood_too(tmp_path):
    cell, out = nn.RNNCell(3, 5), nn.Linear(5, 2, bias=False)
    state = {f"a.cell.{n}": t for n, t in cell.state_dict().items()} | {"out.weight": out.weight}
    torch.save(state, tmp_path / "w.pth")
    x, h = torch.randn(1, B, 3), torch.zeros(B, 5)
    net = load_network(tmp_path / "w.pth")
    torch.testing.assert_close(net(x)[0], out(cell(x[0], h)).detach())


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_are_read_and_mixed_ones_promoted(kind, tmp_path, x):
    model = Model()
    save_file({n: t.to(kind) for n, t in model.state_dict().items()}, tmp_path / "w.safetensors")
    rounded = {n: a.astype(float) if kind == torch.float64 else torch.tensor(a).to(kind).double().numpy()
               for n, a in parts(model).items() if n != "b_h"}  # fmt: skip
    s = {n: t.to(kind).double().numpy() for n, t in model.state_dict().items()}
    check(load_network(tmp_path / "w.safetensors"), x,
          **rounded, b_h=s["core.bias_ih_l0"] + s["core.bias_hh_l0"])  # fmt: skip
    assert load_network(tmp_path / "w.safetensors").W_hh.dtype == (
        torch.float64 if kind == torch.float64 else torch.float32
    )
    mixed = model.state_dict() | {"core.weight_hh_l0": model.core.weight_hh_l0.detach().double()}
    torch.save(mixed, tmp_path / "w.pt")
    assert {t.dtype for t in load_network(tmp_path / "w.pt").tensors().values()} == {torch.float64}
    check(load_network(tmp_path / "w.pt"), x, **parts(model))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda: Model(nn.GRU), r"core.weight_hh_l0 is \(24, 8\), a GRU's.*schur_lib.evaluation"),
        (lambda: Model(nn.LSTM), r"\(32, 8\), an LSTM's"),
        (lambda: Model(num_layers=2), "2 recurrent matrices.*several layers or directions"),
        (lambda: Model(bidirectional=True), "2 recurrent matrices"),
        (lambda: nn.Linear(3, 5), r"no recurrent matrix.*weight \(5, 3\)"),
        (
            lambda: nn.Sequential(nn.RNN(3, 5), nn.Linear(5, 5), nn.Linear(5, 2)),
            r"one matrix.*found 1.weight \(5, 5\), 2.weight \(2, 5\).*--set-aside",
        ),
        (lambda: nn.Sequential(nn.RNN(3, 5)), "found none"),
        (
            lambda: nn.Sequential(nn.RNN(3, 5), nn.Linear(5, 2), nn.LayerNorm(5)),
            r"left over \['2.weight', '2.bias'\].*--set-aside 2.weight 2.bias",
        ),
    ],
)
def test_what_is_no_plain_network_is_refused_with_what_it_is(tmp_path, model, message):
    torch.save(model().state_dict(), tmp_path / "w.pt")
    refused(message, tmp_path / "w.pt")


@pytest.mark.parametrize(
    "name", ["h0", "rnn.h_0", "initial_hiddens_1xd", "h_init", "init_state", "core.init_hidden"]
)
@pytest.mark.parametrize("shape", [(N,), (1, N), (1, 1, N)])
def test_a_learned_first_state_is_known_by_its_name_in_any_of_torchs_shapes(name, shape, tmp_path, x):
    model, h0 = Model(), torch.randn(N)
    torch.save({name: h0.reshape(shape), **model.state_dict()}, tmp_path / "w.pt")
    net = load_network(tmp_path / "w.pt")
    check(net, x, **parts(model), h0=h0.double().numpy())
    assert net.sources["h0"] == name


def test_first_states_of_many_trials_and_biases_and_leaks_of_a_tensor_are_told_apart(tmp_path, x):
    model, path = Model(), tmp_path / "w.pt"
    state = model.state_dict()
    torch.save(state | {"h0": torch.ones(1, B, N)}, path)
    refused(r"h0 = h0 must be one first state \(8,\), got \(1, 6, 8\).*'h0=h0\[0\]' with \[0\] once more", path)
    torch.save(state | {"start": torch.ones(1, N)}, path)
    refused("found .*start.*name a learned first state with --parameter h0=start", path)
    check(load_network(path, names={"h0": "start"}), x, **parts(model), h0=1.0)
    torch.save({n: t for n, t in state.items() if n != "core.bias_hh_l0"} | {"core.tau": torch.ones(N)}, path)
    refused(r"left over \['core.tau'\].*--set-aside core.tau; the leak is said with --leak A", path)
    one = load_network(path, set_aside=["core.tau"])  # a cell of one's own may have but one bias
    assert torch.equal(one.b_h, state["core.bias_ih_l0"])


def test_a_first_state_of_another_name_is_named(tmp_path, x):
    model, h0 = Model(), torch.randn(1, 1, N)
    torch.save({**model.state_dict(), "start": h0}, tmp_path / "w.pt")
    refused(r"left over \['start'\].*--parameter h0=start", tmp_path / "w.pt")
    check(
        load_network(tmp_path / "w.pt", names={"h0": "start"}), x, **parts(model), h0=h0.double().numpy().ravel()
    )


def test_what_is_no_part_of_the_network_is_left_out_by_name_and_listed(tmp_path, x):
    model = Model()
    torch.save({**model.state_dict(), "critic.weight": torch.ones(1, N), "critic.bias": torch.ones(1),
                "num_batches": torch.tensor(5)}, tmp_path / "w.pt")  # fmt: skip
    refused(r"found out.weight \(2, 8\), critic.weight \(1, 8\).*--set-aside", tmp_path / "w.pt")
    refused(r"left over \['critic.weight'.*--set-aside", tmp_path / "w.pt", names={"W_hy": "out.weight"})
    net = load_network(tmp_path / "w.pt", set_aside=["critic.*", "num_batches"])
    check(net, x, **parts(model))
    assert "Set aside as asked: critic.weight, critic.bias, num_batches." in net.notes
    named = load_network(tmp_path / "w.pt", names={"W_hy": "critic.weight"}, set_aside=["out.*", "num_batches"])
    assert named.n_outputs == 1 and named.b_y.tolist() == [1.0]
    refused("nothing is called actor.*, which is to be set aside", tmp_path / "w.pt", set_aside=["actor.*"])


def test_of_a_model_and_its_average_one_is_asked_for(tmp_path, x):
    model, other = Model(), Model()
    both = {f"model.{n}": t for n, t in model.state_dict().items()}
    both |= {f"ema_model.{n}": t for n, t in other.state_dict().items()}
    torch.save({"state_dict": both}, tmp_path / "w.ckpt")
    refused(
        "2 recurrent matrices, model.core.*all but one are left out, --set-aside 'ema_model", tmp_path / "w.ckpt"
    )
    check(load_network(tmp_path / "w.ckpt", set_aside=["ema_model*"]), x, **parts(model))
    check(load_network(tmp_path / "w.ckpt", set_aside=["model.*"]), x, **parts(other))


# --- matrices that are computed -----------------------------------------------------------------------------


def stretched(model):
    """As after training, where the length of v has moved, which is divided out again."""
    with torch.no_grad():
        for name, p in model.named_parameters():
            if name.endswith(("original1", "_v")):
                p.mul_(torch.linspace(0.2, 5, len(p))[:, None])
    return model


def of_weight_norm(dim):
    return lambda m: parametrizations.weight_norm(m.core, "weight_hh_l0", dim=dim)


COMPUTED = {
    "weight_norm": of_weight_norm(0),
    "weight_norm of columns": of_weight_norm(1),
    "weight_norm of the whole": of_weight_norm(None),
    "spectral_norm": lambda m: parametrizations.spectral_norm(m.core, "weight_hh_l0"),
    "old weight_norm": lambda m: nn.utils.weight_norm(m.core, "weight_hh_l0"),
    "pruned": lambda m: prune.l1_unstructured(m.core, "weight_hh_l0", 0.4),
    "readout": lambda m: parametrizations.weight_norm(m.out, "weight"),
}


@pytest.mark.filterwarnings("ignore:.*weight_norm.*")
@pytest.mark.parametrize("kind", COMPUTED)
def test_the_matrix_that_acts_is_computed_where_the_file_has_all_of_it(kind, tmp_path, x):
    torch.manual_seed(0)
    model = Model()
    COMPUTED[kind](model)
    stretched(model).eval()
    torch.save(model.state_dict(), tmp_path / "w.pt")
    net = load_network(tmp_path / "w.pt")
    torch.testing.assert_close(net(x), model(x).detach(), rtol=0, atol=1e-5)
    torch.testing.assert_close(net.W_hh.detach(), model.core.weight_hh_l0.detach(), rtol=0, atol=1e-6)
    assert any(note.startswith("Computed from the parts") for note in net.notes)


def test_the_older_spectral_norm_is_computed_too():
    linear = nn.utils.spectral_norm(nn.Linear(5, 5, bias=False))
    linear(torch.randn(2, 5))
    linear.eval()(torch.randn(2, 5))
    torch.testing.assert_close(computed(linear.state_dict(), {}).tensors["weight"], linear.weight.detach())


class Skew(nn.Module):
    def forward(self, A):
        return A - A.T


@pytest.mark.parametrize(
    "how",
    [
        lambda m: parametrizations.orthogonal(m.core, "weight_hh_l0"),
        lambda m: parametrizations.orthogonal(m.core, "weight_hh_l0", use_trivialization=False),
        lambda m: parametrizations.orthogonal(m.core, "weight_hh_l0", "cayley"),
        lambda m: nn.utils.parametrize.register_parametrization(m.core, "weight_hh_l0", Skew(), unsafe=True),
    ],
)
def test_a_matrix_that_is_computed_by_a_function_of_no_name_is_refused(how, tmp_path):
    model, path = Model(), tmp_path / "w.pt"
    how(model)
    torch.save(model.state_dict(), path)
    said = (
        r'core.weight_hh_l0 is computed from .*state\["core.weight_hh_l0"\] = model.core.weight_hh_l0.detach\(\)'
    )
    refused(said, path)
    refused(said, path, names={"W_hh": "core.parametrizations.weight_hh_l0.original"})
    # what the refusal says does work
    state = {n: t for n, t in model.state_dict().items() if "parametrizations" not in n}
    state["core.weight_hh_l0"] = model.core.weight_hh_l0.detach()
    torch.save(state, path)
    torch.testing.assert_close(load_network(path).W_hh.detach(), model.core.weight_hh_l0.detach())


def test_a_part_is_never_taken_for_the_whole(tmp_path):
    model, path = Model(), tmp_path / "w.pt"
    prune.l1_unstructured(model.core, "weight_hh_l0", 0.4)
    torch.save(model.state_dict(), path)
    refused("not the matrix that acts.*name core.weight_hh_l0", path, names={"W_hh": "core.weight_hh_l0_orig"})
    written = load_network(path, names={"W_hh": "core.weight_hh_l0_orig * core.weight_hh_l0_mask"})
    assert torch.equal(written.W_hh, load_network(path).W_hh)


def test_parts_that_do_not_fit_together_are_no_computed_matrix():
    g = {"W_g": torch.ones(3, 1), "W_v": torch.ones(4, 4)}
    assert computed(g, {}).parts == {} and computed({"a_mask": torch.ones(2)}, {}).unknown == {}


# --- names, expressions, sides ------------------------------------------------------------------------------


def test_a_file_of_the_library_keeps_its_activation_and_its_checksum_whatever_is_named(tmp_path):
    draw, path = torch.randn, tmp_path / "w.safetensors"
    net = Network(draw(5, 3), draw(5, 5), draw(2, 5), b_h=draw(5), activation="relu")
    net.save(path)
    named = load_network(path, names={"W_hh": "W_hh.T", "b_h": "b_h"})
    assert named.activation == "relu" and torch.equal(named.W_hh.T, net.W_hh)
    assert load_network(path).activation == "relu" and torch.equal(load_network(path).b_h, net.b_h)
    assert load_network(path, "tanh").activation == "tanh"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    for names in (None, {"W_hh": "W_hh"}):
        refused("damaged: what it holds does not match its checksum", path, names=names)


def test_other_names_are_given_by_role(tmp_path):
    names = {"W_xh": "in.kernel", "W_hh": "rec.kernel", "W_hy": "out.kernel", "b_h": "b1+b2"}
    state = {"in.kernel": torch.randn(5, 3), "rec.kernel": torch.randn(5, 5)}
    state |= {"out.kernel": torch.randn(2, 5), "b1": torch.ones(5), "b2": torch.ones(5)}
    path = tmp_path / "w.safetensors"
    save_file(state, path)
    net = load_network(path, names=names)
    assert torch.equal(net.W_hh, state["rec.kernel"]) and net.b_h.tolist() == [2.0] * 5
    assert net.notes == ("The file does not name the activation: tanh was assumed.",
                         "The file does not name a leak: none was assumed.")  # fmt: skip
    refused(r"no recurrent matrix.*rec.kernel \(5, 5\).*--parameter", path)
    refused(r"left over \['b1', 'b2'\]", path, names={k: v for k, v in names.items() if k != "b_h"})
    refused("'b3' in 'b1.b2.b3' is not in the file", path, names={**names, "b_h": "b1+b2+b3"})
    refused(r"the roles are .*\['W'\]", path, names={"W_hh": "rec.kernel", "W": "in.kernel"})
    refused("no recurrent matrix", path, names={"W_hh": "rec.kernel"})
    refused(r"W_xh = in.kernel\[0\] must be a matrix, got \(3,\)", path, names={**names, "W_xh": "in.kernel[0]"})


@pytest.mark.parametrize("joint", ["", "net.", "a/b/"])
def test_the_names_that_networks_of_ones_own_have_are_known(joint, weights, tmp_path, x):
    names = {"W_xh": "W_in", "W_hh": "W_rec", "W_hy": "W_out", "b_h": "b_rec", "b_y": "b_out"}
    np.savez(tmp_path / "w.npz", **{joint + names[role]: a for role, a in weights.items()})
    check(load_network(tmp_path / "w.npz"), x, 1e-12, **weights)
    np.savez(tmp_path / "w.npz", **weights)
    check(load_network(tmp_path / "w.npz"), x, 1e-12, **weights)


def test_matrices_for_row_vectors_are_asked_for_and_turned(weights, tmp_path, x):
    rows = {"W_in": weights["W_xh"].T, "W_rec": weights["W_hh"].T, "W_out": weights["W_hy"].T}
    scipy.io.savemat(tmp_path / "w.mat", rows)
    refused(r"W_in \(3, 8\) and .*W_out \(8, 2\) lie as for row vectors.*no shape tells. Add --transposed",
            tmp_path / "w.mat")  # fmt: skip
    plain = {role: weights[role] for role in MATRICES}
    check(load_network(tmp_path / "w.mat", transposed=MATRICES), x, 1e-12, **plain)
    some = load_network(tmp_path / "w.mat", transposed=("W_xh", "W_hy"))
    check(some, x, 1e-12, **plain | {"W_hh": weights["W_hh"].T})
    refused("W_out .8, 2. lies as for row vectors", tmp_path / "w.mat", transposed=("W_xh", "W_hh"))
    refused("of which .* can be transposed; got .'b_h'", tmp_path / "w.mat", transposed=("b_h",))
    named = {role: "W_in W_rec W_out".split()[i] for i, role in enumerate(MATRICES)}
    check(load_network(tmp_path / "w.mat", names=named, transposed=MATRICES), x, 1e-12, **plain)


KERAS = {"W_xh": "simple_rnn/kernel", "W_hh": "simple_rnn/recurrent_kernel", "W_hy": "dense/kernel",
         "b_h": "simple_rnn/bias", "b_y": "dense/bias"}  # fmt: skip
FLAX = {"W_xh": "cell/i/kernel", "W_hh": "cell/h/kernel", "W_hy": "readout/kernel",
        "b_h": "cell/i/bias", "b_y": "readout/bias"}  # fmt: skip


@pytest.mark.parametrize("names", [KERAS, FLAX, {r: n.replace("/", ".") for r, n in FLAX.items()},
                                   {r: f"{n}/value" for r, n in FLAX.items()}])  # fmt: skip
def test_kernels_are_turned_as_their_library_keeps_them_unless_somebody_has_turned_some(
    names, weights, tmp_path, x
):
    path, state = tmp_path / "w.pt", tensors({names[role]: a.T for role, a in weights.items()})
    torch.save(state, path)
    check(load_network(path), x, **weights)
    check(load_network(path, transposed=MATRICES), x, **weights)
    torch.save(state | {names[r]: state[names[r]].T.contiguous() for r in ("W_xh", "W_hy")}, path)
    if "." not in names["W_xh"]:
        refused(r"has been transposed, and of .*square, no shape tells. Name all three", path)
    named = {"W_xh": names["W_xh"], "W_hh": f"{names['W_hh']}.T", "W_hy": names["W_hy"]}
    check(load_network(path, names=named), x, **weights)


def test_a_gated_cell_of_flax_and_two_recurrent_kernels_are_refused(tmp_path):
    for names, said in ((("cell/hf/kernel", "cell/if/kernel"), "LSTM or GRU of Flax"),
                        (("a/recurrent_kernel", "b/recurrent_kernel"), "2 recurrent matrices")):  # fmt: skip
        np.savez(tmp_path / "w.npz", **dict.fromkeys(names, np.ones((4, 4))))
        refused(said, tmp_path / "w.npz")


# --- leaks, activations, equations --------------------------------------------------------------------------


def test_metadata_say_the_activation_and_a_leak_is_asked_for(weights, tmp_path, x):
    path, weights = tmp_path / "w.safetensors", {role: a / 4 for role, a in weights.items()}
    for word, phi in (("ReLU", "relu"), ("sigmoid", "sigmoid"), ("linear", "identity")):
        save_file(tensors(weights), path, {"kind": word, "steps": "3"})
        check(load_network(path), x, **weights, phi=phi)
    save_file(tensors(weights), path, {"kind": "leaky"})
    refused("of a leaky network it has to be said how much leaks, --leak A", path)
    check(load_network(path, leak=0.5), x, **weights, leak=0.5)
    save_file(tensors(weights), path, {"activation": "gelu"})
    refused("activation = gelu, and the activations are", path)
    assert load_network(path, "tanh").activation == "tanh"
    refused("activation must be one of .*'sigmoid'.*'gelu'", path, activation="gelu")


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"leak": "0.5"}, "holds leak = 0.5.*add --leak A"),
        ({"tau_mem": "20", "dt": "2"}, "holds .*tau_mem = 20.*add --leak A"),
        ({"config": '{"time_constant": 100, "delta_t": 20}'}, "config.time_constant = 100, config.delta_t = 20"),
        ({"model": "Leaky RNN"}, "says model = Leaky RNN: .*--leak A"),
        ({"cell": "ctrnn"}, "says cell = ctrnn: .*--leak A"),
        ({"act_fn": "gelu"}, "says act_fn = gelu, and the activations are"),
    ],
)
def test_settings_are_heeded_under_the_names_that_people_give_them(said, message, weights, tmp_path):
    save_file(tensors(weights), path := tmp_path / "w.safetensors", said)
    refused(message, path)
    assert load_network(path, "tanh", leak=0.25).equation.leak == 0.25
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file.update(weights)
        file.attrs.update(said)
    if "config" not in said:
        refused(message, tmp_path / "w.h5")


@pytest.mark.parametrize("word", ["ReLU", "rnn_relu", "RNN_RELU", "jax.nn.relu", "torch.nn.functional.relu"])
@pytest.mark.parametrize("name", ["act", "hidden_activation", "activation_fn", "nonlinearity", "mode"])
def test_an_activation_is_known_by_many_names(name, word, weights):
    net = network_of(Contents("torch", tensors(weights), {f"config.{name}": word}))
    assert net.equation.activation == "relu"
    assert (
        network_of(Contents("torch", tensors(weights), {"mode": "min", "weight_decay": 0.1})).activation == "tanh"
    )


@pytest.mark.parametrize("ending", ["npz", "mat", "pt"])
def test_a_time_constant_beside_the_weights_is_asked_about(ending, weights, tmp_path, x):
    path = tmp_path / f"w.{ending}"
    beside = {"dt": 0.1, "tau": 0.4, "sigma_rec": 0.05, "nonlinearity": "relu"}
    if ending == "npz":
        np.savez(path, **weights, **beside)
    elif ending == "mat":
        scipy.io.savemat(path, weights | beside)
    else:
        torch.save({"state_dict": tensors(weights), "hyper_parameters": beside}, path)
    refused(r"holds .*dt = 0.1, .*tau = 0.4.*add --leak A.*--equation", path)
    net = load_network(path, leak=0.25, equation="potential")
    check(net, x, **weights, leak=0.25, form="potential", phi="relu")
    assert any("Run without the noise that the file names" in note and "0.05" in note for note in net.notes)


def ctrnn(weights):
    half = weights["b_h"] / 2
    names = {"rnn.input2h.weight": weights["W_xh"], "rnn.input2h.bias": half, "rnn.h2h.weight": weights["W_hh"],
             "rnn.h2h.bias": half, "fc.weight": weights["W_hy"], "fc.bias": weights["b_y"]}  # fmt: skip
    return tensors(names)


def test_the_names_of_a_leaky_network_ask_for_its_leak_and_its_equation(weights, tmp_path, x):
    path = tmp_path / "w.pt"
    torch.save(ctrnn(weights), path)
    refused("neither the leak nor where it stands: add --from nn-brain --leak A", path)
    refused("leak .* of nn-brain is not in its file", path, library="nn-brain")
    named = {"W_xh": "rnn.input2h.weight", "W_hh": "rnn.h2h.weight", "W_hy": "fc.weight"}
    refused("neither the leak nor where it stands", path, names=named)
    check(load_network(path, library="nn-brain", leak=0.2), x, **weights, phi="relu", leak=0.2, form="inside")
    check(load_network(path, equation="rate", leak=0.5), x, **weights, leak=0.5)
    check(load_network(path, "relu", equation="potential", leak=0.5), x, **weights, phi="relu", leak=0.5,
          form="potential")  # fmt: skip


def test_a_readout_of_some_units_points_to_dales_law(weights, tmp_path):
    torch.save(ctrnn(weights | {"W_hy": weights["W_hy"][:, :6]}), tmp_path / "w.pt")
    refused(r"reads 6 of 8 units, as networks with Dale's law do.*abs\(weight\) \* mask: save the matrices",
            tmp_path / "w.pt", library="nn-brain", leak=0.2)  # fmt: skip


@pytest.mark.parametrize("ending", ["npz", "safetensors"])
@pytest.mark.parametrize("ratio", [None, 0.75])
def test_masks_and_dales_law_of_psychrnn_are_applied(ratio, ending, weights, tmp_path, x):
    g, path = np.random.default_rng(3), tmp_path / f"w.{ending}"
    signs = np.where(np.arange(N) < (6 if ratio else N), 1.0, -1.0)
    masks = {"input_connectivity": g.random((N, N_X)) < 0.7, "rec_connectivity": g.random((N, N)) < 0.7,
             "output_connectivity": g.random((N_Y, N)) < 0.7}  # fmt: skip
    held = {"W_in": weights["W_xh"], "W_rec": weights["W_hh"], "W_out": weights["W_hy"], "b_rec": weights["b_h"],
            "b_out": weights["b_y"], "init_state": g.normal(size=(1, N)).astype("f4"),
            "Dale_rec": np.diag(signs), "Dale_out": np.diag(np.maximum(signs, 0)), **masks}  # fmt: skip
    held |= {f"{name}/Adam": held[name] for name in ("W_rec", "W_in")}
    held = {name: np.asarray(array, "f4") for name, array in held.items()}
    if ending == "npz":
        np.savez(path, **held, dale_ratio=np.array(ratio, object if ratio is None else float))
    else:
        save_file(tensors(held), path)
    masked = {"W_xh": weights["W_xh"] * masks["input_connectivity"],
              "W_hh": weights["W_hh"] * masks["rec_connectivity"],
              "W_hy": weights["W_hy"] * masks["output_connectivity"]}  # fmt: skip
    if ratio:
        masked = {"W_xh": abs(masked["W_xh"]), "W_hh": abs(masked["W_hh"]) @ held["Dale_rec"],
                  "W_hy": abs(masked["W_hy"]) @ held["Dale_out"]}  # fmt: skip
    refused("leak .* of psychrnn is not in its file", path)
    net = load_network(path, leak=0.2)
    check(net, x, **weights | masked, h0=held["init_state"][0], phi="relu", leak=0.2, form="potential")
    assert ("with Dale's law" in net.notes[0]) == bool(ratio) and any("W_rec/Adam" in note for note in net.notes)


@pytest.mark.parametrize("factors", [True, False])
@pytest.mark.parametrize("gains", [True, False])
def test_factors_and_gains_of_low_rank_networks_are_applied(factors, gains, tmp_path, x):
    g, path = np.random.default_rng(4), tmp_path / "w.pt"
    normal = lambda *s: g.normal(size=s).astype("f4").astype(float)  # noqa: E731
    wi, si, so, b, h0, wo = normal(N_X, N), normal(N_X), normal(N_Y), normal(N), normal(N), normal(N, N_Y)
    m, n, wrec = normal(N, 2), normal(N, 2), normal(N, N)
    held = {"wi": wi, "wo": wo, "b": b, "h0": h0} | ({"m": m, "n": n} if factors else {"wrec": wrec})
    torch.save(tensors(held | ({"si": si[:, None], "so": so} if gains else {})), path)
    if gains:  # as vectors, and as the columns that the library could keep
        held |= {"si": si, "so": so}
        torch.save(tensors(held), path)
    W_xh, W_hy = (wi.T * si, (wo * so).T) if gains else (wi.T, wo.T)
    right = {"W_xh": W_xh, "W_hh": m @ n.T / N if factors else wrec, "W_hy": W_hy / N if factors else W_hy}
    refused("leak .* of low-rank is not in its file", path)
    check(load_network(path, leak=0.2), x, **right, b_h=b, h0=h0, leak=0.2, form="bias-inside")


@pytest.mark.parametrize("contexts", [1, 2])
@pytest.mark.parametrize("aside", [True, False])
def test_the_published_networks_of_operative_dimensions_are_read(aside, contexts, weights, tmp_path, x):
    starts = np.random.default_rng(5).normal(size=(N, contexts))
    held = {"n_Wru_v": weights["W_xh"], "n_Wrr_n": weights["W_hh"], "m_Wzr_n": weights["W_hy"],
            "n_bx_1": weights["b_h"][:, None], "m_bz_1": weights["b_y"][:, None], "n_x0_c": starts}  # fmt: skip
    np.savez(tmp_path / "w.npz", **{f"NetNr1/final/{n}": a.T if aside else a for n, a in held.items()})
    asked = {"leak": 0.1}
    if contexts == 2:
        one = "NetNr1/final/n_x0_c" + ("" if aside else ".T") + "[0]"
        with pytest.raises(ValueError, match="holds 2 first states") as said:
            load_network(tmp_path / "w.npz", **asked)
        assert f"'h0={one}'" in str(said.value)
        asked["names"] = {"h0": one}
    else:
        refused("leak .* of operative-dimensions is not in its file", tmp_path / "w.npz")
    check(
        load_network(tmp_path / "w.npz", **asked), x, 1e-12, **weights, h0=starts[:, 0], leak=0.1, form="potential"
    )


def test_a_layout_that_is_asked_for_must_be_there(weights):
    found = Contents("npz", tensors(weights))
    with pytest.raises(ValueError, match=r"not those of psychrnn. The file holds W_xh \(8, 3\)"):
        network_of(found, library="psychrnn")
    with pytest.raises(ValueError, match="--from must be one of .*'keras'"):
        network_of(found, library="pandas")


def test_one_input_and_one_output_may_lie_as_vectors(weights, x):
    held = tensors({"W_xh": weights["W_xh"][:, 0], "W_hh": weights["W_hh"], "W_hy": weights["W_hy"][0]})
    net = network_of(Contents("mat", held))
    assert net.W_xh.shape == (N, 1) and net.W_hy.shape == (1, N)


# --- the command's options ----------------------------------------------------------------------------------


def asked(*words):
    given = command.parser().parse_args(["--weights", "w", "--data", "d", *words])
    return given, options.reading(given)


def test_the_options_say_what_load_network_is_asked_for_and_back():
    words = ["--leak", "0.25", "--equation", "potential", "--from", "keras", "--transposed", "W_xh", "W_hy",
             "--set-aside", "a", "b.*", "--set-aside", "c"]  # fmt: skip
    given, wanted = asked(*words)
    assert wanted == {"leak": 0.25, "equation": "potential", "library": "keras", "transposed": ("W_xh", "W_hy"),
                      "set_aside": ("a", "b.*", "c")}  # fmt: skip
    assert asked(*options.arguments(wanted))[1] == wanted
    assert asked()[1] == {} and asked("--transposed")[1] == {"transposed": MATRICES}
    assert asked("--dt", "20", "--tau", "100")[1] == {"leak": 0.2}
    for words in (
        ["--dt", "1"],
        ["--tau", "1"],
        ["--dt", "1", "--tau", "2", "--leak", "1"],
        ["--dt", "1", "--tau", "0"],
    ):
        with pytest.raises(ValueError, match="--leak A, or as --dt and --tau"):
            asked(*words)
    assert command.roles(["W_hy=(wo * so).T / 4", "rec"]) == {"W_hy": "(wo * so).T / 4", "W_hh": "rec"}


def test_what_an_optimiser_remembers_is_no_second_network(weights, x):
    flax = {"params/rnn/cell/i/kernel": weights["W_xh"].T, "params/rnn/cell/h/kernel": weights["W_hh"].T,
            "params/out/kernel": weights["W_hy"].T}  # fmt: skip
    moments = {name.replace("params", "opt_state/0/mu/params"): a + 1 for name, a in flax.items()}
    net = network_of(Contents("msgpack", tensors(flax | moments)))
    check(net, x, **{role: weights[role] for role in MATRICES})
    assert any("opt_state/0/mu/params/out/kernel" in note for note in net.notes)


# --- what must not be passed over in silence -----------------------------------------------------------------


@pytest.mark.parametrize("ending", ["npz", "mat", "json", "h5", "pt"])
def test_the_bias_of_one_output_may_be_a_number_without_an_axis(ending, weights, tmp_path, x):
    one = weights | {"W_hy": weights["W_hy"][:1], "b_y": 0.75}
    path = tmp_path / f"w.{ending}"
    if ending == "npz":
        np.savez(path, **one)
    elif ending == "mat":
        scipy.io.savemat(path, one)
    elif ending == "json":
        path.write_text(json.dumps({name: np.asarray(array).tolist() for name, array in one.items()}))
    elif ending == "h5":
        with h5py.File(path, "w") as file:
            file.update(one)
    else:
        torch.save(tensors(one) | {"b_y": 0.75}, path)
    net = load_network(path)
    right = loops.outputs(x.double().numpy(), **one)
    np.testing.assert_allclose(net(x.to(net.W_hh.dtype)), right, rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", [object, complex, str, list])
def test_a_bias_that_is_no_array_of_real_numbers_is_not_left_out_in_silence(kind, weights, tmp_path, x):
    path = tmp_path / ("w.pt" if kind is list else "w.npz")
    if kind is list:
        torch.save(tensors(weights) | {"b_h": weights["b_h"].tolist()}, path)
    else:
        np.savez(path, **weights | {"b_h": weights["b_h"].astype(kind)})
    refused("b_h is (an array|a list).* which is not read: save it as real numbers.*--set-aside b_h", path)
    check(load_network(path, set_aside=["b_h"]), x, **{n: a for n, a in weights.items() if n != "b_h"})
    np.savez(tmp_path / "v.npz", **weights, labels=np.array(["a", "b"]))
    assert "not read, being no real numbers: labels" in load_network(tmp_path / "v.npz").notes[-1]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"output_activation": "sigmoid"}, "a linear readout.*--set-aside output_activation"),
        ({"out_nonlinearity": "tanh"}, "a linear readout"),
        ({"act_out": "ReLU"}, "a linear readout"),
        ({"dale": True}, "says dale = True, and a report runs one plain layer.*--set-aside dale"),
        ({"use_layer_norm": 1}, "says use_layer_norm = 1"),
        ({"residual": True}, "says residual = True"),
        ({"num_layers": 2}, "says num_layers = 2"),
        ({"leaky": True}, "says leaky = True: of a leaky network"),
        ({"f": "relu"}, "says f = relu, and not whether that is the activation.*--activation"),
        ({"hidden_fn": "nn.ReLU()"}, "not whether that is the activation"),
    ],
)
def test_words_of_another_network_are_asked_about_and_set_aside(said, message, weights, tmp_path, x):
    np.savez(tmp_path / "w.npz", **weights, **said)
    refused(message, tmp_path / "w.npz")
    check(load_network(tmp_path / "w.npz", set_aside=[*said]), x, **weights)


@pytest.mark.parametrize(
    "said",
    [
        {"output_activation": "linear"},
        {"dale": False},
        {"num_layers": 1},
        {"bias_scale": 0.1},
        {"use_bias": True},
        {"loss": "mse"},
        {"skip": "none"},
    ],
)
def test_words_that_say_nothing_against_the_network_pass(said, weights, tmp_path, x):
    np.savez(tmp_path / "w.npz", **weights, **said)
    check(load_network(tmp_path / "w.npz"), x, **weights)


@pytest.mark.parametrize(("name", "word"), [("nonlin", "relu"), ("activation", np.bytes_("relu"))])
def test_an_activation_is_known_by_other_words_too(name, word, weights, tmp_path, x):
    np.savez(tmp_path / "w.npz", **weights, **{name: word})
    check(load_network(tmp_path / "w.npz"), x, **weights, phi="relu")


@pytest.mark.parametrize("dim", [0, 1])
def test_spectral_norm_over_either_axis_is_that_of_the_module(dim, tmp_path):
    torch.manual_seed(0)
    model = Model()
    parametrizations.spectral_norm(model.core, "weight_hh_l0", dim=dim)
    acts = model.eval().core.weight_hh_l0.detach()
    torch.save(model.state_dict(), tmp_path / "w.pt")
    torch.testing.assert_close(load_network(tmp_path / "w.pt").W_hh.data, acts, rtol=0, atol=1e-6)


def test_one_direction_of_two_and_one_matrix_of_several_are_refused_with_a_way_out(weights, tmp_path):
    model = Model(bidirectional=True)
    state = model.state_dict() | {"out.weight": torch.ones(N_Y, 2 * N)}
    torch.save(state, tmp_path / "w.pt")
    refused("several layers or directions.*schur_lib.evaluation", tmp_path / "w.pt")
    refused("reads two layers or directions of 8 units.*schur_lib.evaluation", tmp_path / "w.pt",
            set_aside=["*_reverse"])  # fmt: skip
    np.savez(tmp_path / "w.npz", **weights | {"W_hh": np.stack([weights["W_hh"]] * 2)})
    refused(r"of several take one, --parameter 'W_hh=W_hh\[0\]'", tmp_path / "w.npz")
    assert load_network(tmp_path / "w.npz", names={"W_hh": "W_hh[0]"}).hidden_size == N


def test_hints_name_no_bias_or_first_state_of_another_head(weights, tmp_path):
    heads = {"core.weight_ih_l0": weights["W_xh"], "core.weight_hh_l0": weights["W_hh"],
             "actor.weight": weights["W_hy"], "actor.bias": weights["b_y"], "critic.weight": weights["W_hy"][:1],
             "critic.bias": weights["b_y"][:1]}  # fmt: skip
    torch.save(tensors(heads), tmp_path / "w.pt")
    for named in ({}, {"names": {"W_hy": "actor.weight"}}):
        with pytest.raises(ValueError, match="--set-aside") as said:
            load_network(tmp_path / "w.pt", **named)
        assert "h0=critic" not in str(said.value) and "b_y=critic" not in str(said.value)
