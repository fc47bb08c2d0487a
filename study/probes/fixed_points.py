"""Fixed points of a recurrent cell without input, and the ordered Schur form of the Jacobian there.

A gated cell has no one matrix whose Schur form would say how its modes feed one another; near a point x*
that the cell leaves where it is, x* = F(x*, 0), it has: the Jacobian J = ∂F/∂x at x* (Sussillo and
Barak, Neural Computation 25, 2013). The points here are those where the cell comes to rest when it is
left alone after held-out trials, brought to rounding by Newton's method. That leaves out what no trial
comes to, the saddles between memories foremost: least squares on ‖F(x, 0) − x‖² finds some of them, but
which ones depends on where it starts, and from x = 0 of a GRU on changes of that start by 1e-9. The state
x is h for a tanh cell and for a GRU, (h, c) for an LSTM.

For a bias-free tanh network the answer is known at one point: x* = 0 is fixed and J = W_hh.

The intervention (our choice) deletes blocks of J and leaves the rest of F alone:

    x_{t+1} = F(x_t, u_t) + (J̃ − J)(x_t − x*),   x* the fixed point nearest to x_t

Every x* stays fixed, with the Jacobian J̃, whose spectrum is that of J: what the cell remembers stays as
stable as it was, and only how it gets there changes. It is exact to first order around the fixed points and
an extrapolation elsewhere, and it jumps where the nearest point changes. At x* = 0 of a tanh network it
is the paper's deletion to first order, W̃ x in place of W x, but outside the tanh instead of inside.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import cdist
from torch import Tensor

from schur_lib.metrics import NEGLIGIBLE_MASS
from schur_lib.schur import COUPLINGS, ordered_schur
from schur_lib.subjects import Evaluation
from study.probes.nonnormality import henrici
from study.statistics import dominance

# All our choice. A point found twice differs by 1e-14 at most, two memories of the networks by 3 or so.
REST = 1000  # steps without input in which a cell comes to rest
FIXED = 1e-10  # ‖F(x) − x‖ of a fixed point, at most
APART = 1e-2  # distance of two points that count as two; Newton's method may go no farther
MARGIN = 1e-3  # a modulus this close to 1 is neither stable nor unstable
_TIE = 1e-6  # coordinates this close are equal where points are put in order


def cell_of(trials: Evaluation) -> tuple[Callable, Callable, int]:
    """The update of a cell, its readout and the size of its state, in float64.

    Args:
        trials: of a plain network, or of a module with one nn.GRU or nn.LSTM (one layer, one direction, with
            biases) and one nn.Linear after it.

    Returns:
        step (x (…, S), u (…, N_x)) → (…, S); read (…, S) → (…, N_y); S.

    Raises:
        ValueError: another kind of model.
    """
    return _network_cell(trials.network) if trials.network is not None else _gated_cell(trials)


def _network_cell(network):
    net = network.double()
    b_h, b_y = (0 if b is None else b for b in (net.b_h, net.b_y))
    activation = torch.relu if net.activation == "relu" else torch.tanh

    def step(x, u):
        return activation(u @ net.W_xh.T + x @ net.W_hh.T + b_h)

    return step, lambda x: x @ net.W_hy.T + b_y, net.hidden_size


def _gated_cell(trials):
    leaves = {} if trials.module is None else dict(trials.module.named_modules())
    layers = [m for m in leaves.values() if next(m.parameters(recurse=False), None) is not None]
    kinds = sorted(type(m).__name__ for m in layers)
    if kinds not in (["GRU", "Linear"], ["LSTM", "Linear"]):
        got = " and ".join(kinds) or "no module"
        raise ValueError(f"the model must be a plain network, or a GRU or LSTM and a Linear; got {got}")
    core, readout = sorted(layers, key=lambda m: isinstance(m, torch.nn.Linear))
    if core.num_layers != 1 or core.bidirectional or not core.bias or core.proj_size:
        raise ValueError(f"{kinds[0]} must have one layer, one direction, biases and no projection")
    p = {name: tensor.detach().double() for name, tensor in core.named_parameters()}
    W, V, b, c = (p[f"{n}_l0"] for n in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
    W_hy, N = readout.weight.detach().double(), V.shape[1]
    b_y = 0 if readout.bias is None else readout.bias.detach().double()

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

    def read(x):
        return x[..., :N] @ W_hy.T + b_y

    return (gru, read, N) if isinstance(core, torch.nn.GRU) else (lstm, read, 2 * N)


def jacobian_at(step: Callable, x: np.ndarray, n_inputs: int) -> np.ndarray:
    """∂F/∂x at x without input, (S, S) float64."""
    u = torch.zeros(n_inputs, dtype=torch.float64)
    return torch.func.jacrev(lambda x: step(x, u))(torch.from_numpy(x)).numpy()


def fixed_points(
    step: Callable, starts: np.ndarray, n_inputs: int, apart: float = APART
) -> tuple[np.ndarray, np.ndarray]:
    """Points where a cell comes to rest when it is left without input.

    Args:
        step: from `cell_of`.
        starts: (n, S) float64.
        n_inputs: N_x.
        apart: points nearer to each other are one, also by way of others between them.

    Returns:
        (P, S) float64 points, in the order of their coordinates, and (n,) int, the point that each start
        comes to; −1 where it does not rest within REST steps.
    """
    u, x = torch.zeros(n_inputs, dtype=torch.float64), torch.from_numpy(starts)
    for _ in range(REST):
        x = step(x, u)
    ends = x.numpy()
    found = np.array([_polished(step, end, u) for end in ends]).reshape(ends.shape)
    speeds = np.linalg.norm(step(torch.from_numpy(found), u).numpy() - found, axis=1)
    rests = (speeds <= FIXED) & (np.linalg.norm(found - ends, axis=1) <= apart)
    found = found[rests]
    _, cluster = connected_components(cdist(found, found) <= apart, directed=False)
    _, first = np.unique(cluster, return_index=True)
    order = in_order(found[first])
    comes_to = np.full(len(starts), -1)
    comes_to[rests] = np.argsort(order)[cluster]
    return found[first][order], comes_to


def _polished(step, x, u):
    """The fixed point next to x by Newton's method; anything where there is none."""
    for _ in range(20):
        slope = jacobian_at(step, x, len(u)) - np.eye(len(x))
        off = step(torch.from_numpy(x), u).numpy() - x
        change = np.linalg.lstsq(slope, -off, rcond=None)[0]  # the least one along a line of points
        x = x + change
        if np.linalg.norm(change) <= 1e-12:
            break
    return x


def in_order(keys: np.ndarray) -> np.ndarray:
    """The order of rows by their first entry, then by the next; rounding does not decide.

    Args:
        keys: (P, K); entries of a column no more than 1e-6 apart count as equal.

    Returns:
        (P,) int, the rows in order.
    """
    ranks = []
    for column in keys.T:
        by_size = np.argsort(column, kind="stable")
        ranks.append(np.empty(len(column), dtype=int))
        ranks[-1][by_size] = np.cumsum(np.diff(column[by_size], prepend=-np.inf) > _TIE)
    return np.lexsort(ranks[::-1])


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
            nearest = nearest_of(points, x)
            for p in nearest.unique():
                here = nearest == p
                new[here] += (x[here] - points[p]) @ changes[p].T
        x = new
        states.append(x)
    return torch.stack(states)


def nearest_of(points: Tensor, x: Tensor) -> Tensor:
    """Which of the points is the nearest to each state.

    The distances come from differences; by way of products they would be zero only to 1e-8.

    Args:
        points: (P, S).
        x: (n, S).

    Returns:
        (n,) int64.
    """
    return torch.cdist(x, points, compute_mode="donot_use_mm_for_euclid_dist").argmin(-1)


def gaussian(names: np.ndarray, size: int, draws: int, seed: tuple[int, ...]) -> np.ndarray:
    """Gaussian matrices for points, the same for a point whatever the other points are.

    Args:
        names: (P, K) int ≥ −1, what tells the points apart; points of the same name are counted.
        size: S.
        draws: for each point.
        seed: of the draws.

    Returns:
        (draws, P, S, S) float64.
    """
    drawn, seen = np.empty((draws, len(names), size, size)), Counter()
    for i, name in enumerate((names + 1).tolist()):
        rng = np.random.default_rng([*seed, *name, seen[tuple(name)]])
        drawn[:, i] = rng.standard_normal((draws, size, size))
        seen[tuple(name)] += 1
    return drawn


class Rest:
    """A model on its trials and the points where it rests, the origin first, then by the bits held.

    Fields:
        step, read, size: from `cell_of`.
        start: (B, S); inputs: (T, B, N_x); intact: the score.
        points: (P, S); bits: (P, N_y) −1, 0 or 1, the nearest to the output there; origin: (P,) whether it
            is x = 0; reached: (P,) share of the trials that come to rest there; visited: (P,) share of the
            states it is nearest to; forms: of the Jacobian at each.
    """

    def __init__(self, trials: Evaluation):
        self.trials = trials
        self.step, self.read, self.size = cell_of(trials)
        self.inputs = trials.inputs.double()
        batch_size = self.inputs.shape[1]
        self.start = torch.zeros(batch_size, self.size, dtype=torch.float64)
        states = run(self.step, self.start, self.inputs)
        self.intact = self.score(states)
        starts = torch.cat([self.start[:1], states[-1]]).numpy()
        points, comes_to = fixed_points(self.step, starts, self.inputs.shape[-1])
        bits = self.read(torch.from_numpy(points)).round().clamp(-1, 1).numpy().astype(int)
        origin = np.linalg.norm(points, axis=1) <= APART
        order = in_order(np.column_stack([~origin, bits, points]))
        self.points, self.bits, self.origin = points[order], bits[order], origin[order]
        rests = comes_to[1:][comes_to[1:] >= 0]
        self.reached = np.bincount(rests, minlength=len(order))[order] / batch_size
        every = torch.cat([self.start[None], states[:-1]]).flatten(0, 1)
        nearest = nearest_of(torch.from_numpy(self.points), every) if len(points) else []
        self.visited = np.bincount(nearest, minlength=len(points)) / len(every)
        n_inputs = self.inputs.shape[-1]
        self.forms = [ordered_schur(jacobian_at(self.step, x, n_inputs)) for x in self.points]

    def score(self, states, read=None):
        outputs = (read or self.read)(states)[-self.trials.n_scored :]
        targets = self.trials.targets
        targets = targets.double() if targets.is_floating_point() else targets
        return float(self.trials.metric.score(outputs, targets))

    def harm(self, chosen, changes):
        """Of changing the update linearly around the chosen points."""
        at, by = torch.from_numpy(self.points[chosen]), torch.from_numpy(changes)
        changed = self.score(run(self.step, self.start, self.inputs, at, by))
        return self.trials.metric.harm(changed, self.intact)


def points_table(rest: Rest, alpha: float = 0.9) -> pd.DataFrame:
    """The points where a model rests, and the Schur form of the Jacobian there.

    Returns:
        One row a point: `point` ("origin"; elsewhere "memory" if it is stable, "saddle" if not,
        "marginal" if an eigenvalue is within MARGIN of the unit circle), `bit_1`, … (−1, 0 or 1, the
        nearest to the output there), `distance` from 0, `reached` (share of the trials that come to rest
        there), `visited` (share of the states it is nearest to), `rho`, `n_unstable` (eigenvalues beyond
        the unit circle by more than MARGIN), `n_leading`, `size` of the state, `henrici` (departure over
        norm), `RR`, `CR`, `CC` (Schur mass), `share_RR`, `share_CR`, `share_CC` (of the squared departure).
    """
    rows = []
    for i, form in enumerate(rest.forms):
        moduli, departure = np.abs(form.eigenvalues), henrici(form, alpha)
        n_unstable = int((moduli > 1 + MARGIN).sum())
        kind = "saddle" if n_unstable else "memory"
        if (np.abs(moduli - 1) <= MARGIN).any():
            kind = "marginal"
        row = {"point": "origin" if rest.origin[i] else kind}
        row |= {f"bit_{k}": bit for k, bit in enumerate(rest.bits[i], start=1)}
        row |= {"distance": np.linalg.norm(rest.points[i]), "reached": rest.reached[i]}
        row |= {"visited": rest.visited[i], "rho": moduli.max(), "n_unstable": n_unstable}
        row |= {"n_leading": form.n_leading(alpha), "size": rest.size}
        row |= {"henrici": departure["henrici"]} | {name: departure[name] for name in COUPLINGS}
        square = departure["henrici"] ** 2
        row |= {f"share_{n}": departure[n] ** 2 / square if square else 0.0 for n in COUPLINGS}
        rows.append(row)
    return pd.DataFrame(rows).round(7)


def effects_table(rest: Rest, draws: int = 50, alpha: float = 0.9, seed: int = 0) -> pd.DataFrame:
    """What deleting blocks of the Jacobian does around the points where a model rests.

    Random changes of a point are seeded by the bits that it holds, so that they do not depend on which other
    points there are.

    Args:
        draws: Gaussian changes with the norm of the deleted block, at each point.
        alpha: splits the leading sector from its complement.
        seed: of the draws.

    Returns:
        One row a block that is not at rounding level at all points: `points` ("nearest", or for a plain
        network also "origin": around it alone), `removed`, `delta` (the harm), `null_median`, `p` (nulls
        at least as mild), `effect` (Cliff's δ, 1 where every null does more harm), `draws`, `from_W`
        (harm of the paper's deletion; NaN but for "origin").
    """
    network, effects = rest.trials.network, []
    cases = {"nearest": np.full(len(rest.points), True)}
    cases |= {"origin": rest.origin} if network is not None else {}
    for case, chosen in cases.items():
        here = [form for form, take in zip(rest.forms, chosen, strict=True) if take]
        for block, name in enumerate(COUPLINGS if here else ()):
            if max(form.removed_mass({name}, alpha) for form in here) <= NEGLIGIBLE_MASS:
                continue
            changes = -np.stack([form.part(form.mask({name}, alpha)) for form in here])
            norms = np.linalg.norm(changes, axis=(1, 2))
            drawn = gaussian(rest.bits[chosen], rest.size, draws, (seed, block))
            drawn *= (norms / np.linalg.norm(drawn, axis=(2, 3)))[..., None, None]
            delta = rest.harm(chosen, changes)
            nulls = [rest.harm(chosen, at_points) for at_points in drawn]
            milder = (1 + np.sum(np.array(nulls) <= delta)) / (1 + draws)
            row = (case, name, delta, np.median(nulls), milder, dominance(nulls, delta), draws)
            effects.append((*row, _of_W(rest, name, alpha) if case == "origin" else np.nan))
    columns = ["points", "removed", "delta", "null_median", "p", "effect", "draws", "from_W"]
    return pd.DataFrame(effects, columns=columns).round(7)


def _of_W(rest, name, alpha):
    """Harm of the paper's deletion, in the same float64 run."""
    W = torch.from_numpy(rest.trials.form.ablate({name}, alpha))
    step, read, _ = _network_cell(replace(rest.trials.network.double(), W_hh=W))
    states = run(step, rest.start, rest.inputs)
    return rest.trials.metric.harm(rest.score(states, read), rest.intact)
