"""The rate network that a weight file stands for, and its equation.

A plain network (tanh or ReLU, no leak) runs through the library's fused rollout, every other one step by step.
W_hh is the matrix that acts, whatever it was computed from; a = dt / tau is the leak.
"""

import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from schur_lib import networks
from schur_lib.networks import Network
from schur_lib.subjects import Evaluation, evaluation

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "softplus": nn.functional.softplus,
    "identity": lambda z: z,
}
SYMBOLS = {"tanh": "tanh", "relu": "ReLU", "sigmoid": "σ", "softplus": "softplus", "identity": ""}

# Where the leak stands, where the bias, and what the readout takes; the sums are written without their parts.
FORMS = {
    "rate": "h ← (1 − a) h + a φ(W_hh h + W_xh x + b_h), y = W_hy h + b_y",
    "inside": "h ← φ((1 − a) h + a (W_hh h + W_xh x + b_h)), y = W_hy h + b_y",
    "potential": "v ← (1 − a) v + a (W_hh φ(v) + W_xh x + b_h), y = W_hy φ(v) + b_y",
    "potential-out": "v ← (1 − a) v + a (W_hh φ(v) + W_xh x + b_h), y = W_hy v + b_y",
    "bias-inside": "v ← (1 − a) v + a (W_hh φ(v + b_h) + W_xh x), y = W_hy φ(v) + b_y",
}


@dataclass(frozen=True)
class Equation:
    """Which rate network the matrices make up.

    Args:
        activation: φ, one of `ACTIVATIONS`.
        leak: a in (0, 1], dt / tau; 1 is no leak.
        form: one of `FORMS`.
        late: whether the output of a step is read before its input is seen, y_t = W_hy h_{t−1}.
    Raises:
        ValueError: names what is allowed.
    """

    activation: str = "tanh"
    leak: float = 1.0
    form: str = "rate"
    late: bool = False

    def __post_init__(self) -> None:
        if self.activation not in ACTIVATIONS:
            raise ValueError(f"activation must be one of {tuple(ACTIVATIONS)}, got {self.activation!r}")
        if self.form not in FORMS:
            raise ValueError(f"equation must be one of {tuple(FORMS)}, got {self.form!r}")
        if not 0 < self.leak <= 1:
            raise ValueError(f"the leak, dt / tau, must be above 0 and at most 1, got {self.leak:g}")

    def text(self, roles: Iterable[str] = ("b_h", "b_y", "h0")) -> str:
        """The equation in one line, with those of b_h, b_y and h0 that the network has."""
        said, state = FORMS[self.form], FORMS[self.form][0]
        if "b_h" not in roles:
            said = said.replace(" + b_h", "")
        if "b_y" not in roles:
            said = said.replace(" + b_y", "")
        if self.leak == 1:
            said = said.replace(f"(1 − a) {state} + a (", "(").replace(f"(1 − a) {state} + a ", "")
            said = said.replace("φ((", "φ(").replace(")), y", "), y") if self.form == "inside" else said
            said = said.replace("← (", "← ").replace("), y", ", y", 1) if state == "v" else said
        said = said.replace("φ", SYMBOLS[self.activation])
        if self.late:
            said = "first {1}, then {0}".format(*said.split(", "))
        start = "h0" if "h0" in roles else "0"
        rest = f"; a = {self.leak:g}" if self.leak != 1 else ""
        first = " (in the first step without b_h)" if self.form == "bias-inside" and "b_h" in roles else ""
        return f"{said}{rest}; {state} = {start} before the first step{first}"


class RateNetwork(nn.Module):
    """A rate network as a module whose recurrent matrix is the parameter "W_hh".

    Args:
        tensors: by role: W_xh (N, N_x), W_hh (N, N), W_hy (N_y, N) and, where there are such, b_h (N,),
            b_y (N_y,), h0 (N,); float32 or float64, one dtype.
        equation: how they act.
        sources: from what each role was taken, as an expression in the names of the file.
        notes: what was assumed or left out, in sentences.
    Raises:
        ValueError: a shape, dtype or value does not fit; the message names the tensor.
    """

    def __init__(
        self,
        tensors: Mapping[str, Tensor],
        equation: Equation,
        sources: Mapping[str, str] | None = None,
        notes: Iterable[str] = (),
    ):
        super().__init__()
        Network(**tensors)  # its checks of shapes, dtypes and values hold for every rate network
        for name in networks.REQUIRED + networks.OPTIONAL:
            if name != "W_hh":
                self.register_buffer(name, tensors.get(name))
        self.W_hh = nn.Parameter(tensors["W_hh"].detach().clone(), requires_grad=False)
        self.equation, self.sources, self.notes = equation, dict(sources or {}), tuple(notes)

    hidden_size = property(lambda self: len(self.W_hh))
    n_inputs = property(lambda self: self.W_xh.shape[1])
    n_outputs = property(lambda self: len(self.W_hy))
    activation = property(lambda self: self.equation.activation)

    @property
    def start(self) -> Tensor:
        """(N,): what W_hh multiplies with in the first step."""
        state = torch.zeros_like(self.W_hh[0]) if self.h0 is None else self.h0
        return ACTIVATIONS[self.equation.activation](state) if FORMS[self.equation.form][0] == "v" else state

    def tensors(self) -> dict[str, Tensor]:
        """The tensors by role, without those that are None."""
        found = {name: getattr(self, name) for name in networks.REQUIRED + networks.OPTIONAL}
        return {name: tensor.detach() for name, tensor in found.items() if tensor is not None}

    def text(self) -> str:
        """The equation that is run, in one line."""
        return self.equation.text(self.tensors())

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs (T, B, N_y) of inputs (T, B, N_x)."""
        return self._run(inputs)[0]

    def states(self, inputs: Tensor) -> Tensor:
        """(T, B, N): what W_hh multiplies with after each step, h or φ(v)."""
        return self._run(inputs)[1]

    def _run(self, inputs):
        a, phi = self.equation.leak, ACTIVATIONS[self.equation.activation]
        form, W = self.equation.form, self.W_hh.T
        drive, b = inputs @ self.W_xh.T, 0.0 if self.b_h is None else self.b_h
        before, within = (b, 0.0) if form == "bias-inside" else (0.0, b)
        state = torch.zeros_like(drive[0]) if self.h0 is None else self.h0.expand_as(drive[0])
        acts = self.start.expand_as(state)
        of = lambda state: state if form in ("rate", "inside", "potential-out") else phi(state)  # noqa: E731
        acted, read = [], [of(state)] if self.equation.late else []
        for x in drive:
            total = acts @ W + x + within
            if form == "rate":
                state = acts = (1 - a) * state + a * phi(total)
            elif form == "inside":
                state = acts = phi((1 - a) * state + a * total)
            else:
                state = (1 - a) * state + a * total
                acts = phi(state + before)
            acted.append(acts)
            read.append(of(state))
        outputs = torch.stack(read[: len(drive)]) @ self.W_hy.T
        return outputs if self.b_y is None else outputs + self.b_y, torch.stack(acted)

    def read_as(self, turned: bool = False, **changed) -> "RateNetwork":
        """The same tensors under another equation, with W_hh transposed where `turned`."""
        tensors = self.tensors()
        tensors["W_hh"] = tensors["W_hh"].T.contiguous() if turned else tensors["W_hh"]
        return RateNetwork(tensors, replace(self.equation, **changed), self.sources, self.notes)

    def plain(self) -> Network | None:
        """The same as a plain network; None where it is none."""
        equation, tensors = self.equation, self.tensors()
        plain = equation.leak == 1 and not equation.late and equation.activation in networks.ACTIVATIONS
        if not plain or equation.form not in ("rate", "inside", "potential"):
            return None
        if equation.form == "potential" and "h0" in tensors:
            tensors["h0"] = ACTIVATIONS[equation.activation](tensors["h0"])
        return Network(**tensors, activation=equation.activation)


def evaluate(net: Network | RateNetwork, inputs: Tensor, targets: Tensor, metric: str = "fvu") -> Evaluation:
    """A rate network on trials: `schur_lib.evaluation` of it, through the fused rollout where it is a plain one.

    Args:
        net: the network.
        inputs, targets, metric: as `evaluation` takes them, time first.
    """
    if isinstance(net, Network):
        net = RateNetwork(net.tensors(), Equation(net.activation))
    plain = net.plain()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "this network does not do the task")  # the page says so, first of all
        # a matrix of one unit, or of zeros, is its own transpose, and a RateNetwork multiplies as it should
        warnings.filterwarnings("ignore", "W_hh is multiplied as in h @ W")
        try:
            if plain is not None:
                return replace(evaluation(plain, "W_hh", inputs, targets, metric), module=net)
            return evaluation(net, "W_hh", inputs, targets, metric, states=RateNetwork.states)
        except ValueError as error:
            if "finite" not in str(error):
                raise
            raise ValueError(
                f"{error}: over {len(inputs)} steps this network grows beyond all bounds ({net.text()}); is it "
                "the equation that was trained (--activation, --leak, --equation), on trials as long as these?"
            ) from error
