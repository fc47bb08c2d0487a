"""How well a network does its task, and how much an ablation matters."""

import torch
from torch import Tensor

# W_hh is stored in float32: a removed mass below this is rounding, not a coupling.
NEGLIGIBLE_MASS = 1e-5


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
    _check_shapes(outputs, targets)
    variance = (targets - targets.mean((0, 1))).square().sum(-1).mean()
    if not variance > 0:
        raise ValueError("targets must vary over time or trials: their variance is 0")
    return (outputs - targets).square().sum(-1).mean((-2, -1)) / variance


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
    _check_shapes(outputs, targets)
    if not torch.all(targets.abs() == 1):
        raise ValueError("targets must be −1 or +1")
    return (torch.sign(outputs) == targets).float().mean((-3, -2, -1))


def sensitivity(delta: float, mass: float) -> float:
    """S_ΔT = ΔFVU / (‖ΔT‖_F / ‖T‖_F): effect per removed Schur mass (paper, section 2).

    Args:
        delta: change of the score.
        mass: removed Schur mass, ≥ 0.

    Returns:
        The ratio; NaN where the mass is at rounding level (≤ 1e-5), since it is then undefined.
    """
    return delta / mass if mass > NEGLIGIBLE_MASS else float("nan")


def _check_shapes(outputs, targets):
    if targets.ndim != 3 or not targets.numel():
        raise ValueError(f"targets must be (T, B, N_y) and not empty, got {tuple(targets.shape)}")
    if outputs.ndim < 3 or outputs.shape[-3:] != targets.shape:
        raise ValueError(
            f"outputs must be (..., T, B, N_y) with the targets' {tuple(targets.shape)} last, "
            f"got {tuple(outputs.shape)}"
        )
