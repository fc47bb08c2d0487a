"""The score of each part of the trials: which lag, bit, frequency or context an ablation breaks first."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from schur_lib.dynamics import hidden_states, rollout
from schur_lib.metrics import replay_accuracy
from schur_lib.networks import Network
from schur_lib.profile import fits, held_out
from schur_lib.schur import COUPLINGS, label, ordered_schur
from schur_lib.tasks import Task

SINGLE = tuple(frozenset({name}) for name in COUPLINGS)


def parts(task: Task, inputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
    """The ways in which a task's scored entries fall into parts.

    Copy: `lag` 1, 2, … after the input. Flip-flop: `bit` 1, 2, 3; `since_pulse`, the steps since that
    line's last pulse; `last_pulse`, what that pulse did: 0 the line's first, 1 confirmed its sign, 2
    flipped it. Sine: `cue`, the constant input. Integration: `context` 1 or 2, and `step` 1, 2, …

    Args:
        task: one of the four tasks.
        inputs: (steps, B, N_x) from `task.sample`.
        targets: (T, B, N_y) from the same draw.

    Returns:
        The label of every entry of the targets, (T, B, N_y) by name of the division.

    Raises:
        ValueError: the task is not one of the four.
    """
    n_steps, _, n_outputs = targets.shape
    step = torch.arange(1, n_steps + 1)[:, None, None]
    if task.name == "copy":
        found = {"lag": step}
    elif task.name == "flip_flop":
        last = torch.where(inputs != 0, step, 0).cummax(0).values
        before = targets.gather(0, (last - 2).clamp(min=0))
        did = torch.where(before == targets, 1, 2)
        found = {
            "bit": torch.arange(1, n_outputs + 1),
            "since_pulse": step - last,
            "last_pulse": torch.where(last == 1, 0, did),
        }
    elif task.name == "sine_generation":
        found = {"cue": inputs}
    elif task.name == "context_integration":
        found = {"context": 1 + inputs[..., 2:].argmax(-1, keepdim=True), "step": step}
    else:
        raise ValueError(f"the parts of the task {task.name!r} are not defined")
    return {name: labels.expand(targets.shape) for name, labels in found.items()}


def scores_by(outputs: Tensor, targets: Tensor, labels: Tensor, metric: str) -> dict[float, float]:
    """The score of every part: its definition with the expectations taken over that part alone.

    FVU_g = E_g (ŷ − y)² / E_g (y − ȳ)², with ȳ the mean target over all time and trials, so that the FVU is
    the mean of the FVU_g weighted by the targets' variance there. Replay accuracy: share of right signs.

    Args:
        outputs: (T, B, N_y).
        targets: (T, B, N_y).
        labels: (T, B, N_y), what part an entry belongs to.
        metric: "fvu" or "replay_accuracy".

    Returns:
        Score by label, in the order of the labels.

    Raises:
        ValueError: shapes do not match, or an unknown metric.
    """
    if not outputs.shape == targets.shape == labels.shape:
        raise ValueError(
            "outputs, targets and labels must have one shape, "
            f"got {tuple(outputs.shape)}, {tuple(targets.shape)} and {tuple(labels.shape)}"
        )
    if metric == "fvu":
        above = (outputs - targets).double().square()
        below = (targets - targets.mean((0, 1))).double().square()
    elif metric == "replay_accuracy":
        above = (torch.sign(outputs) == targets).double()
        below = torch.ones_like(above)
    else:
        raise ValueError(f'metric must be "fvu" or "replay_accuracy", got {metric!r}')
    names, index = np.unique(labels.numpy(), return_inverse=True)
    top, bottom = (
        np.bincount(index.ravel(), values.flatten().numpy()) for values in (above, below)
    )
    return dict(zip(names.tolist(), (top / bottom).tolist(), strict=True))


def channel_profile(
    net: Network,
    task: Task,
    alpha: float = 0.9,
    removed: Sequence[frozenset] = SINGLE,
    batch_size: int = 1024,
    seed: int = 0,
) -> pd.DataFrame:
    """What each removed set of couplings does to each part of the trials.

    Args:
        net: the network.
        task: gives the trials, their parts and the score.
        alpha: splits the leading sector from its complement, in (0, 1].
        removed: the sets of blocks; the three single blocks by default.
        batch_size: held-out trials, the same as those of `ablation_profile`.
        seed: of the trials.

    Returns:
        `part` (such as "bit"), `value` (its label), `removed` ("" for the full network), `score`, and
        `delta` = score − score of the full network on the same part.

    Raises:
        ValueError: network and task do not fit, or a bad alpha or block name.
    """
    fits(net, task)
    form = ordered_schur(net.W_hh)
    inputs, targets = held_out(task, batch_size, seed)
    divisions = parts(task, inputs, targets)
    inputs, targets = inputs.to(net.W_hh), targets.to(net.W_hh)
    rows, full = [], {}
    for s in [frozenset(), *(frozenset(s) for s in removed if len(s))]:
        W_hh = torch.from_numpy(form.ablate(s, alpha)).to(net.W_hh) if s else net.W_hh
        with torch.no_grad():
            outputs = rollout(net, inputs, W_hh=W_hh, free_steps=task.free_steps)[-len(targets) :]
        for part, labels in divisions.items():
            for value, score in scores_by(outputs, targets, labels, task.score_name).items():
                before = full.setdefault((part, value), score)
                rows.append((part, value, label(s), score, score - before))
    return pd.DataFrame(rows, columns=["part", "value", "removed", "score", "delta"])


def typical(table: pd.DataFrame) -> int:
    """The seed whose three single-block effects are nearest to the medians over networks.

    Args:
        table: from `paper.results`, one task: `seed`, `removed`, `delta`.

    Returns:
        The seed with the smallest summed distance |Δ − median Δ| / median |Δ|; the lowest of ties.
    """
    effects = table[table.removed.isin(COUPLINGS)].pivot(
        index="seed", columns="removed", values="delta"
    )
    scale = effects.abs().median().clip(lower=np.finfo(float).tiny)
    return int(((effects - effects.median()).abs() / scale).sum(axis=1).idxmin())


def worst_parts(table: pd.DataFrame, least: float = 0.01) -> pd.DataFrame:
    """Which part suffers most from each removed set, network by network.

    Args:
        table: one division from `channel_profile` of several networks: `seed`, `value`, `removed`, `delta`.
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
    net: Network,
    task: Task,
    removed: frozenset = frozenset(),
    alpha: float = 0.9,
    batch_size: int = 1024,
    seed: int = 0,
) -> dict[str, float]:
    """How the last output of an integrating network depends on the two integrals and the context.

    Least squares ŷ_T ≈ g_cued Σu_cued + g_other Σu_other + o_c: a perfect integrator has gains 1 and 0 and
    offsets o_1 = o_2 = 0.

    Args:
        net: the network.
        task: context-dependent integration.
        removed: the set of blocks that is removed.
        alpha: splits the leading sector from its complement, in (0, 1].
        batch_size: held-out trials, the same as those of `ablation_profile`.
        seed: of the trials.

    Returns:
        `cued`, `other` (the gains), `offset_1`, `offset_2`, and `unexplained`, the standard deviation of
        what the fit leaves.

    Raises:
        ValueError: network and task do not fit, or a bad alpha or block name.
    """
    fits(net, task)
    inputs, _ = held_out(task, batch_size, seed)
    inputs = inputs.to(net.W_hh)
    W_hh = torch.from_numpy(ordered_schur(net.W_hh).ablate(removed, alpha)).to(net.W_hh)
    with torch.no_grad():
        last = rollout(net, inputs, W_hh=W_hh if removed else None)[-1, :, 0].double().numpy()
    sums = inputs[..., :2].double().sum(0).numpy()
    context = inputs[0, :, 2:].double().numpy()
    cued = (sums * context).sum(1)
    design = np.column_stack([cued, sums.sum(1) - cued, context])
    fit = np.linalg.lstsq(design, last, rcond=None)[0]
    names = ("cued", "other", "offset_1", "offset_2")
    spread = float(np.std(last - design @ fit))
    return {**dict(zip(names, fit.tolist(), strict=True)), "unexplained": spread}


def accuracy_when_deleted(
    net: Network,
    task: Task,
    removed: frozenset,
    when: str,
    alpha: float = 0.9,
    batch_size: int = 1024,
    seed: int = 0,
) -> float:
    """Replay accuracy when a set of couplings is missing only while the input lasts, or only after it.

    h_t = tanh(W_xh x_t + W h_{t-1}) with W = W̃(S) in the named phase and W_hh in the other.

    Args:
        net: a network without biases, zero initial state, tanh.
        task: the copy task.
        removed: the set of blocks.
        when: "input" or "replay".
        alpha: splits the leading sector from its complement, in (0, 1].
        batch_size: held-out trials, the same as those of `ablation_profile`.
        seed: of the trials.

    Returns:
        Share of right signs over all lags.

    Raises:
        ValueError: network and task do not fit, an unknown phase, or a bad alpha or block name.
    """
    fits(net, task)
    if when not in ("input", "replay"):
        raise ValueError(f'when must be "input" or "replay", got {when!r}')
    inputs, targets = (t.to(net.W_hh) for t in held_out(task, batch_size, seed))
    ablated = torch.from_numpy(ordered_schur(net.W_hh).ablate(removed, alpha)).to(net.W_hh)
    during, after = (ablated, net.W_hh) if when == "input" else (net.W_hh, ablated)
    with torch.no_grad():
        h = hidden_states(net, inputs, during)[-1]
        outputs = []
        for _ in range(len(targets)):
            h = torch.tanh(h @ after.T)
            outputs.append(h @ net.W_hy.T)
    return float(replay_accuracy(torch.stack(outputs), targets))
