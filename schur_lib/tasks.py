"""The four tasks: inputs, targets and score.

What the paper does not state about the generators is our choice; each such choice is an argument
with a default here, and the recipe chapter of the book shows its influence.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from schur_lib.metrics import fvu, replay_accuracy


@dataclass(frozen=True)
class Task:
    """A distribution of trials with a score.

    Args:
        name: "copy", "flip_flop", "sine_generation" or "context_integration".
        n_inputs: N_x.
        n_outputs: N_y.
        steps: length of the input, in steps.
        free_steps: steps that the network runs on after the input has ended.
        score_name: "replay_accuracy" (higher is better) or "fvu" (lower is better).
        sampler: (batch_size, generator) → inputs, targets; called through `sample`.
    """

    name: str
    n_inputs: int
    n_outputs: int
    steps: int
    free_steps: int
    score_name: str
    sampler: Callable[[int, Generator], tuple[Tensor, Tensor]]

    def sample(self, batch_size: int, generator: Generator) -> tuple[Tensor, Tensor]:
        """Draw independent trials.

        Args:
            batch_size: B ≥ 1.
            generator: source of randomness, on the processor.

        Returns:
            inputs (steps, B, N_x) and targets (T, B, N_y), float32. The targets belong to the last T
            outputs: T = free_steps for the copy task, T = steps for the others.

        Raises:
            ValueError: batch_size is not a positive integer.
        """
        if not isinstance(batch_size, int) or batch_size < 1:
            raise ValueError(f"batch_size must be an integer ≥ 1, got {batch_size!r}")
        return self.sampler(batch_size, generator)

    def score(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Replay accuracy or FVU of the last len(targets) of the outputs.

        Args:
            outputs: (..., steps + free_steps, B, N_y) from `rollout`.
            targets: (T, B, N_y) from `sample`.

        Returns:
            (...), one score a network.
        """
        metric = replay_accuracy if self.score_name == "replay_accuracy" else fvu
        return metric(outputs[..., -len(targets) :, :, :], targets)


def copy(n_symbols: int = 8, n_channels: int = 8, horizon: int = 128) -> Task:
    """Hold a sequence of ±1 symbols and replay it again and again (paper, section 3).

    s symbols in {−1, +1}^d are presented one a step; then the input is zero and the target at lag t is
    symbol t mod s, for `horizon` lags.

    Args:
        n_symbols: s.
        n_channels: d.
        horizon: lags that are scored; 128 in the paper. Training uses shorter ones.
    """
    _positive_integers(n_symbols=n_symbols, n_channels=n_channels, horizon=horizon)

    def sample(batch_size, generator):
        bits = torch.randint(0, 2, (n_symbols, batch_size, n_channels), generator=generator)
        symbols = 2.0 * bits - 1.0
        return symbols, symbols[torch.arange(horizon) % n_symbols]

    return Task("copy", n_channels, n_channels, n_symbols, horizon, "replay_accuracy", sample)


def flip_flop(n_bits: int = 3, steps: int = 25, pulse_probability: float = 0.2) -> Task:
    """Remember the sign of the last pulse on each of three lines (paper, section 4).

    Each line gets a pulse of −1 or +1 with a fixed probability at each step, independently; at the
    first step every line gets one, so that the target is always defined. The target is the sign of the
    line's last pulse, from the step of the pulse on.

    Args:
        n_bits: number of lines, 3 in the paper.
        steps: length of a trial, 25 in the paper.
        pulse_probability: our choice, in (0, 1]; the paper does not state it.
    """
    _positive_integers(n_bits=n_bits, steps=steps)
    if not 0 < pulse_probability <= 1:
        raise ValueError(f"pulse_probability must be in (0, 1], got {pulse_probability!r}")

    def sample(batch_size, generator):
        shape = (steps, batch_size, n_bits)
        pulsed = torch.rand(shape, generator=generator) < pulse_probability
        pulsed[0] = True
        signs = 2.0 * torch.randint(0, 2, shape, generator=generator) - 1.0
        last_pulse = torch.where(pulsed, torch.arange(steps)[:, None, None], 0).cummax(0).values
        return signs * pulsed, signs.gather(0, last_pulse)

    return Task("flip_flop", n_bits, n_bits, steps, 0, "fvu", sample)


def sine_generation(
    steps: int = 50,
    dt: float = 0.01,
    lowest: float = 1.0,
    highest: float = 6.0,
    n_frequencies: int = 51,
    cue_offset: float = 0.25,
) -> Task:
    """Turn a constant cue into a sine of the cued frequency (paper, section 4).

    The trial's frequency f_j = lowest + j (highest − lowest) / (n_frequencies − 1) is drawn uniformly;
    the input is the constant j / n_frequencies + cue_offset and the target at step k = 0, 1, …
    is sin(2π f_j k dt). The task is that of Sussillo and Barak (2013), the values those of the public code
    of Krause et al. (2022); the paper does not state its own.

    Args:
        steps: length of a trial, 50 in the paper.
        dt: duration of a step, in seconds (our choice).
        lowest: lowest frequency, in Hz (our choice).
        highest: highest frequency, in Hz (our choice).
        n_frequencies: number of equally spaced frequencies (our choice).
        cue_offset: input of the lowest frequency (our choice).
    """
    _positive_integers(steps=steps, n_frequencies=n_frequencies)
    if not (dt > 0 and 0 < lowest <= highest and math.isfinite(highest * dt + cue_offset)):
        raise ValueError(
            f"need dt > 0 and 0 < lowest ≤ highest, all finite; got dt={dt!r}, lowest={lowest!r}, "
            f"highest={highest!r}, cue_offset={cue_offset!r}"
        )
    frequencies = torch.linspace(lowest, highest, n_frequencies, dtype=torch.float64)
    time = dt * torch.arange(steps, dtype=torch.float64)
    waves = torch.sin(2 * math.pi * time[:, None] * frequencies).float()

    def sample(batch_size, generator):
        j = torch.randint(0, n_frequencies, (batch_size,), generator=generator)
        cue = j / n_frequencies + cue_offset
        return cue.expand(steps, batch_size)[..., None].contiguous(), waves[:, j, None]

    return Task("sine_generation", 1, 1, steps, 0, "fvu", sample)


def context_integration(steps: int = 48, noise: float = 1.0, bias: float = 0.0) -> Task:
    """Integrate the one of two noisy streams that the context names (paper, section 4).

    x_t = (u_t⁰, u_t¹, c⁰, c¹) with u_tⁱ = (noise · ξ_tⁱ + bias · βⁱ) / √steps, ξ_tⁱ ~ N(0, 1) at each step and
    βⁱ ~ N(0, 1) once a trial, and c one-hot; the target is the running sum of the stream that c selects.
    With noise 1 and bias 0 the last target has variance 1. (Four inputs and the length are the paper's.)

    Args:
        steps: length of a trial, 48 in the paper.
        noise: standard deviation of the white noise, times √steps (our choice).
        bias: standard deviation of the trial's constant drift, times √steps (our choice).
    """
    _positive_integers(steps=steps)
    if not (noise >= 0 and bias >= 0 and 0 < noise + bias < math.inf):
        raise ValueError(
            f"noise and bias must be ≥ 0, finite and not both 0; got {noise!r}, {bias!r}"
        )

    def sample(batch_size, generator):
        xi = torch.randn(steps, batch_size, 2, generator=generator)
        beta = torch.randn(batch_size, 2, generator=generator)
        streams = (noise * xi + bias * beta) / math.sqrt(steps)
        context = torch.randint(0, 2, (batch_size,), generator=generator)
        cue = torch.nn.functional.one_hot(context, 2).float().expand(steps, batch_size, 2)
        selected = streams[:, torch.arange(batch_size), context]
        return torch.cat([streams, cue], dim=-1), selected.cumsum(0)[..., None]

    return Task("context_integration", 4, 1, steps, 0, "fvu", sample)


def _positive_integers(**values):
    for name, value in values.items():
        if not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} must be an integer ≥ 1, got {value!r}")
