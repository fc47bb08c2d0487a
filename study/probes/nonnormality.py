"""How far from normal a network is, on paper and on the task, and what a local expansion foresees.

A matrix is normal if its eigenvectors are orthogonal; then the eigenvalues say everything. Here are the
usual measures of what they leave out (Trefethen and Embree, 2005), for W and for the Jacobian
diag(1 − h²) W of the states on the task, and the change of the error that its first and second
derivative predict for the ablation of a coupling.

In every probe `alpha` splits the leading sector from its complement. Jacobian and expansion are those of a
plain tanh network: the probes that use them refuse any other.
"""

import numpy as np
import pandas as pd
import torch
from scipy.optimize import minimize, minimize_scalar

from schur_lib.dynamics import plain_states
from schur_lib.networks import Network
from schur_lib.schur import COUPLINGS, OrderedSchur, label, ordered_schur, random_changes
from schur_lib.subjects import Evaluation
from study.probes.perturbations import SIZE, draws_of

POWERS = 64
STABLE = 0.1  # our choice: a coupling that moves by less under a change of W by 1e-3 is shown


# --- measures -----------------------------------------------------------------------------------


def departure_of(form: OrderedSchur, alpha=0.9, powers=POWERS):
    """How far a matrix is from normal, in the usual measures; all are the same for W and for T.

    Args:
        form: ordered real Schur form.
        alpha: see the module.
        powers: how many powers of W/ρ are looked at.
    Returns:
        {"rho"; "henrici" and its parts (see `henrici`); "radius": numerical radius over ρ, 1 for a
        normal matrix; "growth": (powers + 1,), ‖Wᵏ‖₂/ρᵏ for k = 0, 1, …; "peak" and "peak_k": its largest
        value and where}. Of a nilpotent matrix radius and peak are NaN, peak_k is 0 and growth empty.
    """
    rho = float(np.abs(form.eigenvalues).max())
    measures = {"rho": rho, **henrici(form, alpha)}
    if rho <= len(form.T) * np.finfo(float).eps * np.linalg.norm(form.T):
        return measures | {"radius": np.nan, "growth": np.array([]), "peak": np.nan, "peak_k": 0}
    growth = power_norms(form.T / rho, powers)
    peak_k = int(np.argmax(growth))
    radius = numerical_radius(form.T) / rho
    return measures | {
        "radius": radius,
        "growth": growth,
        "peak": float(growth[peak_k]),
        "peak_k": peak_k,
    }


def henrici(form: OrderedSchur, alpha=0.9):
    """Henrici's departure from normality and its parts, relative to ‖W‖_F.

    dep² = ‖W‖_F² − Σ|λ|² = ‖N‖_F² + Σ (b + c)² (Henrici, 1962); the last sum runs over the 2×2 blocks
    [[a, b], [c, a]], which are nonnormal themselves where b ≠ −c.

    Args:
        form: ordered real Schur form.
        alpha: see the module.
    Returns:
        {"henrici", "RR", "CR", "CC", "pairs"}: floats in [0, 1]; the squares of the four parts add up
        to that of "henrici". 0 for a zero matrix.
    """
    parts = {name: form.mass(mask) for name, mask in form.couplings(alpha).items()}
    pairs = np.flatnonzero(np.diagonal(form.T, -1))
    uneven = (np.diagonal(form.T, 1) + np.diagonal(form.T, -1))[pairs]
    parts["pairs"] = float(np.linalg.norm(uneven) / np.linalg.norm(form.T)) if len(pairs) else 0.0
    return {"henrici": float(np.sqrt(sum(size**2 for size in parts.values()))), **parts}


def numerical_radius(A):
    """max |xᴴ A x| over unit x, = max over θ of the largest eigenvalue of (e^{iθ}A + e^{−iθ}Aᴴ)/2.

    Args:
        A: (N, N) real; then θ and −θ give the same.
    Returns:
        float, between max(ρ, ‖A‖/2) and ‖A‖; ρ for a normal matrix.
    """

    def minus_largest(theta):
        turned = np.exp(1j * theta) * A
        return -np.linalg.eigvalsh((turned + turned.conj().T) / 2)[-1]

    angles = np.linspace(0, np.pi, 24)  # then refined around the best
    values = [minus_largest(theta) for theta in angles]
    best, step = angles[int(np.argmin(values))], angles[1]
    refined = minimize_scalar(minus_largest, bounds=(best - step, best + step), method="bounded")
    return float(max(-min(values), -refined.fun))


def power_norms(A, n=POWERS):
    """‖Aᵏ‖₂ for k = 0 … n: (n + 1,)."""
    power, norms = np.eye(len(A)), [1.0]
    for _ in range(n):
        power = A @ power
        norms.append(np.linalg.norm(power, 2))
    return np.array(norms)


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


def tanh_network(trials: Evaluation) -> Network:
    """The network of an evaluation whose Jacobian is known.

    Raises:
        ValueError: it is no plain tanh network.
    """
    net = trials.network
    if net is None or net.activation != "tanh":
        kind = type(trials.module).__name__ if net is None else f"{net.activation} network"
        raise ValueError(f"this needs a plain tanh network h = tanh(W_xh x + W_hh h + b), got a {kind}")
    return net


def sampled_states(trials: Evaluation):
    """Hidden states h_t at evenly spaced steps, one of each trial: (n_trials, N_h) float64."""
    states = trials.states().double().cpu().numpy()
    steps = np.linspace(0, len(states) - 1, trials.n_trials).round().astype(int)
    return states[steps, np.arange(trials.n_trials)]


def jacobian(W, h):
    """∂h_t / ∂h_{t−1} = diag(1 − h_t²) W of a tanh network.

    Args:
        W: (N, N) float64.
        h: (…, N) states h_t.
    Returns:
        (…, N, N).
    """
    return (1 - h**2)[..., :, None] * W


def trial_norms(trials: Evaluation):
    """‖J_t … J_1‖₂ along trials: how far a change of the first state can grow by step t.

    Args:
        trials: of a plain tanh network.
    Returns:
        (n_trials, steps) float64.
    """
    tanh_network(trials)
    W = trials.W_hh.numpy()
    product, norms = np.eye(len(W)), []
    for h in trials.states().double().cpu().numpy():
        product = jacobian(W, h) @ product
        norms.append(np.linalg.norm(product, 2, axis=(-2, -1)))
    return np.stack(norms, axis=1)


# --- expansion of the error ---------------------------------------------------------------------


def couplings_moved(form: OrderedSchur, W, rng, draws=5, size=SIZE):
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
    for change in random_changes(draws, size * np.linalg.norm(W), N, rng):
        other = ordered_schur(W + change)
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


def expand(trials: Evaluation, directions):
    """What deleting W's part D costs, exactly and by the first two derivatives of the score.

    FVU(W − s D) = FVU(W) + s f + s²/2 g + …; f = −⟨∂FVU/∂W, D⟩ and g = ⟨D, H D⟩, H the Hessian, are the
    derivative and its derivative by autograd through a plain loop; at s = 1 D is gone.

    Args:
        trials: of a plain tanh network, in float64; its metric has derivatives (the FVU).
        directions: (K, N_h, N_h) float64, the parts D.
    Returns:
        DataFrame: `first` f, `second` f + g/2, `exact` FVU(W − D) − FVU(W).
    """
    net = tanh_network(trials)
    b_y = 0 if net.b_y is None else net.b_y

    def score(W):
        states = plain_states(net, trials.inputs, W, trials.free_steps)
        outputs = states[..., -trials.n_scored :, :, :] @ net.W_hy.T + b_y
        return trials.metric.score(outputs, trials.targets)

    intact = score(net.W_hh)
    parts = []
    for D in torch.as_tensor(directions).to(net.W_hh).split(2):  # memory grows with the steps
        s = torch.zeros(len(D), 1, 1).to(D).requires_grad_()
        # each score depends on its own s alone: the gradient of their sum holds every derivative
        (slope,) = torch.autograd.grad(score(net.W_hh - s * D).sum(), s, create_graph=True)
        (curvature,) = torch.autograd.grad(slope.sum(), s)
        slope = slope.detach()
        exact = score(net.W_hh - D) - intact
        parts.append(torch.stack([slope.ravel(), (slope + curvature / 2).ravel(), exact]))
    first, second, exact = torch.cat(parts, dim=1)
    return pd.DataFrame({"first": first, "second": second, "exact": exact})


# --- the tables of the chapter ------------------------------------------------------------------


def measure_departure(at: Evaluation, along: Evaluation, alpha=0.9):
    """The measures of nonnormality for W and for the Jacobian at sampled states.

    Args:
        at: a plain tanh network on some trials, whose Jacobian is taken at a state of each.
        along: the same on trials whose Jacobians are multiplied.
        alpha: see the module.
    Returns:
        One row an operator: `operator` ("W", "jacobian"), `state` (0 …), `rho`, `henrici` and its
        parts `RR`, `CR`, `CC`, `pairs`, `radius` (numerical, over ρ), `peak` (max over k ≤ 64 of
        ‖Aᵏ‖/ρᵏ), `peak_k`, `kreiss` (lower bound for A/ρ), `input_R` and `output_R` (shares of the best
        input and of its output in the leading subspace of the operator), `n_leading`, `trial_peak` (max
        over steps of ‖J_t … J_1‖, mean over trials).
    """
    trial_peak = float(trial_norms(along).max(1).mean())
    W, rows = at.W_hh.numpy(), []
    forms = [("W", 0, at.form)]
    forms += [("jacobian", i, ordered_schur(jacobian(W, h))) for i, h in enumerate(sampled_states(at))]
    for operator, state, form in forms:
        measures = departure_of(form, alpha)
        del measures["growth"]
        A, n = form.T / measures["rho"], form.n_leading(alpha)
        # what the power of the largest norm amplifies most, and where that goes, in Schur coordinates
        U, _, V = np.linalg.svd(np.linalg.matrix_power(A, measures["peak_k"]))
        rows.append(
            {
                "operator": operator,
                "state": state,
                **measures,
                "kreiss": kreiss_bound(A),
                "input_R": np.sum(V[0, :n] ** 2),
                "output_R": np.sum(U[:n, 0] ** 2),
                "n_leading": n,
                "trial_peak": trial_peak,
            }
        )
    return pd.DataFrame(rows)


def measure_powers(at: Evaluation, along: Evaluation):
    """‖Aᵏ‖ / ρᵏ for W and for the Jacobian, and ‖J_k … J_1‖ along trials.

    Args:
        at: as for `measure_departure`.
        along: as for `measure_departure`.
    Returns:
        One row a k = 0 … 64: `k`, `W`, `jacobian` (median over states), `trial` (median over trials;
        NaN beyond the trial's length).
    """

    def scaled(A):
        return power_norms(A / np.abs(np.linalg.eigvals(A)).max())

    trial = np.full(POWERS + 1, np.nan)
    products = np.median(trial_norms(along), axis=0)[:POWERS]
    trial[0], trial[1 : len(products) + 1] = 1, products
    W = at.W_hh.numpy()
    on_task = [scaled(jacobian(W, h)) for h in sampled_states(at)]
    columns = {"W": scaled(W), "jacobian": np.median(on_task, axis=0), "trial": trial}
    return pd.DataFrame({"k": range(POWERS + 1), **columns})


def measure_pseudospectra(trials: Evaluation, step=0.08, extent=1.6):
    """σ_min(z − A/ρ) on a grid of the upper half plane, for W and for the Jacobian in mid-trial.

    Args:
        trials: a plain tanh network; of `sampled_states` the middle one is taken.
        step: of the grid.
        extent: largest |Re z| and Im z.
    Returns:
        One row an operator and point: `operator`, `x`, `y`, `smallest`.
    """
    tanh_network(trials)
    W, h = trials.W_hh.numpy(), sampled_states(trials)[trials.n_trials // 2]
    half = int(round(extent / step))
    x, y = np.meshgrid(step * np.arange(-half, half + 1), step * np.arange(half + 1))
    tables = []
    for operator, A in (("W", W), ("jacobian", jacobian(W, h))):
        smallest = smallest_singular(A / np.abs(np.linalg.eigvals(A)).max(), x + 1j * y)
        columns = {"x": x.ravel().round(6), "y": y.ravel().round(6), "smallest": smallest.ravel()}
        tables.append(pd.DataFrame({"operator": operator, **columns}))
    return pd.concat(tables, ignore_index=True)


def measure_sensitivity(trials: Evaluation, per_block=10, draws=5, alpha=0.9, seed=0):
    """First and second order predictions against exact deletion, for couplings and for blocks.

    The book scores all tasks by the FVU here, since replay accuracy has no derivative. Couplings are
    those that move by less than `STABLE` under changes of W by 1e-3; of each block's, `per_block` are
    taken at evenly spaced ranks of their norm, the largest among them.

    Args:
        trials: as for `expand`.
        per_block: couplings of each block, at most.
        draws: of the change of W.
        alpha: see the module.
        seed: of these draws; see `draws_of`.
    Returns:
        One row a coupling or block: `unit` ("coupling", "block"), `removed` ("RR", "CR", "CC",
        "RR+CR+CC"), `p`, `q` (the coupling's diagonal blocks, −1 for a block), `mass` ‖D‖/‖W‖, `first`,
        `second`, `exact` (see `expand`), `stable_couplings`, `stable_entries` (shares within the
        block; NaN for single couplings and empty blocks).
    """
    tanh_network(trials)
    form, W = trials.form, trials.W_hh.numpy()
    couplings, entries = couplings_moved(form, W, draws_of(seed), draws)
    starts = form.blocks[:-1]
    norms = np.sqrt(np.add.reduceat(np.add.reduceat(form.T**2, starts, 0), starts, 1))
    rows, directions = [], []
    for names in (*([name] for name in COUPLINGS), COUPLINGS):
        mask = form.mask(names, alpha)
        units = mask[np.ix_(starts, starts)]
        if not mask.any():
            continue
        stable = units & (couplings < STABLE)
        shares = stable.sum() / units.sum(), (entries[mask] < STABLE).mean()
        rows.append(("block", label(names), -1, -1, *shares))
        directions.append(form.part(mask))
        if len(names) > 1:
            continue
        p, q = np.nonzero(stable)
        order = np.argsort(-norms[p, q], kind="stable")
        ranks = np.linspace(0, len(order) - 1, min(per_block, len(order))).round().astype(int)
        for i in order[ranks]:
            P, R = (slice(form.blocks[b], form.blocks[b + 1]) for b in (p[i], q[i]))
            rows.append(("coupling", *names, p[i], q[i], np.nan, np.nan))
            directions.append(form.Q[:, P] @ form.T[P, R] @ form.Q[:, R].T)
    columns = ["unit", "removed", "p", "q", "stable_couplings", "stable_entries"]
    mass = [np.linalg.norm(D) / np.linalg.norm(W) for D in directions]
    table = pd.DataFrame(rows, columns=columns).assign(mass=mass)
    return pd.concat([table, expand(trials, np.stack(directions))], axis=1)


# --- private ------------------------------------------------------------------------------------


def _distance(there, here, inner):
    """‖D' − D‖ / ‖D‖ from the squared norms and the inner product; infinite where D = 0."""
    moved = np.sqrt(np.maximum(there + here - 2 * inner, 0)) / np.sqrt(here)
    return np.where(np.isnan(moved), np.inf, moved)
