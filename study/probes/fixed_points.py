"""Fixed points of a recurrent cell without input, and the ordered Schur form of the Jacobian there.

A gated cell has no one matrix whose Schur form would say how its modes feed one another; near a point x*
that the cell leaves where it is, x* = F(x*, 0), it has: the Jacobian J = ∂F/∂x at x* (Sussillo and
Barak, Neural Computation 25, 2013). Points are found by minimising q = ‖F(x, 0) − x‖² / 2 from states
visited on held-out trials; where q does not reach rounding, the point is slow, not fixed. The
state x is h for a tanh cell and for a GRU, (h, c) for an LSTM.

For a bias-free tanh network the answer is known at one point: x* = 0 is fixed and J = W_hh.

The intervention (our choice) deletes blocks of J and leaves the rest of F alone:

    x_{t+1} = F(x_t, u_t) + (J̃ − J)(x_t − x*),   x* the fixed point nearest to x_t

Every x* stays fixed, with the Jacobian J̃, whose spectrum is that of J: what the cell remembers stays as
stable as it was, and only how it gets there changes. It is exact to first order around the fixed points and
an extrapolation elsewhere, and it jumps where the nearest point changes. At x* = 0 of a tanh network it
is the paper's deletion to first order, W̃ x in place of W x, but outside the tanh instead of inside.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
import torch
from scipy.optimize import least_squares
from torch import Tensor

from schur_lib import tasks
from schur_lib.metrics import NEGLIGIBLE_MASS, fvu
from schur_lib.networks import Network
from schur_lib.profile import held_out
from schur_lib.schur import COUPLINGS, ordered_schur
from study.probes.nonnormality import henrici
from study.statistics import dominance

FIXED = 1e-7  # ‖F(x) − x‖ of a fixed point, at most; of a slow one up to SLOW (our choice)
SLOW = 1e-2
APART = 1e-2  # distance of two points that count as two (our choice)


def cell_of(model: Network | torch.nn.Module) -> tuple[Callable, Callable, int]:
    """The update of a cell, its readout and the size of its state, in float64.

    Args:
        model: a tanh `Network`, or a model of `scope` whose core is a GRU or an LSTM.

    Returns:
        step (x (…, S), u (…, N_x)) → (…, S); read (…, S) → (…, N_y); S.

    Raises:
        ValueError: another kind of model.
    """
    if isinstance(model, Network):
        net = {name: tensor.detach().double() for name, tensor in model.tensors().items()}
        b_h, b_y = net.get("b_h", 0), net.get("b_y", 0)
        activation = torch.relu if model.activation == "relu" else torch.tanh

        def step(x, u):
            return activation(u @ net["W_xh"].T + x @ net["W_hh"].T + b_h)

        return step, lambda x: x @ net["W_hy"].T + b_y, model.hidden_size
    if not isinstance(model.core, torch.nn.GRU | torch.nn.LSTM):
        raise ValueError(f"the core must be a GRU or an LSTM, got {type(model.core).__name__}")
    p = {name: tensor.detach().double() for name, tensor in model.state_dict().items()}
    W, V = p["core.weight_ih_l0"], p["core.weight_hh_l0"]
    b, c = p["core.bias_ih_l0"], p["core.bias_hh_l0"]
    N = V.shape[1]

    def gru(h, u):
        driven, recurrent = (u @ W.T + b).split(N, -1), (h @ V.T + c).split(N, -1)
        reset, update = (torch.sigmoid(driven[i] + recurrent[i]) for i in (0, 1))
        new = torch.tanh(driven[2] + reset * recurrent[2])
        return (1 - update) * new + update * h

    def lstm(x, u):
        h, cell = x.split(N, -1)
        i, f, g, o = (u @ W.T + b + h @ V.T + c).split(N, -1)
        cell = torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.tanh(g)
        return torch.cat([torch.sigmoid(o) * torch.tanh(cell), cell], -1)

    gated = isinstance(model.core, torch.nn.GRU)

    def read(x):
        return x[..., :N] @ p["readout.weight"].T + p["readout.bias"]

    return (gru, read, N) if gated else (lstm, read, 2 * N)


def jacobian_at(step: Callable, x: np.ndarray, n_inputs: int) -> np.ndarray:
    """∂F/∂x at x without input, (S, S) float64."""
    u = torch.zeros(n_inputs, dtype=torch.float64)
    return torch.func.jacrev(lambda x: step(x, u))(torch.from_numpy(x)).numpy()


def fixed_points(
    step: Callable, starts: np.ndarray, n_inputs: int, apart: float = APART
) -> tuple[np.ndarray, np.ndarray]:
    """Points that a cell without input leaves where they are, or nearly so.

    q = ‖F(x, 0) − x‖² / 2 is minimised from each start (Levenberg–Marquardt, scipy.optimize).

    Args:
        step: from `cell_of`.
        starts: (n, S) float64.
        n_inputs: N_x.
        apart: of points nearer to each other only the one of the least speed is kept.

    Returns:
        (P, S) points by increasing speed, and (P,) their speeds ‖F(x, 0) − x‖, at most SLOW.
    """
    u, identity = torch.zeros(n_inputs, dtype=torch.float64), np.eye(starts.shape[1])

    def moved(x):
        return step(torch.from_numpy(x), u).numpy() - x

    def slope(x):
        return jacobian_at(step, x, n_inputs) - identity

    options = {"method": "lm", "xtol": 1e-15, "ftol": 1e-15, "gtol": 1e-15, "max_nfev": 100}
    found = [least_squares(moved, x, slope, **options).x for x in starts]
    speeds = np.array([np.linalg.norm(moved(x)) for x in found])
    kept = []
    for i in np.argsort(speeds, kind="stable"):
        distances = [np.linalg.norm(found[i] - found[j]) for j in kept]
        if speeds[i] <= SLOW and min(distances, default=np.inf) > apart:
            kept.append(i)
    return np.array(found)[kept].reshape(-1, starts.shape[1]), speeds[kept]


def run(
    step: Callable,
    x: Tensor,
    inputs: Tensor,
    points: Tensor | None = None,
    changes: Tensor | None = None,
) -> Tensor:
    """States of a cell whose update is changed linearly around the nearest of some points.

    x_{t+1} = F(x_t, u_t) + ΔJ_p (x_t − x_p), p the point nearest to x_t.

    Args:
        step: from `cell_of`.
        x: (B, S) start.
        inputs: (T, B, N_x).
        points: (P, S); None: no change.
        changes: (P, S, S), ΔJ_p.

    Returns:
        (T, B, S).
    """
    states = []
    for u in inputs:
        new = step(x, u)
        if points is not None:
            nearest = torch.cdist(x, points).argmin(-1)
            for p in nearest.unique():
                here = nearest == p
                new[here] += (x[here] - points[p]) @ changes[p].T
        x = new
        states.append(x)
    return torch.stack(states)


def linearised(
    model: Network | torch.nn.Module,
    batch_size: int = 128,
    n_starts: int = 48,
    draws: int = 50,
    alpha: float = 0.9,
    seed: int = 0,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The fixed points that a flip-flop model visits, the Schur forms there, and what their blocks do.

    Points are searched from h = 0 and from the last states of held-out trials; one that is the nearest
    to no state of any trial is left out.

    Args:
        model: as for `cell_of`.
        batch_size: held-out trials.
        n_starts: of the search.
        draws: Gaussian changes with the norm of the deleted block, at each point.
        alpha: splits the leading sector from its complement.
        seed: of the draws.

    Returns:
        Points, one row each: `point` ("origin"; elsewhere "memory" if it is stable, else "saddle"),
        `speed`, `distance` from 0, `visited` (share of the states it is nearest to), `rho`, `n_unstable`
        (eigenvalues beyond the unit circle), `n_leading`, `size` of the state, `henrici` (departure over
        norm), `RR`, `CR`, `CC` (Schur mass), `share_RR`, `share_CR`, `share_CC` (of the squared departure).
        Effects, one row a block that is not at rounding level at all points: `points` ("nearest", or for
        a tanh network also "origin": around it alone), `removed`, `delta` (ΔFVU), `null_median`, `p`
        (nulls at least as mild), `effect` (Cliff's δ, 1 where every null does more harm), `draws`, `from_W`
        (ΔFVU of the paper's deletion; NaN but for "origin").
    """
    step, read, size = cell_of(model)
    inputs, targets = (t.double() for t in held_out(tasks.flip_flop(), batch_size))
    start, n_inputs = torch.zeros(batch_size, size, dtype=torch.float64), inputs.shape[-1]
    states = run(step, start, inputs)
    whole = float(fvu(read(states), targets))
    starts = torch.cat([start[:1], states[-1][: n_starts - 1]]).numpy()
    points, speeds = fixed_points(step, starts, n_inputs)
    every = torch.cat([start[None], states[:-1]]).flatten(0, 1)
    nearest = torch.cdist(every, torch.from_numpy(points)).argmin(-1) if len(points) else []
    visited = np.bincount(nearest, minlength=len(points)) / len(every)
    points, speeds, visited = (a[visited > 0] for a in (points, speeds, visited))
    forms = [ordered_schur(jacobian_at(step, x, n_inputs)) for x in points]
    origin = np.linalg.norm(points, axis=1) <= APART
    rows = []
    for x, speed, near, at_origin, form in zip(points, speeds, visited, origin, forms, strict=True):
        moduli, departure = np.abs(form.eigenvalues), henrici(form, alpha)
        kind = "origin" if at_origin else "saddle" if moduli.max() > 1 else "memory"
        row = {"point": kind, "speed": speed}
        row |= {"distance": np.linalg.norm(x), "visited": near, "rho": moduli.max()}
        row |= {"n_unstable": int((moduli > 1).sum()), "n_leading": form.n_leading(alpha)}
        row |= {"size": size, "henrici": departure["henrici"]}
        row |= {name: departure[name] for name in COUPLINGS}
        square = departure["henrici"] ** 2
        row |= {f"share_{n}": departure[n] ** 2 / square if square else 0.0 for n in COUPLINGS}
        rows.append(row)

    def harm(chosen, changes):
        at, changes = torch.from_numpy(points[chosen]), torch.from_numpy(changes)
        return float(fvu(read(run(step, start, inputs, at, changes)), targets)) - whole

    rng, effects = np.random.default_rng(seed), []
    tanh = isinstance(model, Network)
    cases = {"nearest": np.full(len(points), True)} | ({"origin": origin} if tanh else {})
    for case, chosen in cases.items():
        here = [form for form, take in zip(forms, chosen, strict=True) if take]
        for name in COUPLINGS if here else ():
            changes = np.stack([f.ablate({name}, alpha) - f.Q @ f.T @ f.Q.T for f in here])
            norms = np.linalg.norm(changes, axis=(1, 2))
            if max(form.removed_mass({name}, alpha) for form in here) <= NEGLIGIBLE_MASS:
                continue
            delta, nulls = harm(chosen, changes), []
            for _ in range(draws):
                drawn = rng.standard_normal(changes.shape)
                drawn *= (norms / np.linalg.norm(drawn, axis=(1, 2)))[:, None, None]
                nulls.append(harm(chosen, drawn))
            milder = (1 + np.sum(np.array(nulls) <= delta)) / (1 + draws)
            row = (case, name, delta, np.median(nulls), milder, dominance(nulls, delta), draws)
            from_W = np.nan
            if case == "origin":
                deleted = [t.double() for t in (model.W_xh, model.W_hh, model.W_hy)]
                deleted[1] = torch.from_numpy(ordered_schur(deleted[1]).ablate({name}, alpha))
                other, read_other, _ = cell_of(Network(*deleted))
                from_W = float(fvu(read_other(run(other, start, inputs)), targets)) - whole
            effects.append((*row, from_W))
    columns = ["points", "removed", "delta", "null_median", "p", "effect", "draws", "from_W"]
    return pd.DataFrame(rows).round(7), pd.DataFrame(effects, columns=columns).round(7)
