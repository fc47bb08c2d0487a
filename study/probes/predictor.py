"""What a removed set of couplings will do, from the intact network: one recursion, and cheaper things put in it.

Ablation takes ΔW out of W, so that W̃ = W − ΔW. With D_t the slopes of the activation in the intact run, the
ablated run departs from it, to first order in the departure, by

    e_t = D_t (W̃ e_{t−1} − ΔW h_{t−1}),  e_0 = 0,        ΔFVU ≈ E‖W_hy e_t‖² / E‖y − ȳ‖²

over the scored steps. Three things have to come together: ΔW reads the states, W̃ carries on what is missing,
W_hy sees it. Nothing is fitted, and the ablated network is never run. What the first order leaves out is that an
activation saturates, and that the network's own error may go along with e (`E rᵀ W_hy e` with its residual r).

`FORMS` puts cheaper things in the place of D_t, W̃ and h: see `predict`.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from schur_lib.schur import SUBSETS, Matrix, label
from schur_lib.subjects import Evaluation

FORMS = {  # what each has to know
    "two_sided": "slopes and states of every step; W̃",
    "intact_carries": "slopes and states of every step; W in the place of W̃",
    "mean_slopes": "one mean slope a unit; states of every step; W̃",
    "no_states": "one mean slope a unit; the inputs; W and W̃",
    "moments": "one mean slope a unit; E[h hᵀ]; W̃",
    "weights": "W_xh, W, W̃, W_hy alone",
}


def predict(trials: Evaluation, removed: Iterable[Matrix]) -> pd.DataFrame:
    """The predicted ΔFVU of removing each of some matrices ΔW from a network's recurrent weights.

    - `two_sided`: the recursion of the module.
    - `intact_carries`: with W in the place of W̃.
    - `mean_slopes`: with the mean slope of each unit, D̄ = E[D_t], in the place of D_t.
    - `no_states`: with D̄, and in the place of the states those of the linear h_t = D̄ (W h_{t−1} + W_xh x_t).
    - `moments`: with D̄, and as if the states of different steps had nothing to do with each other, so that of
      the states only E[h hᵀ] counts: Σ_k w_k tr(O_k D̄ ΔW E[h hᵀ] ΔWᵀ D̄), O_k = (Ãᵀ)^k W_hyᵀ W_hy Ã^k, Ã = D̄ W̃.
    - `weights`: with slopes 1/max(1, ρ(W)), for white inputs, relative to the power of the linear network's own
      outputs. Of the task only its length enters.

    Args:
        trials: a plain network on trials with targets that are numbers; in float64 by preference.
        removed: ΔW, (N, N) each.

    Returns:
        One row a matrix: `active_mass` E‖ΔW h‖²/E‖W h‖² (NaN without activity), then one column a form.

    Raises:
        ValueError: the model is no plain network, or the targets are classes.
    """
    net, inputs, W = trials.network, trials.inputs, trials.W_hh
    if net is None or inputs is None or trials.metric.classes:
        got = f"{type(trials.module).__name__} with the metric {trials.metric.name!r}"
        raise ValueError(f"predict needs a schur_lib.Network and targets that are numbers, got {got}")
    W_xh, W_hy = net.W_xh.double(), net.W_hy.double()
    before, after = trials.acted_on(), trials.states().double()
    n_steps, n_scored, n_driven = len(after), trials.n_scored, len(inputs)
    slopes = (after > 0).double() if net.activation == "relu" else 1 - after.square()
    mean = slopes.mean((0, 1))
    drive = inputs.double() @ W_xh.T + (0 if net.b_h is None else net.b_h.double())
    linear = linear_states(mean, W, drive, n_steps)
    root = torch.linalg.cholesky_ex(_moments(before))[0].T[None]
    flat = torch.full_like(mean, 1 / max(1.0, float(np.abs(trials.form.eigenvalues).max())))
    impulses = linear_states(flat, W, W_xh.T[None], n_steps)
    own = (impulses[1:] @ W_hy.T).square().sum((1, 2))
    by_lag = lag_shares(n_steps, n_scored, n_driven)
    # what is written at step s is seen k steps later, s + k = t
    by_age = lag_shares(n_steps, n_scored, n_steps)
    variance, acting = target_variance(trials.targets), float((before @ W.T).square().sum())

    rows = []
    for dW in map(torch.as_tensor, removed):
        ablated, read = W - dW, before @ dW.T
        power = {
            "two_sided": carried(slopes, ablated, read, W_hy),
            "intact_carries": carried(slopes, W, read, W_hy),
            "mean_slopes": carried(mean, ablated, read, W_hy),
            "no_states": carried(mean, ablated, linear[:-1] @ dW.T, W_hy),
        }
        row = {form: float(p[-n_scored:].mean()) / variance for form, p in power.items()}
        row["active_mass"] = float(read.square().sum()) / acting if acting > 0 else float("nan")
        aged = carried(mean, ablated, root @ dW.T, W_hy, n_steps) * root.shape[1]
        row["moments"] = float(aged @ by_age) / variance
        lagged = carried(flat, ablated, impulses[:-1] @ dW.T, W_hy) * impulses.shape[1]
        row["weights"] = float(lagged @ by_lag / (own @ by_lag))
        rows.append(row)
    return pd.DataFrame(rows, columns=["active_mass", *FORMS])


def carried(slopes: Tensor, W: Tensor, read: Tensor, W_hy: Tensor, n_steps: int | None = None) -> Tensor:
    """E‖W_hy e_t‖² at each step of e_t = D_t (W e_{t−1} − r_t), e_0 = 0.

    Args:
        slopes: (T, B, N), or (N,) for all steps and trials.
        W: (N, N), what carries e on.
        read: (T', B, N), r_t, such as ΔW h_{t−1}; zero after T' steps.
        W_hy: (N_y, N).
        n_steps: T; None: T'.

    Returns:
        (T,) float64, means over trials.
    """
    e, power = torch.zeros_like(read[0]), []
    for t in range(len(read) if n_steps is None else n_steps):
        e = e @ W.T
        if t < len(read):
            e = e - read[t]
        e = e * (slopes if slopes.ndim == 1 else slopes[t])
        power.append((e @ W_hy.T).square().sum(-1).mean())
    return torch.stack(power)


def linear_states(slopes: Tensor, W: Tensor, drive: Tensor, n_steps: int) -> Tensor:
    """h_0 = 0, then h_t = D (W h_{t−1} + d_t) with fixed slopes: (T + 1, B, N).

    Args:
        slopes: (N,), the diagonal of D.
        W: (N, N).
        drive: (T', B, N), d_t; zero after T' steps.
        n_steps: T.
    """
    states = [torch.zeros_like(drive[0])]
    for t in range(n_steps):
        h = states[-1] @ W.T
        states.append(slopes * (h + drive[t] if t < len(drive) else h))
    return torch.stack(states)


def lag_shares(n_steps: int, n_scored: int, n_driven: int) -> Tensor:
    """How often each lag k = 0, 1, … counts: the number of pairs of a scored step t and a driven step t − k, over
    the number of scored steps; (T,) float64."""
    driven = torch.zeros(n_steps, dtype=torch.float64)
    driven[:n_driven] = 1
    lags = torch.arange(n_steps)
    return torch.stack([driven[t - lags] * (lags <= t) for t in range(n_steps - n_scored, n_steps)]).mean(0)


def target_variance(targets: Tensor) -> float:
    """E‖y − ȳ‖², ȳ the mean target over time and trials."""
    targets = targets.double()
    return float((targets - targets.mean((0, 1))).square().sum(-1).mean())


def _moments(states):
    """E[h hᵀ] with a ridge far below rounding's reach, so that it has a Cholesky root."""
    flat = states.flatten(0, 1)
    C = flat.T @ flat / len(flat)
    return C + 1e-12 * (C.trace() / len(C) + 1e-300) * torch.eye(len(C), dtype=C.dtype)


def forms(trials: Evaluation, held_out: Evaluation, alphas: Sequence[float] = (0.9,)) -> pd.DataFrame:
    """Every form of the prediction beside what the ablation does on other trials.

    Args:
        trials: a plain network on the trials that the predictions see, scored by FVU.
        held_out: the same network on other trials, where the ablation is measured.
        alphas: thresholds, each in (0, 1].

    Returns:
        One row a threshold and removed set: `alpha`, `removed`, `n_leading`, `mass` ‖ΔT‖_F/‖T‖_F, `active_mass`
        E‖ΔW h‖²/E‖W h‖², a column for each of `FORMS` (predicted ΔFVU), `delta` (ΔFVU measured), `score` (FVU of
        the intact network).
    """
    form, W = trials.form, trials.W_hh.numpy()
    keys = [(alpha, removed) for alpha in alphas for removed in SUBSETS if removed]
    changes = [form.part(form.mask(removed, alpha)) for alpha, removed in keys]
    rows = [
        {
            "alpha": alpha,
            "removed": label(removed),
            "n_leading": form.n_leading(alpha),
            "mass": form.removed_mass(removed, alpha),
        }
        for alpha, removed in keys
    ]
    table = pd.concat([pd.DataFrame(rows), predict(trials, changes)], axis=1)
    delta = held_out.scores(W - dW for dW in changes).numpy() - held_out.intact
    return table.assign(delta=delta, score=held_out.intact)


def doses(
    trials: Evaluation, amounts: Sequence[float] = (0.03, 0.1, 0.3, 1.0), alpha: float = 0.9
) -> pd.DataFrame:
    """The two-sided prediction where only a share of each block is removed: it is exact for small ones.

    Args:
        trials: a plain network on some trials, scored by FVU, in float64.
        amounts: s, of s ΔW.
        alpha: splits the leading sector from its complement, in (0, 1].

    Returns:
        One row a block and dose: `removed`, `dose`, `two_sided` (predicted E‖W_hy e‖²/E‖y − ȳ‖²), `moved` (the
        same of the outputs' true change), `delta` (ΔFVU).
    """
    form, W = trials.form, trials.W_hh.numpy()
    keys = [(name, float(dose)) for name in ("RR", "CR", "CC") for dose in amounts]
    changes = [dose * form.part(form.mask({name}, alpha)) for name, dose in keys]
    own, *others = trials.outputs([W, *(W - dW for dW in changes)])
    variance = target_variance(trials.targets)
    moved = [float((other - own).double().square().sum(-1).mean()) / variance for other in others]
    delta = trials.scores(W - dW for dW in changes).numpy() - trials.intact
    table = pd.DataFrame(keys, columns=["removed", "dose"])
    return table.assign(two_sided=predict(trials, changes).two_sided, moved=moved, delta=delta)
