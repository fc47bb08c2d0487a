"""How many directions of recurrent weight space does a task fix?

Let J be the derivative of the scored outputs by the N² recurrent weights, divided by the root of the targets'
variance. With the slopes D_t of the activation in the intact run, a change δW moves the outputs, to first order,
by

    e_t = D_t (W e_{t−1} + δW h_{t−1}),  e_0 = 0,  δy_t = W_hy e_t,       ΔFVU ≈ vec(δW)ᵀ G vec(δW),  G = E[Jᵀ J],

where the network's own error has nothing to do with δy. The eigenvalues of G are the costs of N² orthogonal
directions of weight space; those that cost (almost) nothing are symmetries, on the task and to first order. Up to
`EXACT` units J is written out, a row a scored output, step and trial, by adjoints; above, Lanczos finds the
dearest directions from products with J and Jᵀ, because G has N⁴ entries.

In Schur coordinates every entry of T is a direction of its own, so that a block is a set of coordinates.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.linalg import eigh
from scipy.sparse.linalg import LinearOperator, eigsh

from schur_lib.metrics import is_scored
from schur_lib.schur import Matrix, random_changes
from schur_lib.subjects import Evaluation
from study.probes.activity import activity_basis, activity_moments

EXACT = 96  # units: G has 85 million entries, 0.7 GB
ROWS = 4000  # of J: more are mixed with random signs within each trial
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
            "the directions of weight space need a schur_lib.Network, whose slopes are known, and targets that "
            f"are numbers; got {got}: make a Network of the model's matrices"
        )
    W = trials.W_hh.numpy() if W is None else W
    after = trials.states(W).cpu().double().numpy()
    start = (
        np.zeros(after.shape[1:]) if net.h0 is None else np.broadcast_to(net.h0.cpu().double(), after.shape[1:])
    )
    slopes = (after > 0).astype(float) if net.activation == "relu" else 1 - after**2
    W_hy, targets = net.W_hy.cpu().double().numpy(), trials.targets.cpu().double()
    scored = is_scored(targets)
    varied = targets.sub(targets.nanmean((0, 1))).where(scored, targets.new_zeros(())).square().sum(-1).mean()
    weight = scored.double().numpy() / np.sqrt(targets.shape[0] * targets.shape[1] * float(varied))
    outputs = after[-trials.n_scored :] @ W_hy.T + (0.0 if net.b_y is None else net.b_y.cpu().double().numpy())
    missed = np.where(scored, outputs - np.nan_to_num(targets.numpy()), 0.0)
    return Tangent(W, W_hy, np.concatenate([start[None], after[:-1]]), slopes, weight, weight * missed)


def directions(of: Tangent, seed=0) -> tuple[Matrix, Matrix]:
    """Eigenvalues of G, largest first, and its eigenvectors (k, N, N).

    Args:
        of: the derivative.
        seed: of the random signs, where J has more than `ROWS` rows.

    Returns:
        Those that cost more than the least of `LIMITS`, or the `DEAREST` where there are more than `EXACT` units.
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
        lowest = min(LIMITS) / (AMOUNT**2 * size)
        values, vectors = eigh(J.T @ J if tall else J @ J.T, subset_by_value=(lowest, np.inf), overwrite_a=True)
        vectors = vectors.T if tall else (vectors.T @ J) / np.sqrt(values)[:, None]
    return values[::-1], vectors[::-1].reshape(-1, N, N)


def symmetries(trials: Evaluation, alpha: float = 0.9, seed=0) -> pd.DataFrame:
    """How many directions of a network's recurrent weights cost how much, and where its blocks lie among them.

    Args:
        trials: a plain network on trials with targets that are numbers; in float64 by preference.
        alpha: splits the leading sector from its complement, in (0, 1].
        seed: of the random signs.

    Returns:
        Rows of three kinds, by `what`: "spectrum", one direction in a geometric row of them, with its `number`
        and its `cost`, the ΔFVU of a change along it of 10 % of ‖W‖; "above", one of `LIMITS` as `cost` and in
        `number` how many directions cost more (NaN where more may than were looked for); a block, or "off",
        W (I − P_V) off the activity: `number` dimensions in its place, `free` of them cost at most `FREE`, and of
        what stands there `mass` ‖ΔW‖/‖W‖, `cost` to first order, `isotropic`, the mean of that over all
        changes of its size, and `share`, the share of its square in the free space.

    Raises:
        ValueError: as for `tangent`.
    """
    of, form = tangent(trials), trials.form
    values, vectors = directions(of, seed)
    N, size = len(of.W), float(np.square(of.W).sum())
    costs = AMOUNT**2 * size * values
    rows = [{"what": "spectrum", "number": i + 1, "cost": costs[i]} for i in geometric(len(costs))]
    for limit in LIMITS:
        enough = N <= EXACT or costs[-1] <= limit
        rows.append({"what": "above", "number": int((costs > limit).sum()) if enough else np.nan, "cost": limit})
    V = activity_basis(activity_moments(trials), SHARE)
    rest = np.eye(N) - V @ V.T
    in_schur = form.Q.T @ vectors @ form.Q
    places = {name: (in_schur[:, mask], form.part(mask)) for name, mask in form.couplings(alpha).items()}
    rest_basis = np.linalg.svd(rest)[0][:, : N - V.shape[1]]
    places["off"] = ((vectors @ rest_basis).reshape(len(vectors), -1), of.W @ rest)
    dear = vectors[costs > FREE].reshape(-1, N * N)
    for name, (inside, dW) in places.items():
        # the eigenvalues of G restricted to the place, but for what costs less than all of `LIMITS`
        root = np.sqrt(costs)[:, None] * inside
        own = np.square(dW).sum()
        rows.append(
            {
                "what": name,
                "number": inside.shape[1],
                "free": inside.shape[1] - int((np.linalg.eigvalsh(root @ root.T) > FREE).sum()),
                "mass": np.sqrt(own / size),
                "cost": float(np.square(of.push(dW)).sum()),
                "isotropic": own * values.sum() / N**2,
                "share": 1 - float(np.square(dear @ dW.ravel()).sum() / own) if own else np.nan,
            }
        )
    return pd.DataFrame(rows, columns=["what", "number", "free", "mass", "cost", "isotropic", "share"])


def finite(
    trials: Evaluation, held_out: Evaluation, amounts: tuple[float, ...] = (0.1, 0.3), draws: int = 4, seed=0
) -> pd.DataFrame:
    """What random changes of a finite size do, anywhere and within the free space.

    Args:
        trials: as for `symmetries`; the free space is that of these trials.
        held_out: the same network on others.
        amounts: ‖δW‖_F / ‖W‖_F.
        draws: changes of each size.
        seed: of the changes.

    Returns:
        One row a draw and size: `amount`, `anywhere` and `free`, ΔFVU measured.
    """
    of, rng = tangent(trials), np.random.default_rng(seed)
    values, vectors = directions(of)
    size = np.linalg.norm(of.W)
    dear = vectors[AMOUNT**2 * size**2 * values > FREE].reshape(-1, of.W.size)
    rows = []
    for amount in amounts:
        for dW in random_changes(draws, amount * size, len(of.W), rng):
            kept = dW - (dear.T @ (dear @ dW.ravel())).reshape(dW.shape)
            kept *= amount * size / np.linalg.norm(kept)
            anywhere, free = held_out.scores([of.W + dW, of.W + kept]).numpy() - held_out.intact
            rows.append({"amount": amount, "anywhere": anywhere, "free": free})
    return pd.DataFrame(rows)


def geometric(n: int, per_decade: int = 20) -> list[int]:
    """Some of 0 … n − 1, the first all, then a geometric row of them, and the last."""
    some = np.unique(np.round(10 ** np.arange(0, np.log10(max(n, 1)) + 1e-9, 1 / per_decade)).astype(int) - 1)
    return sorted({*some.tolist(), n - 1} & set(range(n)))
