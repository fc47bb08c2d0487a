"""The two-sided prediction for cells that are not the paper's, by Jacobian products.

A cell is s_t = F(x_t, s_{t−1}, u_t) with u_t = W h_{t−1} + b, h the first N entries of its state s. Then the
departure of the ablated run is, to first order and with the slopes of the intact run,

    e_t = ∂F/∂s e_{t−1} + ∂F/∂u (W̃ e_{t−1} − ΔW h_{t−1}):

one Jacobian product a step. For a plain tanh cell it is the recursion of `predictor`.
"""

from collections.abc import Callable, Iterable

import pandas as pd
import torch
from torch import Tensor, nn

from schur_lib.metrics import NEGLIGIBLE_MASS
from study import cells
from study.probes.predictor import target_variance

Step = Callable[[Tensor, Tensor, Tensor], Tensor]


def cell_forms(models: Iterable[tuple[str, int, cells.Model]], n_trials: int) -> pd.DataFrame:
    """Predicted and measured harm of each block of every recurrent matrix of other cells on the flip-flop.

    Args:
        models: from `study.cells.models`.
        n_trials: held-out trials.

    Returns:
        One row a block: `cell`, `seed`, `matrix` ("W" or the gate), `removed`, `mass`, `two_sided` (predicted
        ΔFVU), `delta` (ΔFVU), `score` (FVU of the intact cell). Blocks at rounding level have no rows.
    """
    rows = []
    for kind, seed, model in models:
        for matrix, trials in cells.evaluations(kind, model.double(), n_trials):
            gates = cells.GATES.get(kind, (matrix,))
            form, core = trials.form, model.core
            W = core.weight_hh_l0.detach()
            start = gates.index(matrix) * W.shape[1]
            for name, mask in form.couplings().items():
                if form.mass(mask) <= NEGLIGIBLE_MASS:
                    continue
                dW = torch.from_numpy(form.part(mask))
                stacked = torch.zeros_like(W)
                stacked[start : start + len(dW)] = dW
                with torch.no_grad():
                    e = departures(core, trials.inputs, stacked) @ model.readout.weight.T
                predicted = float(e.square().sum(-1).mean()) / target_variance(trials.targets)
                delta = float(trials.scores([trials.W_hh - dW])[0]) - trials.intact
                rows.append((kind, seed, matrix, name, form.mass(mask), predicted, delta, trials.intact))
    columns = ["cell", "seed", "matrix", "removed", "mass", "two_sided", "delta", "score"]
    return pd.DataFrame(rows, columns=columns)


def departures(core: nn.Module, inputs: Tensor, removed: Tensor) -> Tensor:
    """e_1 … e_T, (T, B, N): to first order, how far h departs when ΔW is taken out of a layer's W.

    Args:
        core: `nn.RNN`, `nn.GRU` or `nn.LSTM` of one layer, time first, or a cell of `study.cells`; in float64.
        inputs: (T, B, N_x).
        removed: ΔW, of the shape of `weight_hh_l0` (gates stacked as torch stacks them).
    """
    step, n_states = step_of(core)
    W = core.weight_hh_l0.detach()
    zero = W.new_zeros(len(W))
    bias_x, bias_h = (getattr(core, f"bias_{name}_l0", zero) for name in ("ih", "hh"))
    n_h, found = W.shape[1], []
    s = W.new_zeros(inputs.shape[1], n_states * n_h)
    e = torch.zeros_like(s)
    for x in inputs @ core.weight_ih_l0.T + bias_x:
        h, d = s[:, :n_h], e[:, :n_h]
        along = d @ (W - removed).T - h @ removed.T
        s, e = torch.func.jvp(lambda s, u, x=x: step(x, s, u), (s, h @ W.T + bias_h), (e, along))
        found.append(e[:, :n_h])
    return torch.stack(found)


def step_of(core: nn.Module) -> tuple[Step, int]:
    """F of a layer, (drive, state, u) → state, and how many vectors of N entries a state has."""

    def gru(x, h, u):
        (xr, xz, xn), (ur, uz, un) = x.chunk(3, -1), u.chunk(3, -1)
        z = torch.sigmoid(xz + uz)
        return (1 - z) * torch.tanh(xn + torch.sigmoid(xr + ur) * un) + z * h

    def lstm(x, s, u):
        i, f, g, o = (x + u).chunk(4, -1)
        c = torch.sigmoid(f) * s.chunk(2, -1)[1] + torch.sigmoid(i) * torch.tanh(g)
        return torch.cat([torch.sigmoid(o) * torch.tanh(c), c], -1)

    if isinstance(core, cells.Leaky):
        a = core.leak
        return lambda x, h, u: (1 - a) * h + a * torch.tanh(x + u), 1
    if isinstance(core, nn.RNN):
        activation = torch.relu if core.nonlinearity == "relu" else torch.tanh
        return lambda x, h, u: activation(x + u), 1
    if isinstance(core, nn.GRU | nn.LSTM):
        return (gru, 1) if isinstance(core, nn.GRU) else (lstm, 2)
    raise ValueError(f"known are nn.RNN, nn.GRU, nn.LSTM, Leaky and LowRank; got {type(core).__name__}")
