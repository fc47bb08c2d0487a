"""The 2³ design: what blocks do together that they do not do alone."""

from collections.abc import Mapping
from math import comb

import pandas as pd

from schur_lib.profile import profile_of
from schur_lib.schur import COUPLINGS, SUBSETS, label
from schur_lib.subjects import Evaluation

ALL = tuple(label(s) for s in SUBSETS)


def mobius(harms: Mapping[str, float]) -> dict[str, float]:
    """Main effects and interactions of the blocks: the Möbius transform of a function of subsets.

    m(S) = Σ_{T ⊆ S} (−1)^{|S| − |T|} v(T), so that v(S) = Σ_{T ⊆ S} m(T) (Rota, 1964).

    Args:
        harms: v by removed set, "" to "RR+CR+CC", all eight.

    Returns:
        m by nonempty set: a main effect for a single block, an interaction for several; 0 for every
        interaction where effects add up.

    Raises:
        ValueError: a set is missing.
    """
    _check(harms)
    return {
        label(s): sum((-1) ** (len(s) - len(t)) * harms[label(t)] for t in SUBSETS if t <= s) for s in SUBSETS if s
    }


def shapley(harms: Mapping[str, float]) -> dict[str, float]:
    """Each block's share of the effect of removing all: its mean effect over all orders of removal.

    φ_i = Σ_{S ∌ i} |S|! (n − |S| − 1)! / n! · (v(S ∪ i) − v(S)), n = 3 (Shapley, 1953).

    Args:
        harms: v by removed set, "" to "RR+CR+CC", all eight.

    Returns:
        φ by block; they add up to v(all) − v(none).

    Raises:
        ValueError: a set is missing.
    """
    _check(harms)
    n = len(COUPLINGS)
    return {
        name: sum(
            (harms[label(s | {name})] - harms[label(s)]) / (n * comb(n - 1, len(s)))
            for s in SUBSETS
            if name not in s
        )
        for name in COUPLINGS
    }


def two_cubed(trials: Evaluation, alpha: float = 0.9) -> pd.DataFrame:
    """The 2³ design of a network: harm, Möbius term and Shapley value of the removed sets.

    Args:
        trials: the network on some trials.
        alpha: splits the leading sector from its complement, in (0, 1].

    Returns:
        One row a nonempty set: `removed`, `harm` in units of the metric, `term` m(S), `shapley` (NaN for
        sets of several blocks).

    Raises:
        ValueError: a bad alpha.
    """
    scores = profile_of(trials, alpha, n_draws=0).set_index("removed").score
    harms = trials.metric.harm(scores, scores[""]).to_dict()
    terms, shares = mobius(harms), shapley(harms)
    rows = [(name, harms[name], terms[name], shares.get(name, float("nan"))) for name in terms]
    return pd.DataFrame(rows, columns=["removed", "harm", "term", "shapley"])


def _check(harms):
    missing = [name or "the intact network" for name in ALL if name not in harms]
    if missing:
        raise ValueError(f"need the effect of all eight sets, missing {', '.join(missing)}")
