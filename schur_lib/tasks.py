"""The four tasks: inputs, targets, score, and all else that is known of them.

To add one, write a function that returns a `Task` and name it in `TASKS`. What the paper does not state
about the generators is our choice; each such choice is an argument with a default here, and the recipe
chapter of the book shows its influence.
"""

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from schur_lib.metrics import FVU, REPLAY_ACCURACY, Metric
from schur_lib.recipes import COPY_RECIPE, NEURO_RECIPE, Recipe


@dataclass(frozen=True)
class Task:
    """A distribution of trials with a score."""

    name: str  #: that of its function in `TASKS`
    title: str  #: as tables and figures write it
    n_inputs: int  #: N_x
    n_outputs: int  #: N_y
    steps: int  #: length of the input, in steps
    free_steps: int  #: steps that the network runs on after the input has ended
    metric: Metric  #: the score
    recipe: Recipe  #: how a network is trained on it unless its spec says otherwise
    sampler: Callable[[int, Generator], tuple[Tensor, Tensor]]  #: (batch_size, generator) → inputs, targets
    #: (inputs, targets) → labels of the ways in which the scored entries fall into parts, by name, each of a shape
    #: that expands to that of the targets; NaN: of no part
    parts: Callable[[Tensor, Tensor], dict[str, Tensor]]

    def sample(self, batch_size: int, generator: Generator) -> tuple[Tensor, Tensor]:
        """Draw independent trials, with a source of randomness on the processor.

        Returns:
            inputs (steps, B, N_x) and targets (T, B, N_y), float32. The targets belong to the last T
            outputs: T = free_steps for the copy task, T = steps for the others.
        """
        if not isinstance(batch_size, int) or batch_size < 1:
            raise ValueError(f"the number of trials must be an integer ≥ 1, got {batch_size!r}")
        return self.sampler(batch_size, generator)

    def score(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """One score a network, (...), of the last T of the outputs (..., steps + free_steps, B, N_y)."""
        return self.metric.score(outputs[..., -len(targets) :, :, :], targets)


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
    replayed = torch.arange(horizon) % n_symbols

    def sample(batch_size, generator):
        bits = torch.randint(0, 2, (n_symbols, batch_size, n_channels), generator=generator)
        symbols = 2.0 * bits - 1.0
        return symbols, symbols.index_select(0, replayed)

    parts = lambda inputs, targets: {"lag": _steps(targets)}  # noqa: E731
    return Task("copy", "copy", n_channels, n_channels, n_symbols, horizon, REPLAY_ACCURACY, COPY_RECIPE,
                sample, parts)  # fmt: skip


def flip_flop(
    n_bits: int = 3, steps: int = 25, pulse_probability: float = 0.05, first_pulse: bool = False
) -> Task:
    """Remember the sign of the last pulse on each of three lines (paper, section 4).

    Each line gets a pulse of −1 or +1 with a fixed probability at each step, independently. The target is
    the sign of the line's last pulse, from the step of the pulse on, and 0 before its first.

    Args:
        n_bits: number of lines, 3 in the paper.
        steps: length of a trial, 25 in the paper.
        pulse_probability: our choice, in (0, 1]; the paper does not state it.
        first_pulse: whether every line gets a pulse at the first step (our choice).
    """
    _positive_integers(n_bits=n_bits, steps=steps)
    if not 0 < pulse_probability <= 1:
        raise ValueError(f"pulse_probability must be in (0, 1], got {pulse_probability!r}")

    def sample(batch_size, generator):
        shape = (steps, batch_size, n_bits)
        pulsed = torch.rand(shape, generator=generator) < pulse_probability
        pulsed[0] |= first_pulse
        inputs = (2.0 * torch.randint(0, 2, shape, generator=generator) - 1.0) * pulsed
        last_pulse = torch.where(pulsed, torch.arange(steps)[:, None, None], 0).cummax(0).values
        return inputs, inputs.gather(0, last_pulse)

    def parts(inputs, targets):
        # `last_pulse`, what the line's last pulse did: 0 its first, 1 confirmed its sign, 2 flipped it; NaN before
        last = torch.where(inputs != 0, _steps(targets), 0).cummax(0).values
        before = torch.cat([torch.zeros_like(targets[:1]), targets]).gather(0, (last - 1).clamp(min=0))
        did = torch.where(before == 0, 0.0, torch.where(before == targets, 1.0, 2.0))
        told = {"since_pulse": _steps(targets) - last, "last_pulse": did}
        told = {name: labels.where(last > 0, math.nan) for name, labels in told.items()}
        return {"bit": torch.arange(1, n_bits + 1), **told}

    return Task("flip_flop", "flip-flop", n_bits, n_bits, steps, 0, FVU, NEURO_RECIPE, sample, parts)


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
        got = f"dt={dt!r}, lowest={lowest!r}, highest={highest!r}, cue_offset={cue_offset!r}"
        raise ValueError(f"need dt > 0 and 0 < lowest ≤ highest, all finite; got {got}")
    frequencies = torch.linspace(lowest, highest, n_frequencies, dtype=torch.float64)
    time = dt * torch.arange(steps, dtype=torch.float64)
    waves = torch.sin(2 * math.pi * time[:, None] * frequencies).float()

    def sample(batch_size, generator):
        j = torch.randint(0, n_frequencies, (batch_size,), generator=generator)
        cue = j / n_frequencies + cue_offset
        return cue.expand(steps, batch_size)[..., None].contiguous(), waves.index_select(1, j)[..., None]

    parts = lambda inputs, targets: {"cue": inputs}  # noqa: E731
    return Task("sine_generation", "sine generation", 1, 1, steps, 0, FVU, NEURO_RECIPE, sample, parts)


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
        raise ValueError(f"noise and bias must be ≥ 0, finite and not both 0; got {noise!r}, {bias!r}")

    def sample(batch_size, generator):
        xi = torch.randn(steps, batch_size, 2, generator=generator)
        beta = torch.randn(batch_size, 2, generator=generator)
        streams = (noise * xi + bias * beta) / math.sqrt(steps)
        context = torch.randint(0, 2, (batch_size,), generator=generator)
        cue = torch.nn.functional.one_hot(context, 2).float().expand(steps, batch_size, 2)
        selected = streams[:, torch.arange(batch_size), context]
        return torch.cat([streams, cue], dim=-1), selected.cumsum(0)[..., None]

    def parts(inputs, targets):
        return {"context": 1 + inputs[..., 2:].argmax(-1, keepdim=True), "step": _steps(targets)}

    return Task("context_integration", "context integration", 4, 1, steps, 0, FVU, NEURO_RECIPE, sample,
                parts)  # fmt: skip


TASKS: dict[str, Callable[..., Task]] = {
    make.__name__: make for make in (copy, flip_flop, sine_generation, context_integration)
}


def generator(purpose: str, seed: int) -> Generator:
    """A source of randomness of its own for each purpose and seed."""
    digest = hashlib.sha256(f"{purpose} {seed}".encode()).digest()
    return Generator().manual_seed(int.from_bytes(digest[:8], "little") >> 1)


def held_out(task: Task, n_trials: int = 1024, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Inputs and targets that no network was trained on: a source of randomness of their own."""
    return task.sample(n_trials, generator("held out", seed))


def _steps(targets):
    """1, 2, …, T as (T, 1, 1)."""
    return torch.arange(1, len(targets) + 1)[:, None, None]


def _positive_integers(**values):
    for name, value in values.items():
        if not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} must be an integer ≥ 1, got {value!r}")
