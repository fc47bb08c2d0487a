"""Beyond the paper's networks: other cells on the flip-flop.

Every cell is trained as the paper trains its networks (Adam, 1e-3, batch 64, orthogonal start), in
plain PyTorch. `python -m study.cells` trains the shipped ones anew.
"""

from collections.abc import Iterator

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from schur_lib.dynamics import one_blas_thread
from schur_lib.subjects import Evaluation, evaluation
from schur_lib.tasks import flip_flop, generator, held_out
from study import folders

HIDDEN_SIZE, STEPS, SEEDS = 64, 3840, 3
LEAK = 0.5  # a of the leaky cell (our choice)
RANK = 3  # of the low-rank network: one a bit (our choice)
LAYERS = {
    "ReLU": lambda n: nn.RNN(3, n, bias=False, nonlinearity="relu"),
    "biases": lambda n: nn.RNN(3, n),
    "leaky": lambda n: Leaky(3, n),
    "low rank": lambda n: LowRank(3, n),
    "GRU": lambda n: nn.GRU(3, n),
    "LSTM": lambda n: nn.LSTM(3, n),
}
GATES = {"GRU": ("reset", "update", "new"), "LSTM": ("input", "forget", "cell", "output")}


class Leaky(nn.Module):
    """h_t = (1 − a) h_{t−1} + a tanh(W_xh x_t + W_hh h_{t−1}), without biases."""

    def __init__(self, n_inputs: int, n_h: int, leak: float = LEAK):
        super().__init__()
        bound, self.leak = n_h**-0.5, leak
        self.weight_ih_l0 = nn.Parameter(torch.empty(n_h, n_inputs).uniform_(-bound, bound))
        self.weight_hh_l0 = nn.Parameter(torch.empty(n_h, n_h))

    def forward(self, inputs):
        drive, states = inputs @ self.weight_ih_l0.T, []
        h = drive.new_zeros(drive.shape[1:])
        for x in drive:
            h = (1 - self.leak) * h + self.leak * torch.tanh(x + h @ self.weight_hh_l0.T)
            states.append(h)
        return torch.stack(states), h


class LowRank(Leaky):
    """A tanh cell without biases whose W_hh = U Vᵀ has rank 3; only U and V are trained."""

    def __init__(self, n_inputs: int, n_h: int):
        super().__init__(n_inputs, n_h, leak=1.0)
        self.U, self.V = (nn.Parameter(torch.empty(n_h, RANK)) for _ in range(2))
        del self.weight_hh_l0
        self.register_buffer("weight_hh_l0", torch.zeros(n_h, n_h))

    def forward(self, inputs):
        if self.training:
            self.weight_hh_l0 = self.U @ self.V.T
        return super().forward(inputs)


class Model(nn.Module):
    """A recurrent layer of three inputs and a linear readout of three outputs."""

    def __init__(self, kind: str, n_h: int = HIDDEN_SIZE):
        super().__init__()
        self.core = LAYERS[kind](n_h)
        self.readout = nn.Linear(n_h, 3, bias=kind in ("biases", "GRU", "LSTM"))

    def forward(self, inputs):
        return self.readout(self.core(inputs)[0])


def train_one(kind: str, seed: int, n_h: int = HIDDEN_SIZE, steps: int = STEPS) -> Model:
    """Train a cell on the flip-flop as the paper trains its networks; deterministic by seed.

    Args:
        kind: one of `LAYERS`.
        seed: of the start and of the training data.
        n_h: hidden size.
        steps: of Adam.

    Returns:
        The model in evaluation mode.

    Raises:
        ValueError: unknown kind.
    """
    if kind not in LAYERS:
        raise ValueError(f"kind must be one of {tuple(LAYERS)}, got {kind!r}")
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        model = Model(kind, n_h)
        with torch.no_grad():  # the paper's start: orthogonal, here for each gate
            if kind == "low rank":
                nn.init.orthogonal_(model.core.U)
                model.core.V.copy_(model.core.U)
            else:
                for W in model.core.weight_hh_l0.split(n_h):
                    nn.init.orthogonal_(W)
    task, data = flip_flop(), generator("data", seed)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    with one_blas_thread():
        for _ in range(steps):
            inputs, targets = task.sample(64, data)
            optimiser.zero_grad()
            (model(inputs) - targets).square().mean().backward()
            optimiser.step()
    if kind == "low rank":
        model.core.weight_hh_l0 = (model.core.U @ model.core.V.T).detach()
    return model.eval()


def load(kind: str, seed: int) -> Model:
    """A shipped model.

    Raises:
        ValueError: it is not shipped, or not as it was.
    """
    model = Model(kind)
    model.load_state_dict(load_file(folders.shipped(_file(kind, seed))))
    return model.eval()


def shipped() -> list[tuple[str, int]]:
    """Kind and seed of every shipped model."""
    return [(kind, seed) for kind in LAYERS for seed in range(SEEDS) if _file(kind, seed).exists()]


def models(quick: bool = False) -> list[tuple[str, int, Model]]:
    """Kind, seed and model of all that are shipped; if `quick`, of one a kind, hardly trained."""
    if quick:
        return [(kind, 0, train_one(kind, 0, steps=3)) for kind in LAYERS]
    return [(kind, seed, load(kind, seed)) for kind, seed in shipped()]


def _file(kind, seed):
    return folders.CELLS / f"{kind.replace(' ', '_').lower()}-seed{seed}.safetensors"


def evaluations(kind: str, model: Model, n_trials: int = 1024) -> Iterator[tuple[str, Evaluation]]:
    """A model on held-out flip-flop trials, once for each of its recurrent matrices.

    Args:
        kind: one of `LAYERS`.
        model: of that kind.
        n_trials: held-out trials.

    Yields:
        Name of the matrix: "W", or the gate's; the evaluation.
    """
    inputs, targets = held_out(flip_flop(), n_trials)
    inputs, targets = (t.to(model.readout.weight.dtype) for t in (inputs, targets))
    for gate in GATES.get(kind, (None,)):
        trials = evaluation(
            model,
            "core.weight_hh_l0",
            inputs,
            targets,
            gate=gate,
            states=lambda module, x: module.core(x)[0],
        )
        yield gate or "W", trials


def main():
    """Train the models that data/scope ships and that it has not got."""
    folders.CELLS.mkdir(exist_ok=True)
    for seed in range(SEEDS):
        for kind in LAYERS:
            if not _file(kind, seed).exists():
                model = train_one(kind, seed)
                state = {n: t.detach().contiguous() for n, t in model.state_dict().items()}
                save_file(state, _file(kind, seed), metadata={"kind": kind, "steps": str(STEPS)})


if __name__ == "__main__":
    main()
