"""How well a network does its task, and how much an ablation matters."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

# W_hh is stored in float32: a removed mass below this is rounding, not a coupling.
NEGLIGIBLE_MASS = 1e-5
NOT_SCORED = -100  # the class that torch's losses leave out too


@dataclass(frozen=True)
class Metric:
    """All that is known of a score."""

    name: str  #: such as "fvu"
    title: str  #: in words, for tables and pages
    #: outputs (..., T, B, N_y), targets → (..., B), whose mean is the score; where not all steps of all trials
    #: are scored, each trial by its share of them, so that the mean is that of all scored steps together
    per_trial: Callable[[Tensor, Tensor], Tensor]
    higher_is_better: bool = False  #: the direction
    chance: Callable[[Tensor, int], float] | None = None  #: targets, N_y → score of what looks at no input
    perfect: float | None = None  #: score of a perfect network; None where unknown (a function of one's own)
    classes: bool = False  #: whether targets are integer classes (T, B), not numbers (T, B, N_y)
    allowed: float = 0.0  #: change of the score that counts as no harm in any case
    enough: float = 0.9  #: skill from which a network does its task (our choice)

    def score(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """(...), one score a network: the mean over trials."""
        return self.per_trial(outputs, targets).mean(-1)

    def harm(self, score: Any, intact: Any) -> Any:
        """How much worse a score is than that of the intact network; negative where it is better."""
        return intact - score if self.higher_is_better else score - intact

    def error(self, score: Any) -> Any:
        """Distance from a perfect score: FVU itself, 1 − accuracy. NaN where perfect is unknown."""
        return abs(score - (np.nan if self.perfect is None else self.perfect))

    def skill(self, score: float, targets: Tensor, n_outputs: int) -> float:
        """Where a score lies between chance (0) and perfect (1); NaN where either is unknown or they are one."""
        chance = np.nan if self.chance is None else self.chance(targets, n_outputs)
        perfect = np.nan if self.perfect is None else self.perfect
        return float((chance - score) / (chance - perfect)) if chance != perfect else np.nan

    def does_task(self, skill: float) -> bool | None:
        """Whether a network of this skill does its task; None where the skill is unknown (NaN)."""
        return None if np.isnan(skill) else bool(skill >= self.enough)


def is_scored(targets: Tensor) -> Tensor:
    """Where targets count: not where they are NaN, or the class −100."""
    return ~targets.isnan() if targets.is_floating_point() else targets != NOT_SCORED


def masked(targets: Tensor, mask: Tensor) -> Tensor:
    """Targets that count only where a mask is true.

    Args:
        targets: numbers in floating point (..., N_y), or integer classes.
        mask: booleans, or zeros and ones, of the targets' shape or without its last axis N_y.
    """
    numbers = targets.is_floating_point()
    if mask.shape not in (targets.shape, targets.shape[: -1 if numbers else None]):
        wanted = f"the targets' {tuple(targets.shape)}{', or that without the last axis' * numbers}"
        raise ValueError(f"mask must have the shape of {wanted}; got {tuple(mask.shape)}")
    if not ((mask == 0) | (mask == 1)).all() or not mask.any():
        raise ValueError("mask must be true (1) where targets are scored, else false (0), and true somewhere")
    kept = mask.bool().reshape(*mask.shape, *[1] * (targets.ndim - mask.ndim))
    return targets.where(kept, float("nan") if numbers else NOT_SCORED)


def fvu(outputs: Tensor, targets: Tensor) -> Tensor:
    """Fraction of the targets' variance that the outputs leave unexplained.

    FVU = E‖ŷ − y‖² / E‖y − ȳ‖², ȳ the mean target over time and trials (paper, section 2).

    >>> import torch
    >>> from schur_lib import fvu
    >>> targets = torch.tensor([-1.0, 1.0, 3.0]).reshape(3, 1, 1)
    >>> float(fvu(targets, targets)), float(fvu(torch.ones(3, 1, 1), targets))
    (0.0, 1.0)

    Args:
        outputs: (..., T, B, N_y); leading dimensions index networks and are kept.
        targets: (T, B, N_y), not constant.
    Returns:
        (...), 0 for a perfect network, 1 for one that answers ȳ.
    Raises:
        ValueError: shapes do not match, or the targets do not vary.
    """
    return FVU.score(outputs, targets)


def replay_accuracy(outputs: Tensor, targets: Tensor) -> Tensor:
    """Share of replayed bits whose sign is right, over lags, sequences and channels (paper, section 3).

    Args:
        outputs: (..., T, B, d); leading dimensions index networks and are kept.
        targets: (T, B, d), each −1 or +1.
    Returns:
        (...), 1 for a perfect replay, 0.5 for chance; an output of exactly 0 counts as wrong.
    Raises:
        ValueError: shapes do not match, or a target is not ±1.
    """
    return REPLAY_ACCURACY.score(outputs, targets)


def sensitivity(delta: float, mass: float) -> float:
    """S_ΔT = ΔFVU / (‖ΔT‖_F / ‖T‖_F): change of the score per removed Schur mass (paper, section 2).

    NaN where the mass is at rounding level (≤ 1e-5), since it is then undefined.
    """
    return delta / mass if mass > NEGLIGIBLE_MASS else float("nan")


def _fvu(outputs, targets):
    _check_shapes(outputs, targets)
    scored = is_scored(targets)
    # Of all trials, so that the mean over trials is the FVU; what is not scored is 0 above and below.
    variance = torch.where(scored, targets - targets.nanmean((0, 1)), 0).square().sum(-1).mean()
    if not variance > 0:
        raise ValueError("targets must vary over time or trials: their variance is 0")
    return torch.where(scored, outputs - targets, 0).square().sum(-1).mean(-2) / variance


def _replay_accuracy(outputs, targets):
    _check_shapes(outputs, targets)
    scored = is_scored(targets)
    if not torch.all(targets[scored].abs() == 1):
        raise ValueError("targets must be −1 or +1")
    return (torch.sign(outputs) == targets).cpu().double().mean((-3, -1)) / _share(scored)


def _accuracy(outputs, targets):
    _check_classes(outputs, targets)
    return (outputs.argmax(-1) == targets).cpu().double().mean(-2) / _share(is_scored(targets))


def _cross_entropy(outputs, targets):
    _check_classes(outputs, targets)
    scored = is_scored(targets)
    index = targets.where(scored, 0).long().expand(outputs.shape[:-1])[..., None]
    losses = -outputs.log_softmax(-1).gather(-1, index)[..., 0]
    return torch.where(scored, losses, 0).mean(-2) / _share(scored)


def _share(scored):
    return float(scored.cpu().double().mean())


def _commonest(targets, n_outputs):
    counts = torch.bincount(targets[is_scored(targets)].long())
    return float(counts.max() / counts.sum())


FVU = Metric("fvu", "fraction of variance unexplained; lower is better", _fvu,
             chance=lambda targets, n_outputs: 1.0, perfect=0.0)  # fmt: skip
# allowed is our choice: an accurate network makes so few errors that a share of them means nothing.
REPLAY_ACCURACY = Metric("replay_accuracy", "share of right signs; higher is better", _replay_accuracy, True,
                         chance=lambda targets, n_outputs: 0.5, perfect=1.0, allowed=0.005)  # fmt: skip
ACCURACY = Metric("accuracy", "share of right classes; higher is better", _accuracy, True,
                  chance=_commonest, perfect=1.0, classes=True, allowed=0.005)  # fmt: skip
CROSS_ENTROPY = Metric("cross_entropy", "cross-entropy in nats; lower is better", _cross_entropy,
                       chance=lambda targets, n_outputs: float(np.log(n_outputs)), perfect=0.0,
                       classes=True, enough=0.5)  # fmt: skip  # noisy data leave a good classifier far from 0
METRICS = {metric.name: metric for metric in (FVU, ACCURACY, CROSS_ENTROPY, REPLAY_ACCURACY)}


def by_name(metric: str | Metric) -> Metric:
    """A metric as it is, or the one of `METRICS` that has this name."""
    if isinstance(metric, Metric):
        return metric
    if metric not in METRICS:
        raise ValueError(f"metric must be one of {tuple(METRICS)} or a function, got {metric!r}")
    return METRICS[metric]


_ORDER = "time first; batch_first=True if trials come first"


def _check_shapes(outputs, targets):
    if targets.ndim != 3 or not is_scored(targets).any():
        wanted = "(T, B, N_y), and not all of them NaN (not scored)"
        raise ValueError(f"targets must be {wanted}, got {tuple(targets.shape)}")
    if outputs.ndim < 3 or outputs.shape[-3:] != targets.shape:
        wanted = f"(..., T, B, N_y) with the targets' {tuple(targets.shape)} last"
        raise ValueError(f"outputs must be {wanted}, got {tuple(outputs.shape)} ({_ORDER})")


def _check_classes(outputs, targets):
    if outputs.shape[-3:-1] != targets.shape:
        wanted, got = tuple(targets.shape), tuple(outputs.shape[-3:-1])
        raise ValueError(f"the outputs' steps and trials must be the targets' {wanted}, got {got} ({_ORDER})")
    check_labels(targets, outputs.shape[-1])


def check_labels(targets: Tensor, n_outputs: int) -> None:
    """Raise a ValueError where targets are not integer classes, one for each output, or −100 (not scored)."""
    scored = targets[is_scored(targets)]
    low, high = (int(scored.min()), int(scored.max())) if len(scored) else (NOT_SCORED, NOT_SCORED)
    if low < 0 or high >= n_outputs:
        allowed = f"classes 0 to {n_outputs - 1}, one for each output ({NOT_SCORED}, or a mask: not scored)"
        raise ValueError(f"targets must be {allowed}; got {low} to {high}")
