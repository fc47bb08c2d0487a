"""How many directions of recurrent weight space does a task fix?

Let J be the derivative of the scored outputs by the N² recurrent weights, divided by the root of the targets'
variance. With the slopes D_t of the activation in the intact run, a change δW moves the outputs, to first order, by

    e_t = D_t (W e_{t−1} + δW h_{t−1}),  e_0 = 0,  δy_t = W_hy e_t,       ΔFVU ≈ vec(δW)ᵀ G vec(δW),  G = E[Jᵀ J],

where the network's own error has nothing to do with δy. The eigenvalues of G are the costs of N² orthogonal
directions of weight space; those that cost (almost) nothing are symmetries, on the task and to first order. Up to
`EXACT` units J is written out, a row a scored output, step and trial, by adjoints; above, Lanczos finds the dearest
directions from products with J and Jᵀ, because G has N⁴ entries.

In Schur coordinates every entry of T is a direction of its own, so that a block is a set of coordinates.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.linalg import eigh
from scipy.sparse.linalg import LinearOperator, eigsh

from schur_lib.metrics import is_scored
from schur_lib.schur import Mask, Matrix, random_changes
from schur_lib.subjects import Evaluation
from study.probes.activity import activity_basis, activity_moments

EXACT = 96  # units: G has 85 million entries, 0.7 GB
ROWS = 8192  # of J: more are mixed with random signs within each trial
DEAREST = 200  # directions that are looked for above EXACT units
AMOUNT = 0.1  # ‖δW‖_F / ‖W‖_F at which a direction's cost is stated (our choice)
LIMITS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5)  # ΔFVU
FREE = 1e-3  # a direction that costs at most this is free (our choice)
SHARE = 0.9999  # of the activity, whose complement is the activity complement
CHUNK = 2**23  # numbers at a time


@dataclass(frozen=True, eq=False)
class Tangent:
    """The derivative J of a network's scored outputs by its recurrent weights, as products with it.

    Outputs are (…, n_scored, B, N_y), changes of the weights (…, N, N), all float64.
    """

    W: Matrix  #: (N, N), the recurrent weights at which the derivative is taken
    W_hy: Matrix  #: (N_y, N)
    before: Matrix  #: (T, B, N), h_0 … h_{T−1}, the states that W acts on
    slopes: Matrix  #: (T, B, N), the diagonals of D_1 … D_T
    weight: Matrix  #: (n_scored, B, N_y): (n_scored B E‖y − ȳ‖²)^(−1/2) where a target is scored, else 0
    residual: Matrix  #: (n_scored, B, N_y), weight (ŷ − y): the sum of its squares is the FVU

    def push(self, dW: Matrix) -> Matrix:
        """J δW: by how much the outputs move; the sum of the squares is ΔFVU."""
        e, moved, first = 0.0, [], len(self.slopes) - len(self.weight)
        read = self.before @ dW[..., None, :, :].swapaxes(-1, -2)
        for t, slopes in enumerate(self.slopes):
            e = slopes * (read[..., t, :, :] + (e @ self.W.T if t else 0.0))
            if t >= first:
                moved.append(e @ self.W_hy.T)
        return self.weight * np.stack(moved, axis=-3)

    def pull(self, outputs: Matrix) -> Matrix:
        """Jᵀ c, the gradient of c · y by the weights, summed over trials."""
        adjoint = self.adjoints(outputs)
        flat = adjoint.reshape(*adjoint.shape[:-3], -1, len(self.W))
        return flat.swapaxes(-1, -2) @ self.before.reshape(-1, len(self.W))

    def adjoints(self, outputs: Matrix) -> Matrix:
        """D_t λ_t with λ_t = W_hyᵀ c_t + Wᵀ D_{t+1} λ_{t+1}: (…, T, B, N)."""
        back, first = (self.weight * outputs) @ self.W_hy, len(self.slopes) - len(self.weight)
        found = np.empty((*outputs.shape[:-3], *self.slopes.shape))
        carried = 0.0
        for t in range(len(self.slopes) - 1, -1, -1):
            seen = back[..., t - first, :, :] if t >= first else 0.0
            found[..., t, :, :] = self.slopes[t] * (seen + carried)
            carried = found[..., t, :, :] @ self.W
        return found

    def rows(self, signs: int | None = None, seed=0) -> Matrix:
        """J itself, (n_scored N_y B, N²); with `signs`, so many random mixtures of the rows of each trial.

        The mixtures have the same Jᵀ J in the mean.
        """
        n_scored, B, n_y = self.weight.shape
        if signs is None:
            wanted = np.eye(n_scored * n_y)
        else:
            wanted = np.random.default_rng(seed).choice([-1.0, 1.0], (signs, n_scored * n_y)) / signs**0.5
        wanted = wanted.reshape(-1, n_scored, 1, n_y)
        size = max(1, CHUNK // self.slopes.size)
        found = np.empty((len(wanted), B, *self.W.shape))
        for i in range(0, len(wanted), size):
            some = np.broadcast_to(wanted[i : i + size], (*wanted[i : i + size].shape[:2], B, n_y))
            adjoints = self.adjoints(some).transpose(0, 2, 3, 1)
            np.matmul(adjoints, self.before.transpose(1, 0, 2), out=found[i : i + size])
        return found.reshape(-1, self.W.size)


def tangent(trials: Evaluation, W: Matrix | None = None) -> Tangent:
    """The derivative of a plain network's scored outputs at some recurrent weights, its own by default.

    Args:
        trials: a plain network (tanh or ReLU) on trials with targets that are numbers; in float64 by preference.
        W: (N, N).

    Raises:
        ValueError: the model is no plain network, or the targets are classes.
    """
    net = trials.network
    if net is None or trials.metric.classes:
        got = f"{type(trials.module).__name__} with the metric {trials.metric.name!r}"
        raise ValueError(
            "the directions of weight space need a schur_lib.Network, whose slopes are known, and targets that are "
            f"numbers; got {got}: make a Network of the model's matrices"
        )
    W = trials.W_hh.numpy() if W is None else W
    after = trials.states(W).cpu().double().numpy()
    start = np.zeros(after.shape[1:]) if net.h0 is None else np.broadcast_to(net.h0.cpu().double(), after.shape[1:])
    slopes = (after > 0).astype(float) if net.activation == "relu" else 1 - after**2
    W_hy, targets = net.W_hy.cpu().double().numpy(), trials.targets.cpu().double()
    scored = is_scored(targets)
    varied = targets.sub(targets.nanmean((0, 1))).where(scored, targets.new_zeros(())).square().sum(-1).mean()
    weight = scored.double().numpy() / np.sqrt(targets.shape[0] * targets.shape[1] * float(varied))
    outputs = after[-trials.n_scored :] @ W_hy.T + (0.0 if net.b_y is None else net.b_y.cpu().double().numpy())
    missed = np.where(scored, outputs - np.nan_to_num(targets.numpy()), 0.0)
    return Tangent(W, W_hy, np.concatenate([start[None], after[:-1]]), slopes, weight, weight * missed)


def directions(of: Tangent, seed=0) -> tuple[Matrix, Matrix]:
    """Eigenvalues of G, largest first, and its eigenvectors (k, N, N), without those that cost nothing.

    Args:
        of: the derivative.
        seed: of the random signs, where J has more than `ROWS` rows.
    """
    N, size = len(of.W), float(np.square(of.W).sum())
    if N > EXACT:
        n, k = N * N, min(DEAREST, N * N - 1)
        G = LinearOperator((n, n), lambda x: of.pull(of.push(x.reshape(N, N))).ravel(), dtype=np.float64)
        values, vectors = eigsh(G, k, v0=np.random.default_rng(seed).standard_normal(n), tol=1e-3)
        vectors = vectors.T
    else:
        B = of.weight.shape[1]
        J = of.rows(max(1, ROWS // B) if of.weight.size > ROWS else None, seed)
        # of J Jᵀ or Jᵀ J the smaller
        tall = len(J) > J.shape[1]
        lowest = 0.1 * min(LIMITS) / (AMOUNT**2 * size)
        values, vectors = eigh(J.T @ J if tall else J @ J.T, subset_by_value=(lowest, np.inf), overwrite_a=True)
        vectors = vectors.T if tall else (vectors.T @ J) / np.sqrt(values)[:, None]
    return values[::-1], vectors[::-1].reshape(-1, N, N)
