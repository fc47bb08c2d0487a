"""How a network is trained.

The paper states no recipe for the copy task. The default is that of a public ancestor (Karuvally et al.,
ICML 2024), with a curriculum over the output horizon. For the three other tasks the paper states the
optimiser, learning rate, batch and number of steps; no gradient clipping there is our choice.
"""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """How a network is trained: Adam on the mean squared error of the scored steps.

    Args:
        steps: optimiser steps, each on a fresh batch.
        batch_size: trials a step.
        learning_rate: of Adam; no weight decay.
        clip_norm: the gradient's norm is clipped at this; None for no clipping.
        horizons: copy task only: replay lengths of the curriculum, one for a fixed length.
        advance_at: batch accuracy above which the curriculum moves on.
        readout_scale: factor on the start of W_hy, Unif[−m, m] with m = N_h^(−1/2).
    Raises:
        ValueError: a number that is not positive, or steps that are not whole.
    """

    steps: int
    batch_size: int = 64
    learning_rate: float = 1e-3
    clip_norm: float | None = None
    horizons: tuple[int, ...] = ()
    advance_at: float = 0.96
    readout_scale: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "horizons", tuple(self.horizons))
        whole = {"steps": [self.steps], "batch_size": [self.batch_size], "horizons": self.horizons}
        for name, values in whole.items():
            if not all(isinstance(value, int) and value >= 1 for value in values):
                raise ValueError(f"{name} must be integers ≥ 1, got {getattr(self, name)!r}")
        for name in ("learning_rate", "clip_norm", "advance_at", "readout_scale"):
            value = getattr(self, name)
            if not (value is None and name == "clip_norm") and not 0 < value < math.inf:
                raise ValueError(f"{name} must be positive and finite, got {value!r}")


COPY_RECIPE = Recipe(steps=20_000, clip_norm=1.0, horizons=(10, 20, 40, 60, 100))
NEURO_RECIPE = Recipe(steps=30 * 128)
