"""Nothing assumes the processor: networks, runs, gradients and evaluations on another device.

The device is cuda or mps where there is one. Elsewhere it is a stub: tensors that say they lie on "mps", refuse
to be mixed with others, to become numpy arrays and to be of float64, as tensors there do, and compute here.
"""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from schur_lib import Network, evaluation, on_task, profile_of, rollout, stabilisers, tasks
from schur_lib.dynamics import hidden_states
from schur_lib.subjects import of_network

HERE, STUB = torch.device("cpu"), torch.device("mps", 0)


def plain(function, *args, **kwargs):
    with torch._C.DisableTorchFunctionSubclass():
        return function(*args, **kwargs)


def elsewhere(value):
    """The same tensor, or tensors, on the stub."""
    if isinstance(value, tuple | list):
        return type(value)(map(elsewhere, value))
    if not isinstance(value, Tensor) or isinstance(value, Elsewhere):
        return value
    if plain(lambda: value.dtype) == torch.float64:
        raise TypeError("the device has no float64")
    return plain(value.as_subclass, Elsewhere)


def flat(values):
    for value in values:
        if isinstance(value, tuple | list):
            yield from flat(value)
        elif isinstance(value, dict):
            yield from flat(value.values())
        else:
            yield value


class Elsewhere(Tensor):
    device = STUB

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        name = getattr(function, "__name__", "")
        if name in ("numpy", "__array__"):
            raise TypeError("can't convert a tensor of the device to numpy: copy it to the host first")
        tensors = [t for t in flat([args, kwargs]) if isinstance(t, Tensor)]
        here = [t for t in tensors if not isinstance(t, Elsewhere) and plain(lambda t=t: t.ndim)]
        moves = name in ("to", "cpu", "type_as")
        if here and not moves:
            raise RuntimeError(f"{name}: expected all tensors to be on one device, got {STUB} and {HERE}")
        there = isinstance(args[0], Elsewhere) if args else True
        if moves:
            targets = [t for t in args[1:] if isinstance(t, str | torch.device)] + [kwargs.get("device")]
            targets += [t.device for t in args[1:] if isinstance(t, Tensor)]
            target = next((torch.device(t) for t in targets if t is not None), HERE if name == "cpu" else None)
            there = there if target is None else target.type == STUB.type
            args = [HERE if isinstance(a, str | torch.device) else a for a in args]
            kwargs |= {"device": HERE} if kwargs.get("device") else {}
        result = plain(function, *args, **kwargs)
        if not moves and "device" not in kwargs:
            return elsewhere(result)
        return elsewhere(result) if there else plain(result.as_subclass, Tensor)


class Stub(TorchFunctionMode):
    """Makes tensors on the stub where they are asked for there."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        if getattr(function, "__name__", "") == "to" and not isinstance(args[0], Elsewhere):
            return Elsewhere.__torch_function__(function, types, args, kwargs)
        if kwargs.get("device") is not None and torch.device(kwargs["device"]).type == STUB.type:
            return elsewhere(function(*args, **{**kwargs, "device": HERE}))
        return function(*args, **kwargs)


@pytest.fixture
def device():
    for name, found in (("cuda", torch.cuda.is_available()), ("mps", torch.backends.mps.is_available())):
        if found:
            yield torch.device(name, 0)
            return
    with Stub():
        yield STUB


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed + sum(shape)))


def network(activation="tanh"):
    W = 0.9 * draw(12, 12) / 12**0.5
    return Network(draw(12, 3), W, draw(2, 12), draw(12) / 9, draw(2), draw(12) / 2, activation)


def moved(net, device):
    return Network(**{name: t.to(device) for name, t in net.tensors().items()}, activation=net.activation)


def same(there, here, tolerance=1e-5):
    assert there.device.type != "cpu"
    np.testing.assert_allclose(there.detach().cpu().numpy(), here.detach().numpy(), rtol=0, atol=tolerance)


def test_a_stub_is_as_strict_as_a_device(device):
    there, here = draw(2, 2).to(device), draw(2, 2)
    assert there.device == device and (there @ there).device == device and there.cpu().device == HERE
    assert torch.zeros(2, device=device).device == device and draw(2, 2).to(there).device == device
    for mix in (lambda: there @ here, lambda: here + there, lambda: torch.stack([there, here])):
        with pytest.raises(RuntimeError, match="device"):
            mix()
    with pytest.raises(TypeError):
        there.numpy()
    with pytest.raises(TypeError):
        np.asarray(there)


def test_a_file_is_verified_and_loaded_to_the_device_and_saved_from_it(device, tmp_path):
    net = network("relu")
    net.save(tmp_path / "here.safetensors")
    there = Network.load(tmp_path / "here.safetensors", device=device)
    assert {t.device for t in there.tensors().values()} == {device}
    assert there.digest() == net.digest() and there.activation == "relu"
    there.save(tmp_path / "there.safetensors")
    assert Network.load(tmp_path / "there.safetensors").digest() == net.digest()
    content = bytearray((tmp_path / "here.safetensors").read_bytes())
    content[-1] ^= 1
    (tmp_path / "here.safetensors").write_bytes(content)
    with pytest.raises(ValueError, match="damaged"):
        Network.load(tmp_path / "here.safetensors", device=device)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("stack", [None, 3])
def test_a_run_on_the_device_gives_what_the_processor_gives(device, activation, stack):
    net, inputs = network(activation), draw(7, 5, 3)
    W = None if stack is None else draw(stack, 12, 12) / 4
    there = moved(net, device)
    arguments = inputs.to(device), None if W is None else W.to(device), 4
    same(rollout(there, *arguments), rollout(net, inputs, W, 4))
    same(hidden_states(there, *arguments), hidden_states(net, inputs, W, 4))


def test_gradients_on_the_device_are_those_of_the_processor(device):
    found = []
    for place in (HERE, device):
        net = moved(network(), place)
        W, inputs = (t.to(place).requires_grad_() for t in (network().W_hh, draw(7, 5, 3)))
        outputs = rollout(net, inputs, W, free_steps=2)
        found.append(torch.autograd.grad(outputs.square().mean(), [W, inputs]))
    for here, there in zip(*found, strict=True):
        same(there, here)


def test_inputs_or_matrices_on_another_device_than_the_network_are_refused(device):
    net, inputs = network(), draw(7, 5, 3)
    with pytest.raises(ValueError, match=f"W_hh must be torch.float32 on cpu .*{device}"):
        rollout(net, inputs, net.W_hh.to(device))
    with pytest.raises(ValueError, match=f"inputs must be torch.float32 on {device} .*cpu"):
        rollout(moved(net, device), inputs)
    with pytest.raises(ValueError, match="one dtype and device.*W_hy"):
        Network(net.W_xh, net.W_hh, net.W_hy.to(device))


def equal(there, here):
    """Two evaluations ask the same of the same numbers."""
    matrices = [here.W_hh, here.W_hh / 2, here.form.ablate({"RR"})]
    assert there.W_hh.device == HERE and torch.equal(there.W_hh, here.W_hh)
    assert there.scores(matrices).device == HERE
    np.testing.assert_allclose(there.trial_scores(matrices), here.trial_scores(matrices), atol=1e-5)
    np.testing.assert_allclose(there.acted_on(), here.acted_on(), atol=1e-5)
    assert there.acted_on().dtype == torch.float64
    a, b = (profile_of(trials, n_draws=20).select_dtypes("number") for trials in (there, here))
    np.testing.assert_allclose(a, b, atol=2e-4)


@pytest.mark.parametrize("task", [tasks.flip_flop(), tasks.copy(horizon=3)], ids=lambda task: task.name)
def test_an_evaluation_on_a_task_follows_its_network(device, task):
    net = Network(draw(16, task.n_inputs), draw(16, 16) / 4, draw(task.n_outputs, 16))
    here, there = (on_task(moved(net, place), task, n_trials=6) for place in (HERE, device))
    assert there.inputs.device == there.targets.device == device
    equal(there, here)


@pytest.mark.parametrize("metric", ["accuracy", "cross_entropy"])
def test_classes_are_scored_on_the_device(device, metric):
    net, inputs = network(), draw(7, 6, 3)
    classes = (draw(1, 6) > 0).long()
    here, there = (
        of_network(moved(net, place), inputs.to(place), classes.to(place), metric) for place in (HERE, device)
    )
    equal(there, here)
    found, known = (stabilisers(trials, trials, kinds=["blocks"]) for trials in (there, here))
    pd.testing.assert_frame_equal(found, known, rtol=1e-4)


class Model(nn.Module):
    """A layer and a read-out whose shapes would not stand a transposition."""

    def __init__(self, kind):
        super().__init__()
        self.rnn, self.readout = kind(3, 8), nn.Linear(8, 2)
        for i, parameter in enumerate(self.parameters()):
            parameter.data = draw(*parameter.shape, seed=i) / 3

    def forward(self, x):
        return self.readout(self.rnn(x)[0])


@pytest.mark.parametrize(("kind", "gate"), [(nn.RNN, None), (nn.GRU, "new"), (nn.LSTM, "cell")])
def test_an_evaluation_of_a_module_follows_its_parameters(device, kind, gate):
    inputs, targets = draw(9, 6, 3), draw(9, 6, 2)
    here = evaluation(Model(kind), "rnn.weight_hh_l0", inputs, targets, gate=gate)
    module = Model(kind)
    for owner in (module.rnn, module.readout):
        for name, parameter in list(owner.named_parameters(recurse=False)):
            setattr(owner, name, nn.Parameter(parameter.detach().to(device)))
    there = evaluation(module, "rnn.weight_hh_l0", inputs.to(device), targets, gate=gate)
    assert there.targets.device == device and there.network is None
    equal(there, here)
