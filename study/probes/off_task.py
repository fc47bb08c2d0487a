"""Is an invariance restricted to the task, or does the network do without those weights wherever it is?

The rollout discrepancy (paper, section 2) is here d = E‖ỹ − ŷ‖² / E‖ŷ − E ŷ‖², ỹ the outputs of the ablated
network and ŷ those of the intact one: on the task's trials, and elsewhere (`SITUATIONS`). It needs no targets.
"""

from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from scipy.linalg import schur

from schur_lib.dynamics import rollout
from schur_lib.schur import Mask, Matrix, OrderedSchur, random_changes
from schur_lib.subjects import Evaluation
from study.probes.activity import activity_basis, activity_moments

STREAM = 128  # steps of a long input, at least
SHARE = 0.9999  # of the activity that is left to the network without what acts elsewhere (our choice)
SITUATIONS = {
    "task": "held-out trials of the task",
    "streams": f"trials of the task one after the other, {STREAM} steps or more",
    "half": "the task's inputs, half as large",
    "double": "the task's inputs, twice as large",
    "noisy": "the task's inputs with white noise, half their root mean square",
    "white": "white noise in the place of the inputs, with their root mean square on each line",
    "states": "random states, of preactivations as large as on the task, and no input",
}


def off_task(trials: Evaluation, alpha: float = 0.9, seed=0) -> pd.DataFrame:
    """The rollout discrepancy of what might be removed, on the task and off it.

    Candidates: the three blocks; `RC`, what couples the leading sector into the complement in the form with the
    complement first (`complement_first`); `off`, all of W that acts on states outside of the leading principal
    directions, W (I − P_V) with 99.99 % of the activity in V, a restriction to the task by construction; and as
    large as T_CC, `random`, an isotropic change, and `similar`, a change W − S W S⁻¹ that no linear network shows
    in its outputs (`similarity`).

    Args:
        trials: a plain network on trials of its task.
        alpha: splits the leading sector from its complement, in (0, 1].
        seed: of noise, states and the random change.

    Returns:
        One row a candidate and situation: `removed`, `mass` ‖ΔW‖_F/‖W‖_F, `harm` (on the task, in units of its
        metric), `situation`, `discrepancy` (NaN where the intact network's outputs do not vary).
    """
    net, rng = trials.network, np.random.default_rng(seed)
    if net is None or trials.inputs is None:
        raise ValueError(f"off_task needs a schur_lib.Network, got {type(trials.module).__name__}")
    form, W = trials.form, trials.W_hh.numpy()
    V = activity_basis(activity_moments(trials), SHARE)
    changes = {name: form.part(mask) for name, mask in form.couplings(alpha).items()}
    other, between = complement_first(form, alpha)
    changes["RC"], changes["off"] = other.part(between), W - W @ V @ V.T
    size = np.linalg.norm(changes["CC"])
    (changes["random"],) = random_changes(1, size, len(W), rng)
    changes["similar"] = W - similarity(W, net.W_xh.double().numpy(), net.W_hy.double().numpy(), size, rng)
    matrices = torch.from_numpy(np.stack([W, *(W - dW for dW in changes.values())])).to(net.W_hh)
    harms, rows = trials.harms(matrices[1:]), []
    for situation, (runner, inputs, free_steps) in _situations(trials, rng).items():
        with torch.no_grad():
            outputs = rollout(runner, inputs, matrices, free_steps).double()
        if trials.free_steps:  # what is answered while the input lasts does not count
            outputs = outputs[:, -free_steps:]
        own = outputs[0]
        spread = float((own - own.mean((0, 1))).square().sum(-1).mean())
        for (name, dW), harm, ablated in zip(changes.items(), harms, outputs[1:], strict=True):
            moved = float((ablated - own).square().sum(-1).mean())
            mass = np.linalg.norm(dW) / np.linalg.norm(W)
            rows.append((name, mass, harm, situation, moved / spread if spread > 0 else np.nan))
    return pd.DataFrame(rows, columns=["removed", "mass", "harm", "situation", "discrepancy"])


def complement_first(form: OrderedSchur, alpha: float = 0.9) -> tuple[OrderedSchur, Mask]:
    """The Schur form with the complement before the leading sector, and the mask of what couples R into C.

    Args:
        form: ordered by nonincreasing modulus.
        alpha: where R ends, in (0, 1].

    Returns:
        Form and (N, N) mask; the mask is empty where the complement is.
    """
    n, moduli = form.n_leading(alpha), np.abs(form.eigenvalues)
    if n == len(moduli):
        return form, np.zeros(form.T.shape, dtype=bool)
    limit = (moduli[:n].min() + moduli[n:].max()) / 2
    T, Q, first = schur(form.T, output="real", sort=lambda re, im: np.hypot(re, im) < limit)
    other = OrderedSchur.of_factors(form.Q @ Q, np.triu(T, -1))
    leads = np.arange(len(T)) < first
    return other, other.above & leads[:, None] & ~leads[None, :]


def similarity(W: Matrix, W_xh: Matrix, W_hy: Matrix, size: float, rng: np.random.Generator) -> Matrix:
    """S W S⁻¹ with a random S that fixes the input and the readout, at a Frobenius distance from W.

    If S W_xh = W_xh and W_hy S = W_hy, then W_hy (S W S⁻¹)^m W_xh = W_hy W^m W_xh: a linear network has the same
    outputs for every input. There are (N − N_x)(N − N_y) dimensions of such S where both maps have full rank.

    Args:
        W, W_xh, W_hy: (N, N), (N, N_x), (N_y, N) float64.
        size: ‖S W S⁻¹ − W‖_F.
        rng: draws S.
    """
    away = [np.eye(len(W)) - np.linalg.pinv(A) @ A for A in (W_hy, W_xh.T)]
    X = away[0] @ rng.standard_normal(W.shape) @ away[1]
    amount, changed = 0.0, W

    def at(amount):
        S = np.eye(len(W)) + amount * X
        return S @ W @ np.linalg.inv(S)

    if size > 0 and (slope := np.linalg.norm(X @ W - W @ X)) > 0:
        amount = size / slope
        for _ in range(20):  # the distance is nearly proportional to the amount
            changed = at(amount)
            amount *= size / np.linalg.norm(changed - W)
    return changed


def _situations(trials, rng):
    """Network, inputs and free steps of each situation."""
    net, x, free = trials.network, trials.inputs, trials.free_steps
    n_steps, B, n_x = x.shape

    def noise(*shape):
        return torch.from_numpy(rng.standard_normal(shape)).to(x)

    size = x.square().mean((0, 1)).sqrt()
    n_trials = -(-STREAM // n_steps)
    streams = torch.cat([x[:, rng.permutation(B)] for _ in range(n_trials)])
    states = trials.acted_on()
    before = (states @ trials.W_hh.T)[1:]
    # one step of "input" z with W_xh = I, W_hh h_0 = 0: the state after it is the activation of z
    anywhere = replace(net, W_xh=torch.eye(net.hidden_size).to(x), h0=None)
    z = noise(1, B, net.hidden_size) * before.square().mean().sqrt().to(x)
    return {
        "task": (net, x, free),
        "streams": (net, streams, free),
        "half": (net, x / 2, free),
        "double": (net, 2 * x, free),
        "noisy": (net, x + noise(n_steps, B, n_x) * size / 2, free),
        "white": (net, noise(n_steps, B, n_x) * size, free),
        "states": (anywhere, z, free or n_steps),
    }
