"""How far from normal a network is, on paper and on the task, and what a local expansion foresees.

A matrix is normal if its eigenvectors are orthogonal; then the eigenvalues say everything. Here are the
usual measures of what they leave out (Trefethen and Embree, 2005), for W and for the Jacobian
diag(1 − h²) W of the states on the task, and the change of the error that its first and second
derivative predict for the deletion of a coupling.
"""

import numpy as np
import pandas as pd
import torch
from scipy.optimize import minimize, minimize_scalar

from schur_lib.dynamics import hidden_states, plain_states
from schur_lib.metrics import fvu
from schur_lib.networks import Network
from schur_lib.profile import held_out
from schur_lib.schur import COUPLINGS, OrderedSchur, label, ordered_schur

POWERS = 64
STABLE = 0.1  # our choice: a coupling that moves by less under a change of W by 1e-3 is shown
ALL = frozenset(COUPLINGS)


# --- measures -----------------------------------------------------------------------------------


def henrici(form: OrderedSchur, alpha=0.9):
    """Henrici's departure from normality and its parts, relative to ‖W‖_F.

    dep² = ‖W‖_F² − Σ|λ|² = ‖N‖_F² + Σ (b + c)² (Henrici, 1962); the last sum runs over the 2×2 blocks
    [[a, b], [c, a]], which are nonnormal themselves where b ≠ −c.

    Args:
        form: ordered real Schur form.
        alpha: split threshold in (0, 1].
    Returns:
        {"henrici", "RR", "CR", "CC", "pairs"}: floats in [0, 1]; the squares of the four parts add up
        to that of "henrici".
    """
    norm = np.linalg.norm(form.T)
    parts = {name: np.linalg.norm(form.T[mask]) for name, mask in form.couplings(alpha).items()}
    pairs = np.flatnonzero(np.diagonal(form.T, -1))
    parts["pairs"] = np.linalg.norm((np.diagonal(form.T, 1) + np.diagonal(form.T, -1))[pairs])
    parts = {name: float(size / norm) for name, size in parts.items()}
    return {"henrici": float(np.sqrt(sum(size**2 for size in parts.values()))), **parts}


def numerical_radius(A, n_angles=24):
    """max |xᴴ A x| over unit x, = max over θ of the largest eigenvalue of (e^{iθ}A + e^{−iθ}Aᴴ)/2.

    Args:
        A: (N, N) real; then θ and −θ give the same.
        n_angles: of the first search over [0, π], refined around the best.
    Returns:
        float, between max(ρ, ‖A‖/2) and ‖A‖; ρ for a normal matrix.
    """

    def minus_largest(theta):
        turned = np.exp(1j * theta) * A
        return -np.linalg.eigvalsh((turned + turned.conj().T) / 2)[-1]

    angles = np.linspace(0, np.pi, n_angles)
    values = [minus_largest(theta) for theta in angles]
    best, step = angles[int(np.argmin(values))], angles[1]
    refined = minimize_scalar(minus_largest, bounds=(best - step, best + step), method="bounded")
    return float(max(-min(values), -refined.fun))


def power_norms(A, n=POWERS):
    """‖Aᵏ‖₂ for k = 0 … n, and the unit input that the largest of these powers amplifies most.

    Args:
        A: (N, N) float64.
        n: largest power.
    Returns:
        (norms (n + 1,), k of the largest norm, its best input (N,), where that goes, unit (N,)).
    """
    powers = [np.eye(len(A))]
    for _ in range(n):
        powers.append(A @ powers[-1])
    norms = np.linalg.norm(np.stack(powers), 2, axis=(-2, -1))
    k = int(np.argmax(norms))
    U, _, V = np.linalg.svd(powers[k])
    return norms, k, V[0], U[:, 0]


def smallest_singular(A, z):
    """σ_min(zI − A) = 1 / ‖(zI − A)⁻¹‖; the ε-pseudospectrum is where it is at most ε.

    Args:
        A: (N, N).
        z: complex, any shape.
    Returns:
        float64, of z's shape.
    """
    z = np.asarray(z, dtype=complex)
    shifted = z.reshape(-1, 1, 1) * np.eye(len(A)) - A
    return np.linalg.svd(shifted, compute_uv=False)[:, -1].reshape(z.shape)


def kreiss_bound(A):
    """A lower bound of the Kreiss constant K = sup over |z| > 1 of (|z| − 1) ‖(zI − A)⁻¹‖.

    A grid over radius and angle, refined at its best point; K ≤ sup_k ‖Aᵏ‖ (Kreiss matrix theorem).

    Args:
        A: (N, N) real with spectral radius 1 (or less).
    Returns:
        float ≥ 1: the value at some z, so never above K; the limit for large |z| is 1.
    """
    radii = 1 + np.logspace(-3, 0.5, 10)
    angles = np.linspace(0, np.pi, 20)
    z = radii[:, None] * np.exp(1j * angles)
    values = (np.abs(z) - 1) / smallest_singular(A, z)
    i, j = np.unravel_index(np.argmax(values), values.shape)

    def minus_value(x):
        size = max(np.exp(x[0]), 1e-3)  # closer to the circle, rounding of ρ would count
        return -size / smallest_singular(A, (1 + size) * np.exp(1j * x[1])).item()

    start = [np.log(radii[i] - 1), angles[j]]
    refined = minimize(minus_value, start, method="Nelder-Mead", options={"maxfev": 80})
    return float(max(1.0, values.max(), -refined.fun))


# --- the Jacobian on the task -------------------------------------------------------------------


def sampled_states(net: Network, task, n_states=6, seed=0):
    """Hidden states at evenly spaced steps of held-out trials, a trial each.

    Args:
        net: the network.
        task: gives the trials.
        n_states: how many.
        seed: of the trials.
    Returns:
        (n_states, N_h) float64 array.
    """
    inputs, _ = held_out(task, n_states, seed)
    states = hidden_states(net, inputs.to(net.W_hh), free_steps=task.free_steps)
    steps = np.linspace(0, len(states) - 1, n_states).round().astype(int)
    return states[torch.from_numpy(steps), torch.arange(n_states)].double().numpy()


def jacobian(W, h):
    """∂h_t / ∂h_{t−1} = diag(1 − h_t²) W of a tanh network.

    Args:
        W: (N, N) float64.
        h: (…, N) states h_t.
    Returns:
        (…, N, N).
    """
    return (1 - h**2)[..., :, None] * W


def trial_norms(net: Network, task, n_trials=4, seed=0):
    """‖J_t … J_1‖₂ along held-out trials: how far a change of the first state can grow by step t.

    Args:
        net: the network.
        task: gives the trials.
        n_trials: how many.
        seed: of the trials.
    Returns:
        (n_trials, steps) float64.
    """
    inputs, _ = held_out(task, n_trials, seed)
    states = hidden_states(net, inputs.to(net.W_hh), free_steps=task.free_steps).double().numpy()
    W, product, norms = net.W_hh.double().numpy(), np.eye(net.hidden_size), []
    for h in states:
        product = jacobian(W, h) @ product
        norms.append(np.linalg.norm(product, 2, axis=(-2, -1)))
    return np.stack(norms, axis=1)


# --- expansion of the error ---------------------------------------------------------------------


def couplings_moved(form: OrderedSchur, W, rng, draws=5, size=1e-3):
    """How far single couplings and entries move under small changes of W: which are well defined.

    A coupling is the part D = Q_p T_pq Q_qᵀ of W between two diagonal blocks, an entry D = q_i T_ij q_jᵀ;
    neither depends on signs, nor a coupling on the basis within a 2×2 block. What moves is D, by
    ‖D' − D‖_F / ‖D‖_F; where an eigenvalue has changed its place, D' is another coupling.

    Args:
        form: of W.
        W: (N, N) float64.
        rng: numpy generator.
        draws: of the change.
        size: of the change, over ‖W‖_F.
    Returns:
        (couplings (n, n), entries (N, N)): the largest move over the draws, for n diagonal blocks;
        infinite on and below the diagonal blocks, and where a 2×2 block has split or formed.
    """
    N, starts = len(W), form.blocks[:-1]
    block = np.searchsorted(form.blocks, np.arange(N), side="right") - 1

    def sums(A):
        return np.add.reduceat(np.add.reduceat(A, starts, 0), starts, 1)

    couplings, entries = np.zeros((len(starts),) * 2), np.zeros((N, N))
    for _ in range(draws):
        E = rng.standard_normal((N, N))
        other = ordered_schur(W + size * np.linalg.norm(W) / np.linalg.norm(E) * E)
        turn = form.Q.T @ other.Q
        within = np.where(block[:, None] == block, turn, 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            inner = sums(within @ other.T @ within.T * form.T)
            moved = _distance(sums(other.T**2), sums(form.T**2), inner)
            inner = np.outer(np.diagonal(turn), np.diagonal(turn)) * other.T * form.T
            moved_entries = _distance(other.T**2, form.T**2, inner)
        theirs = set(zip(other.blocks[:-1].tolist(), other.blocks[1:].tolist(), strict=True))
        ours = zip(form.blocks[:-1].tolist(), form.blocks[1:].tolist(), strict=True)
        same = np.array([rows in theirs for rows in ours])
        moved[~np.outer(same, same)] = np.inf
        moved_entries[~np.outer(same[block], same[block])] = np.inf
        couplings, entries = np.maximum(couplings, moved), np.maximum(entries, moved_entries)
    above = np.arange(len(starts))[:, None] < np.arange(len(starts))
    couplings[~above] = np.inf
    entries[~above[np.ix_(block, block)]] = np.inf
    return couplings, entries


def expand(net: Network, inputs, targets, directions, free_steps=0, chunk=2):
    """What deleting W's part D costs, exactly and by the first two derivatives of the FVU.

    FVU(W − s D) = FVU(W) + s f + s²/2 g + …; f = −⟨∂FVU/∂W, D⟩ and g = ⟨D, H D⟩, H the Hessian, are the
    derivative and its derivative by autograd through a plain loop; at s = 1 D is gone.

    Args:
        net: the network, float64.
        inputs: (T, B, N_x) float64.
        targets: (T', B, N_y) float64, of the last T' outputs.
        directions: (K, N_h, N_h) float64 tensor, the parts D.
        free_steps: steps after the input.
        chunk: directions run at a time.
    Returns:
        DataFrame: `first` f, `second` f + g/2, `exact` FVU(W − D) − FVU(W).
    """

    def error(W):
        states = plain_states(net, inputs, W, free_steps)
        return fvu(states[..., -len(targets) :, :, :] @ net.W_hy.T, targets)

    whole = error(net.W_hh)
    parts = []
    for D in directions.split(chunk):
        s = torch.zeros(len(D), 1, 1).double().requires_grad_()
        # each error depends on its own s alone: the gradient of their sum holds every derivative
        (slope,) = torch.autograd.grad(error(net.W_hh - s * D).sum(), s, create_graph=True)
        (curvature,) = torch.autograd.grad(slope.sum(), s)
        slope = slope.detach()
        exact = error(net.W_hh - D) - whole
        parts.append(torch.stack([slope.ravel(), (slope + curvature / 2).ravel(), exact]))
    first, second, exact = torch.cat(parts, dim=1)
    return pd.DataFrame({"first": first, "second": second, "exact": exact})


# --- the tables of the chapter ------------------------------------------------------------------


def measure_departure(spec, net, n_states=6, n_trials=4):
    """The measures of nonnormality for W and for the Jacobian at sampled states.

    Args:
        spec: of the network.
        net: the network.
        n_states: states of the Jacobian.
        n_trials: trials of the product of Jacobians.
    Returns:
        One row an operator: `operator` ("W", "jacobian"), `state` (0 …), `rho`, `henrici` and its
        parts `RR`, `CR`, `CC`, `pairs`, `radius` (numerical, over ρ), `peak` (max over k ≤ 64 of
        ‖Aᵏ‖/ρᵏ), `peak_k`, `kreiss` (lower bound for A/ρ), `input_R` and `output_R` (shares of the best
        input and of its output in the leading subspace of the operator), `n_leading`, `trial_peak` (max
        over steps of ‖J_t … J_1‖, mean over trials).
    """
    W, task = net.W_hh.double().numpy(), spec.make_task()
    trial_peak = float(trial_norms(net, task, n_trials).max(1).mean())
    rows = []
    operators = [("W", 0, W)]
    states = sampled_states(net, task, n_states)
    operators += [("jacobian", i, jacobian(W, h)) for i, h in enumerate(states)]
    for operator, state, A in operators:
        form = ordered_schur(A)
        rho = float(np.abs(form.eigenvalues).max())
        norms, k, best, reached = power_norms(A / rho)
        n = form.n_leading()
        rows.append(
            {
                "operator": operator,
                "state": state,
                "rho": rho,
                **henrici(form),
                "radius": numerical_radius(A) / rho,
                "peak": norms[k],
                "peak_k": k,
                "kreiss": kreiss_bound(A / rho),
                "input_R": np.sum((form.Q[:, :n].T @ best) ** 2),
                "output_R": np.sum((form.Q[:, :n].T @ reached) ** 2),
                "n_leading": n,
                "trial_peak": trial_peak,
            }
        )
    return pd.DataFrame(rows)


def measure_powers(spec, net, n_states=6, n_trials=4):
    """‖Aᵏ‖ / ρᵏ for W and for the Jacobian, and ‖J_k … J_1‖ along trials.

    Args:
        spec: of the network.
        net: the network.
        n_states: states of the Jacobian.
        n_trials: trials of the product of Jacobians.
    Returns:
        One row a k = 0 … 64: `k`, `W`, `jacobian` (median over states), `trial` (median over trials;
        NaN beyond the trial's length).
    """
    W, task = net.W_hh.double().numpy(), spec.make_task()

    def scaled(A):
        return power_norms(A / np.abs(np.linalg.eigvals(A)).max())[0]

    on_task = [scaled(jacobian(W, h)) for h in sampled_states(net, task, n_states)]
    trial = np.full(POWERS + 1, np.nan)
    products = np.median(trial_norms(net, task, n_trials), axis=0)[:POWERS]
    trial[0], trial[1 : len(products) + 1] = 1, products
    columns = {"W": scaled(W), "jacobian": np.median(on_task, axis=0), "trial": trial}
    return pd.DataFrame({"k": range(POWERS + 1), **columns})


def measure_pseudospectra(spec, net, step=0.08, extent=1.6, n_states=6):
    """σ_min(z − A/ρ) on a grid of the upper half plane, for W and for the Jacobian in mid-trial.

    Args:
        spec: of the network.
        net: the network.
        step: of the grid.
        extent: largest |Re z| and Im z.
        n_states: of `sampled_states`, of which the middle one is taken.
    Returns:
        One row an operator and point: `operator`, `x`, `y`, `smallest`.
    """
    W = net.W_hh.double().numpy()
    h = sampled_states(net, spec.make_task(), n_states)[n_states // 2]
    half = int(round(extent / step))
    x, y = np.meshgrid(step * np.arange(-half, half + 1), step * np.arange(half + 1))
    tables = []
    for operator, A in (("W", W), ("jacobian", jacobian(W, h))):
        smallest = smallest_singular(A / np.abs(np.linalg.eigvals(A)).max(), x + 1j * y)
        columns = {"x": x.ravel().round(6), "y": y.ravel().round(6), "smallest": smallest.ravel()}
        tables.append(pd.DataFrame({"operator": operator, **columns}))
    return pd.concat(tables, ignore_index=True)


def measure_sensitivity(spec, net, batch_size=64, per_block=10, draws=5):
    """First and second order predictions against exact deletion, for couplings and for blocks.

    The error is the FVU for every task, since replay accuracy has no derivative. Couplings are those
    that move by less than `STABLE` under changes of W by 1e-3; of each block's, `per_block` are taken at
    evenly spaced ranks of their norm, the largest among them.

    Args:
        spec: of the network.
        net: the network.
        batch_size: held-out trials.
        per_block: couplings of each block, at most.
        draws: of the change of W.
    Returns:
        One row a coupling or block: `unit` ("coupling", "block"), `removed` ("RR", "CR", "CC",
        "RR+CR+CC"), `p`, `q` (the coupling's diagonal blocks, −1 for a block), `mass` ‖D‖/‖W‖, `first`,
        `second`, `exact` (see `expand`), `stable_couplings`, `stable_entries` (shares within the
        block; NaN for single couplings and empty blocks).
    """
    form, task = ordered_schur(net.W_hh), spec.make_task()
    W, rng = net.W_hh.double().numpy(), np.random.default_rng(spec.seed)
    couplings, entries = couplings_moved(form, W, rng, draws)
    masks, starts = form.couplings(), form.blocks[:-1]
    norms = np.sqrt(np.add.reduceat(np.add.reduceat(form.T**2, starts, 0), starts, 1))
    rows, directions = [], []
    for removed in (*COUPLINGS, ALL):
        names = (removed,) if isinstance(removed, str) else removed
        mask = sum((masks[name] for name in names), np.zeros(W.shape, dtype=bool))
        units = mask[np.ix_(starts, starts)]
        if not mask.any():
            continue
        stable = units & (couplings < STABLE)
        shares = stable.sum() / units.sum(), (entries[mask] < STABLE).mean()
        rows.append(("block", label(names), -1, -1, *shares))
        directions.append(form.Q @ np.where(mask, form.T, 0) @ form.Q.T)
        if removed == ALL:
            continue
        p, q = np.nonzero(stable)
        order = np.argsort(-norms[p, q], kind="stable")
        ranks = np.linspace(0, len(order) - 1, min(per_block, len(order))).round().astype(int)
        for i in order[ranks]:
            P, R = (slice(form.blocks[b], form.blocks[b + 1]) for b in (p[i], q[i]))
            rows.append(("coupling", removed, p[i], q[i], np.nan, np.nan))
            directions.append(form.Q[:, P] @ form.T[P, R] @ form.Q[:, R].T)
    columns = ["unit", "removed", "p", "q", "stable_couplings", "stable_entries"]
    table = pd.DataFrame(rows, columns=columns)
    inputs, targets = (t.double() for t in held_out(task, batch_size))
    as_float64 = Network(*(t.double() for t in (net.W_xh, net.W_hh, net.W_hy)))
    D = torch.from_numpy(np.stack(directions))
    mass = np.linalg.norm(D.numpy(), axis=(-2, -1)) / np.linalg.norm(W)
    predictions = expand(as_float64, inputs, targets, D, task.free_steps)
    return pd.concat([table.assign(mass=mass), predictions], axis=1)


# --- private ------------------------------------------------------------------------------------


def _distance(there, here, inner):
    """‖D' − D‖ / ‖D‖ from the squared norms and the inner product; infinite where D = 0."""
    moved = np.sqrt(np.maximum(there + here - 2 * inner, 0)) / np.sqrt(here)
    return np.where(np.isnan(moved), np.inf, moved)
