"""The intervention of the paper: zero coupling blocks, run the network again, score it."""

from collections.abc import Collection, Sequence

import pandas as pd

from schur_lib.intervals import interval
from schur_lib.metrics import sensitivity
from schur_lib.networks import Network
from schur_lib.schur import SUBSETS, label
from schur_lib.subjects import Evaluation, on_task, warn_of_poor_score
from schur_lib.tasks import Task


def ablation_profile(
    net: Network,
    task: Task,
    alpha: float = 0.9,
    removed: Sequence[Collection[str]] = SUBSETS,
    n_trials: int = 1024,
    seed: int = 0,
) -> pd.DataFrame:
    """What each removed set of couplings does to a network's score (paper, section 2).

    For every set S of blocks: W̃(S) = Q T̃(S) Qᵀ with the entries of S zeroed, the network run again with
    W_xh and W_hy untouched, on the same held-out trials.

    >>> import torch
    >>> from schur_lib import Network, ablation_profile, tasks
    >>> g = torch.Generator().manual_seed(0)
    >>> net = Network(*(torch.randn(*shape, generator=g) / 3 for shape in ((9, 3), (9, 9), (3, 9))))
    >>> table = ablation_profile(net, tasks.flip_flop(), n_trials=8)
    >>> table.removed.tolist()
    ['', 'CC', 'RR', 'RR+CC', 'CR', 'CR+CC', 'RR+CR', 'RR+CR+CC']

    Args:
        net: the network.
        task: gives the trials and the score.
        alpha: where R ends, see `schur`.
        removed: the sets of blocks; all eight subsets by default.
        n_trials: held-out trials.
        seed: of the trials; they share nothing with the training data.
    Returns:
        As `profile_of`, without intervals.
    """
    trials = on_task(net, task, n_trials, seed)
    warn_of_poor_score(trials)
    return profile_of(trials, alpha, removed, n_draws=0)


def profile_of(
    trials: Evaluation,
    alpha: float = 0.9,
    removed: Sequence[Collection[str]] = SUBSETS,
    n_draws: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """What each removed set of couplings does to anyone's network, with intervals over trials.

    Args:
        trials: the network on some trials.
        alpha: where R ends, see `schur`.
        removed: the sets of blocks; all eight subsets by default.
        n_draws: resamples of the bootstrap; 0: no intervals.
        seed: of the bootstrap.
    Returns:
        One row a set, the first the intact network: `removed` (such as "RR+CC", "" for the intact network),
        `mass` ‖ΔT‖_F/‖T‖_F, `score`, `delta` = score − score of the intact network, `sensitivity` = delta/mass
        (NaN where the block is empty or at rounding level), `low` and `high`: 95 % percentile bootstrap of
        `delta` over trials (paired; NaN with one trial), `n_leading` = n_R, `alpha`, `metric`, `n_trials`. Its
        `attrs` hold `skill` and `does_task` as in `Evaluation`: where that is False, the rest says little.
    """
    form = trials.form
    sets = [frozenset(), *(frozenset(s) for s in removed if len(s))]
    scores = trials.trial_scores(form.ablate(s, alpha) if s else trials.W_hh for s in sets)
    means, rows = scores.mean(1).tolist(), []
    for s, mine in zip(sets, scores, strict=True):
        mass, score = form.removed_mass(s, alpha), float(mine.mean())
        delta = score - means[0]
        row = {"removed": label(s), "mass": mass, "score": score, "delta": delta}
        row["sensitivity"] = sensitivity(delta, mass)
        if n_draws:
            row["low"], row["high"] = interval(mine - scores[0], n_draws, seed) if s else (0.0, 0.0)
        rows.append(row)
    table = pd.DataFrame(rows).assign(
        n_leading=form.n_leading(alpha), alpha=alpha, metric=trials.metric.name, n_trials=trials.n_trials
    )
    skill = trials.metric.skill(means[0], trials.targets, trials.n_outputs)
    table.attrs = {"skill": skill, "does_task": trials.metric.does_task(skill)}
    return table


def over_networks(profiles: Sequence[pd.DataFrame], n_draws: int = 2000, seed: int = 0) -> pd.DataFrame:
    """The profiles of several networks as one: means and intervals with networks as the unit.

    Args:
        profiles: from `profile_of` or `ablation_profile`, one a network, of the same sets.
        n_draws: resamples of the bootstrap.
        seed: of the bootstrap.
    Returns:
        One row a set: `removed`; means of `mass`, `score` and `delta`; `low` and `high`: 95 % percentile
        bootstrap of the mean `delta` over networks (NaN with one); `n_networks`.
    """
    table = pd.concat(profiles, ignore_index=True)
    rows = []
    for removed, part in table.groupby("removed", sort=False):
        low, high = interval(part.delta, n_draws, seed)
        rows.append((removed, *part[["mass", "score", "delta"]].mean(), low, high, len(part)))
    columns = ["removed", "mass", "score", "delta", "low", "high", "n_networks"]
    return pd.DataFrame(rows, columns=columns)
