"""The score of each part of the trials: which lag, bit, frequency or context an ablation breaks first.

What the parts are is said by labels of the scored entries: `task.parts(inputs, targets)`, or anyone's own.
Throughout, α splits the leading sector from its complement.
"""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from schur_lib.dynamics import hidden_states
from schur_lib.metrics import FVU, METRICS
from schur_lib.schur import COUPLINGS, label
from schur_lib.subjects import Evaluation

SINGLE = tuple(frozenset({name}) for name in COUPLINGS)


def scores_by(trials: Evaluation, outputs: Tensor, labels: Tensor) -> dict[float, float]:
    """The score of every part: its definition with the expectations taken over that part alone.

    FVU_g = E_g (ŷ − y)² / E_g (y − ȳ)², with ȳ the mean target over all time and trials, so that the FVU is
    the mean of the FVU_g weighted by the targets' variance there. Other metrics: the mean over entries.

    Args:
        trials: say the targets and the metric, one that has a name.
        outputs: (T, B, N_y), of `trials.outputs`.
        labels: what part an entry of the targets belongs to, NaN for none; of a shape that expands to theirs.

    Returns:
        Score by label, in the order of the labels.

    Raises:
        ValueError: labels do not fit the targets, or the metric is a function of one's own.
    """
    metric, targets = trials.metric, trials.targets
    if METRICS.get(metric.name) is not metric:
        raise ValueError(f"metric must be one of {tuple(METRICS)}, got {metric.name!r}")

    n = targets.numel()

    def of_entries(answer):
        # Every entry as a trial of its own.
        wanted = targets.reshape((1, n) if metric.classes else (1, n, 1))
        return metric.per_trial(answer.double().reshape(1, n, -1), wanted).cpu().numpy()

    names, index = np.unique(_fitting(labels, targets).cpu().numpy(), return_inverse=True)
    # What an FVU is a fraction of is the error of the mean target.
    weights = of_entries(targets.mean((0, 1)).expand(targets.shape)) if metric is FVU else None
    top = np.bincount(index.ravel(), of_entries(outputs))
    bottom = np.bincount(index.ravel(), weights)
    part = ~np.isnan(names)
    return dict(zip(names[part].tolist(), (top[part] / bottom[part]).tolist(), strict=True))


def part_profile(
    trials: Evaluation,
    divisions: Mapping[str, Tensor],
    alpha: float = 0.9,
    removed: Sequence[Collection[str]] = SINGLE,
) -> pd.DataFrame:
    """What each removed set of couplings does to each part of the trials.

    Args:
        trials: the network on some trials.
        divisions: labels of the scored entries by the name of the division, as for `scores_by`.
        alpha: in (0, 1].
        removed: the sets of blocks; the three single blocks by default.

    Returns:
        `part` (the division, such as "bit"), `value` (the label), `removed` ("" for the intact network),
        `score`, and `delta` = score − score of the intact network on the same part.

    Raises:
        ValueError: as for `scores_by`, or a bad alpha or block name.
    """
    sets = [frozenset(), *(frozenset(s) for s in removed if len(s))]
    matrices = (trials.form.ablate(s, alpha) if s else trials.W_hh for s in sets)
    rows, intact = [], {}
    for s, outputs in zip(sets, trials.outputs(matrices), strict=True):
        for part, labels in divisions.items():
            for value, score in scores_by(trials, outputs, labels).items():
                before = intact.setdefault((part, value), score)
                rows.append((part, value, label(s), score, score - before))
    return pd.DataFrame(rows, columns=["part", "value", "removed", "score", "delta"])


def typical(table: pd.DataFrame) -> int:
    """The seed whose three single-block effects are nearest to the medians over networks.

    Args:
        table: profiles of the networks of one task: `seed`, `removed`, `delta`.

    Returns:
        The seed with the smallest summed distance |Δ − median Δ| / median |Δ|; the lowest of ties.
    """
    effects = table[table.removed.isin(COUPLINGS)].pivot(index="seed", columns="removed", values="delta")
    scale = effects.abs().median().clip(lower=np.finfo(float).tiny)
    return int(((effects - effects.median()).abs() / scale).sum(axis=1).idxmin())


def worst_parts(table: pd.DataFrame, least: float = 0.01) -> pd.DataFrame:
    """Which part suffers most from each removed set, network by network.

    Args:
        table: one division from `part_profile` of several networks: `seed`, `value`, `removed`, `delta`.
        least: networks whose delta is above this in no part are left out, and smaller deltas count as
            this much in the ratio.

    Returns:
        By removed set: `n` networks that count, `worst` (in how many of them each part has the largest
        delta, in the order of the parts), `ratio` (median over them of largest to smallest delta; NaN
        where n is 0).
    """
    rows = {}
    for removed, group in table[table.removed != ""].groupby("removed", sort=False):
        deltas = group.pivot(index="seed", columns="value", values="delta")
        deltas = deltas[deltas.max(axis=1) > least]
        counts = deltas.idxmax(axis=1).value_counts() if len(deltas) else pd.Series(dtype=int)
        ratio = deltas.max(axis=1) / deltas.min(axis=1).clip(lower=least)
        worst = tuple(int(counts.get(value, 0)) for value in deltas.columns)
        rows[removed] = {"n": len(deltas), "worst": worst, "ratio": float(ratio.median())}
    return pd.DataFrame.from_dict(rows, orient="index")


def integration_gains(
    trials: Evaluation,
    streams: Tensor,
    context: Tensor,
    removed: Collection[str] = (),
    alpha: float = 0.9,
) -> dict[str, float]:
    """How the last output of an integrating network depends on the two integrals and the context.

    Least squares ŷ_T ≈ g_cued Σu_cued + g_other Σu_other + o_c: a perfect integrator has gains 1 and 0 and
    offsets o_1 = o_2 = 0.

    Args:
        trials: the network on some trials, with one output.
        streams: (T, B, 2), what is to be integrated.
        context: (B,), 0 or 1: which stream is cued.
        removed: the set of blocks that is removed.
        alpha: in (0, 1].

    Returns:
        `cued`, `other` (the gains), `offset_1`, `offset_2`, and `unexplained`, the standard deviation of
        what the fit leaves.

    Raises:
        ValueError: a bad alpha or block name.
    """
    W = trials.form.ablate(removed, alpha) if len(removed) else trials.W_hh
    last = next(trials.outputs([W]))[-1, :, 0].double().cpu().numpy()
    sums = streams.double().sum(0).cpu().numpy()
    context = np.eye(2)[context.cpu().numpy()]
    cued = (sums * context).sum(1)
    design = np.column_stack([cued, sums.sum(1) - cued, context])
    fit = np.linalg.lstsq(design, last, rcond=None)[0]
    names = ("cued", "other", "offset_1", "offset_2")
    spread = float(np.std(last - design @ fit))
    return {**dict(zip(names, fit.tolist(), strict=True)), "unexplained": spread}


def sine_shape(trials: Evaluation, removed: Collection[str] = (), alpha: float = 0.9) -> dict[str, float]:
    """What the output of a network that should oscillate looks like: medians over trials.

    Args:
        trials: the network on some trials, with one output.
        removed: the set of blocks that is removed.
        alpha: in (0, 1].

    Returns:
        `correlation` of output and target over time; `swing`, the output's standard deviation over that of
        the target; `offset`, the distance of their means; `late_swing`, the swing in the last fifth.

    Raises:
        ValueError: a bad alpha or block name.
    """
    W = trials.form.ablate(removed, alpha) if len(removed) else trials.W_hh
    y = next(trials.outputs([W]))[..., 0].double()
    t = trials.targets[..., 0].double()
    around_y, around_t = y - y.mean(0), t - t.mean(0)
    norm_y, norm_t = around_y.norm(dim=0), around_t.norm(dim=0)
    late = len(t) // 5
    shape = {
        "correlation": (around_y * around_t).sum(0) / (norm_y * norm_t).clamp(min=1e-9),
        "swing": norm_y / norm_t,
        "offset": (y.mean(0) - t.mean(0)).abs(),
        "late_swing": y[-late:].std(0) / t[-late:].std(0),
    }
    return {name: float(values.median()) for name, values in shape.items()}


def score_when_ablated(trials: Evaluation, removed: Collection[str], when: str, alpha: float = 0.9) -> float:
    """The score when a set of couplings is missing only while the input lasts, or only after it.

    h_t = tanh(W_xh x_t + W h_{t-1}) with W = W̃(S) in the named phase and W_hh in the other.

    Args:
        trials: a plain network that runs on after the input, and is scored there alone.
        removed: the set of blocks.
        when: "input" or "replay".
        alpha: in (0, 1].

    Raises:
        ValueError: no plain network, outputs that are scored while the input lasts, an unknown phase, or
            a bad alpha or block name.
    """
    net = trials.network
    if net is None or trials.n_scored != trials.free_steps:
        raise ValueError("needs a plain network whose scored outputs all come after the input")
    if when not in ("input", "replay"):
        raise ValueError(f'when must be "input" or "replay", got {when!r}')
    ablated = torch.from_numpy(trials.form.ablate(removed, alpha)).to(net.W_hh)
    during, after = (ablated, net.W_hh) if when == "input" else (net.W_hh, ablated)
    activation = torch.relu if net.activation == "relu" else torch.tanh
    b_h, b_y = (0 if b is None else b for b in (net.b_h, net.b_y))
    with torch.no_grad():
        h = hidden_states(net, trials.inputs, during)[-1]
        outputs = []
        for _ in range(trials.free_steps):
            h = activation(h @ after.T + b_h)
            outputs.append(h @ net.W_hy.T + b_y)
    return float(trials.metric.score(torch.stack(outputs), trials.targets))


def _fitting(labels, targets):
    try:
        return labels.expand(targets.shape)
    except RuntimeError:
        raise ValueError(
            f"labels must expand to the targets' {tuple(targets.shape)}, got {tuple(labels.shape)}"
        ) from None
