"""The smallest network that does a task as well: what an ablation does there.

With input and readout weights fixed, FVU(W) + μ ‖W‖²/‖W_0‖² is minimised from the trained W_0 by damped
Gauss–Newton steps,

    δ = −(Jᵀ J + (μ + ν)/‖W_0‖²)⁻¹ (Jᵀ r + μ W/‖W_0‖²),

J and r from `symmetries.tangent`, ν grown until the objective falls. The system is solved by conjugate gradients,
from products with J and Jᵀ, so that no N² × N² matrix is formed. Their preconditioner takes Jᵀ J for the Kronecker
product of two moments: of the states that W acts on, and of the adjoints that see what it does.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from schur_lib.schur import COUPLINGS, Matrix, ordered_schur
from schur_lib.subjects import Evaluation, of_network
from study.probes.off_task import similarity
from study.probes.symmetries import Tangent, tangent

GAIN = 1e-4  # of the objective: a step that gains less is the last (our choice)
INNER = 80  # steps of conjugate gradients
ACCURACY = 0.03  # of their residual
DAMPING = (1e-3, 1e-7, 1e3)  # ν: first, least, and where it is given up
DISTANCES = (0.03, 0.1, 0.3, 0.6)  # ‖S W S⁻¹ − W‖/‖W‖
DRAWS = 3  # of S at each distance


def iterates(trials: Evaluation, mu: float = 1e-3, iterations: int = 40, same: bool = False) -> Iterator[Matrix]:
    """W_0 and what each step towards the smallest network leaves, (N, N) each.

    Args:
        trials: a plain network on the trials that are fitted, in float64.
        mu: μ > 0.
        iterations: steps at most.
        same: whether the outputs of W_0 are kept, and not only the targets met.

    Raises:
        ValueError: μ is not positive, W_0 is zero, or as for `tangent`.
    """
    if not mu > 0:
        raise ValueError(f"mu must be a number above 0, got {mu!r}: it is what makes the weights small")
    W = trials.W_hh.numpy()
    size = float(np.square(W).sum())
    if not size:
        raise ValueError("W_hh must not be zero: there is no smaller matrix")
    at = tangent(trials, W)
    kept, nu = at.residual if same else 0.0, DAMPING[0]

    def objective(of):
        return float(np.square(of.residual - kept).sum() + mu * np.square(of.W).sum() / size)

    now = objective(at)
    yield W
    for _ in range(iterations):
        slope = at.pull(at.residual - kept) + mu / size * at.W
        step_at, then = at, np.inf
        rough = preconditioner(at)
        while nu < DAMPING[2]:
            ridge = (mu + nu) / size
            step = conjugate_gradients(lambda v, of=at, c=ridge: of.pull(of.push(v)) + c * v, -slope, rough(ridge))
            step_at = tangent(trials, at.W + step)
            then = objective(step_at)
            if then < now:
                break
            nu *= 8
        else:
            return
        gain, at, now, nu = now - then, step_at, then, max(nu / 4, DAMPING[1])
        yield at.W
        if gain < GAIN * now and nu < DAMPING[0]:
            return


def preconditioner(of: Tangent, seed: int = 0) -> Callable[[float], Callable[[Matrix], Matrix]]:
    """(S ⊗ A + c)⁻¹ by c: S and A the second moments of adjoints and states, scaled to the trace of G."""
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], of.weight.shape)
    adjoints, N = of.adjoints(signs), len(of.W)
    (s, U), (a, V) = (np.linalg.eigh(x.T @ x) for x in (adjoints.reshape(-1, N), of.before.reshape(-1, N)))
    trace = np.square(adjoints.transpose(1, 2, 0) @ of.before.transpose(1, 0, 2)).sum()
    costs = np.outer(s.clip(0), a.clip(0))
    costs *= trace / max(costs.sum(), 1e-300)
    return lambda ridge: lambda v: U @ ((U.T @ v @ V) / (costs + ridge)) @ V.T


def conjugate_gradients(
    product: Callable[[Matrix], Matrix], b: Matrix, rough: Callable[[Matrix], Matrix], steps: int = INNER
) -> Matrix:
    """x with A x ≈ b, up to `ACCURACY`, from products with A and with a rough inverse, both positive definite."""
    x, r = np.zeros_like(b), b
    z = p = rough(r)
    rz, end = np.vdot(r, z), ACCURACY**2 * np.vdot(b, rough(b))
    for _ in range(steps):
        if rz <= end:
            break
        Ap = product(p)
        amount = rz / np.vdot(p, Ap)
        x, r = x + amount * p, r - amount * Ap
        z = rough(r)
        rz, before = np.vdot(r, z), rz
        p = z + rz / before * p
    return x


def smallest(
    trials: Evaluation, held_out: Evaluation | None = None, mu: float = 1e-3, iterations: int = 40,
    same: bool = False, alpha: float = 0.9,
) -> pd.DataFrame:  # fmt: skip
    """The way to the smallest network that does the task as well, and the profile of ablations along it.

    Args:
        trials: a plain network on the trials that are fitted; in float64 by preference.
        held_out: the same network on others, in the metric of the ablations; None: those that are fitted.
        mu: μ.
        iterations: steps at most.
        same: whether the outputs of the network are kept, and not only the targets met.
        alpha: splits the leading sector from its complement, in (0, 1].

    Returns:
        One row a step, the first the network itself: see `described`.
    """
    return described(trials, held_out or trials, iterates(trials, mu, iterations, same), alpha)


def described(
    trials: Evaluation, held_out: Evaluation, some: Iterable[Matrix], alpha: float = 0.9
) -> pd.DataFrame:
    """Matrices that stand in the place of W_0: how far they are from its function, and what their ablations do.

    Args:
        trials, held_out, alpha: as for `smallest`.
        some: (N, N) each.

    Returns:
        One row a matrix: `step`, its number; `kept` ‖W‖²/‖W_0‖²; `dimensions`, singular directions that hold 99 %
        of ‖W‖²; `n_leading`; `fvu` on `trials`; `moved`, the discrepancy of the outputs from those of W_0 there,
        over the variance of the targets; `fvu_held_out` and `score` on `held_out`; `mass_…`,
        `harm_…` of each block.
    """
    first, rows = tangent(trials), []
    for step, W in enumerate(some):
        found = tangent(trials, W).residual
        row = {"step": step, "kept": float(np.square(W).sum() / np.square(first.W).sum())}
        row |= {"dimensions": dimensions(W), "fvu": float(np.square(found).sum())}
        row["moved"] = float(np.square(found - first.residual).sum())
        rows.append(row | profile(held_out, W, alpha))
    return pd.DataFrame(rows)


def equals(
    trials: Evaluation, held_out: Evaluation, mu: float = 1e-3, iterations: int = 40, linear: bool = False,
    alpha: float = 0.9, seed=0,
) -> pd.DataFrame:  # fmt: skip
    """Networks that are equal to one in three senses, and what ablating their blocks does.

    Three ways lead to them: "task", the way of `smallest`; "same", that way with the outputs kept; "similar",
    S W S⁻¹ with random S that fix input and readout, at four distances, which a linear network does not show.

    Args:
        trials, held_out, mu, iterations, alpha: as for `smallest`.
        linear: whether the network without its activation is followed; the ablations are those with it.
        seed: of S.

    Returns:
        The columns of `described` behind `way`.
    """
    trials = without_activation(trials) if linear else trials
    rng, W, net = np.random.default_rng(seed), trials.W_hh.numpy(), trials.network
    ways = {name: iterates(trials, mu, iterations, name == "same") for name in ("task", "same")}
    maps = net.W_xh.cpu().double().numpy(), net.W_hy.cpu().double().numpy()
    ways["similar"] = (similarity(W, *maps, d * np.linalg.norm(W), rng) for d in DISTANCES for _ in range(DRAWS))
    tables = [described(trials, held_out, some, alpha).assign(way=way) for way, some in ways.items()]
    table = pd.concat(tables, ignore_index=True)
    return table[["way", *table.columns.drop("way")]]


def without_activation(trials: Evaluation, scale: float = 1e-4) -> Evaluation:
    """The same weights with states so small that tanh is linear, and a readout as much larger.

    Args:
        trials: a plain tanh network in float64 without biases or initial state.
        scale: of the inputs.
    """
    net = trials.network
    if net is None or net.activation != "tanh" or any(t is not None for t in (net.b_h, net.b_y, net.h0)):
        raise ValueError(f"a tanh schur_lib.Network without biases is needed, got {type(trials.module).__name__}")
    net = replace(net.double(), W_xh=net.W_xh.double() * scale, W_hy=net.W_hy.double() / scale)
    inputs, targets = trials.inputs.double(), trials.targets.double()
    return of_network(net, inputs, targets, trials.metric, trials.free_steps)


def profile(trials: Evaluation, W: Matrix, alpha: float = 0.9) -> dict[str, float]:
    """Scores of a matrix in the place of the network's own, and the harm of each of its blocks beside that."""
    form = ordered_schur(W)
    scores = trials.scores([W, *(form.ablate({name}, alpha) for name in COUPLINGS)]).numpy()
    row = {"n_leading": form.n_leading(alpha), "score": float(scores[0])}
    row["fvu_held_out"] = float(trials.scored_by("fvu").scores([W])[0])
    row |= {f"mass_{name}": form.removed_mass({name}, alpha) for name in COUPLINGS}
    harms = trials.metric.harm(scores[1:], scores[0])
    return row | {f"harm_{name}": float(harm) for name, harm in zip(COUPLINGS, harms, strict=True)}


def dimensions(W: Matrix, share: float = 0.99) -> int:
    """How many singular directions hold a share of ‖W‖²; 0 for a zero matrix."""
    power = np.square(np.linalg.svd(W, compute_uv=False))
    total = power.sum()
    return int((power.cumsum() < share * total).sum()) + 1 if total else 0
