"""Anyone's recurrent model: other matrices in the place of its recurrent one, scored on given trials.

Name the parameter that holds the recurrent matrix; everything else in the model stays as it is:

    trials = evaluation(model, "rnn.weight_hh_l0", inputs, targets, metric="fvu")
    table = profile_of(trials)
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.func import functional_call

from schur_lib.dynamics import rollout
from schur_lib.metrics import sensitivity
from schur_lib.networks import Network
from schur_lib.schur import SUBSETS, label, ordered_schur

# True where more is better.
METRICS = {"fvu": False, "accuracy": True, "cross_entropy": False, "replay_accuracy": True}
# The gates in the order in which torch stacks their matrices.
GATES = {
    (nn.GRU, nn.GRUCell): ("reset", "update", "new"),
    (nn.LSTM, nn.LSTMCell): ("input", "forget", "cell", "output"),
}
# Our choice: the fused run stands in for a module whose outputs it repeats to this (relative to the
# largest output, float32).
SAME = 1e-3


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A recurrent matrix, and what any other matrix in its place scores on the same trials.

    Fields:
        W_hh: (N, N) float64, the model's own matrix.
        trial_scores: matrices, (K, N, N) or any iterable of (N, N) → (K, B) float64, one score a trial;
            their mean over trials is the score. (K, 1) for a metric that gives one number only.
        metric: its name.
        higher_is_better: whether a higher score is better.
        n_trials: B.
        network: the model as a `Network` where it is a plain one; None elsewhere.
        inputs: (T, B, N_x), the network's inputs; None where there is no network.
    """

    W_hh: Tensor
    trial_scores: Callable[[Iterable[Tensor]], Tensor]
    metric: str
    higher_is_better: bool
    n_trials: int
    network: Network | None = None
    inputs: Tensor | None = None

    def scores(self, matrices: Iterable[Tensor]) -> Tensor:
        """(K,) float64, one score a matrix: the mean over trials."""
        return self.trial_scores(matrices).mean(-1)


def evaluation(
    module: nn.Module | Network,
    parameter: str,
    inputs,
    targets: Tensor,
    metric: str | Callable[[Tensor, Tensor], Tensor] = "fvu",
    forward: Callable | None = None,
    gate: str | int | slice | None = None,
    batch_first: bool | None = None,
    higher_is_better: bool | None = None,
    seed: int = 0,
) -> Evaluation:
    """Make a model ready for matrices that are swapped into one of its parameters.

    The model runs through `torch.func.functional_call` with every other parameter as it is, in
    evaluation mode, and from the same seed each time, so that noise and dropout are no difference
    between matrices. One `nn.RNN` (one layer, one direction) with one `nn.Linear` after it runs through
    the fused `rollout` instead, if that repeats the model's outputs.

    >>> import torch
    >>> from schur_lib import evaluation, profile_of
    >>> class Model(torch.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.rnn, self.readout = torch.nn.GRU(3, 8), torch.nn.Linear(8, 2)
    ...     def forward(self, x):
    ...         return self.readout(self.rnn(x)[0])
    >>> _ = torch.manual_seed(0)
    >>> inputs, targets = torch.randn(20, 16, 3), torch.randn(20, 16, 2)
    >>> trials = evaluation(Model(), "rnn.weight_hh_l0", inputs, targets, gate="new")
    >>> profile_of(trials).removed.tolist()
    ['', 'CC', 'RR', 'RR+CC', 'CR', 'CR+CC', 'RR+CR', 'RR+CR+CC']

    Args:
        module: the model, or a `Network`.
        parameter: name of the parameter (or buffer) that holds the recurrent matrix, as in
            `module.named_parameters()`; "W_hh" for a `Network`.
        inputs: what `forward` takes, usually (T, B, N_x).
        targets: (T, B, N_y), or (B, N_y) for the last step alone; for "accuracy" and "cross_entropy"
            integer classes (T, B) or (B,). If there are fewer steps than outputs, the last ones count.
        metric: "fvu", "accuracy", "cross_entropy", "replay_accuracy", or a function of all outputs
            (T, B, N_y) and the targets as given that returns (B,) scores, one a trial, or one number.
        forward: (module, inputs) → outputs (T, B, N_y) or (B, N_y); None: module(inputs).
        gate: which part of a stacked matrix: a gate's name ("reset", "update", "new" of a GRU; "input",
            "forget", "cell", "output" of an LSTM), its index, or a slice of rows; None: all of it.
        batch_first: whether outputs and targets are (B, T, …); None: if a layer of the module says so.
        higher_is_better: of a function as a metric (None: no); the metrics with a name know theirs.
        seed: of the random numbers within the model.

    Returns:
        Evaluation.

    Raises:
        ValueError: an unknown name, a matrix that is not square, outputs and targets that do not fit, or
            values that are not finite.
    """
    name, better = _metric(metric, higher_is_better)
    if isinstance(module, Network):
        if parameter != "W_hh" or forward is not None or gate is not None:
            raise ValueError(
                "a Network has the parameter 'W_hh', no forward and no gate; got "
                f"parameter={parameter!r}, forward={forward!r}, gate={gate!r}"
            )
        batch_first = bool(batch_first)
        inputs = _finite("inputs", inputs)
        if batch_first and inputs.ndim == 3:
            inputs = inputs.transpose(0, 1).contiguous()
        network, W_hh = module, module.W_hh
        targets = _time_first(_finite("targets", targets), metric, batch_first)
        outputs = rollout(network, inputs)
        run = None
    else:
        if not isinstance(module, nn.Module):
            raise ValueError(f"module must be a torch module, got {type(module).__name__}")
        if batch_first is None:
            batch_first = any(getattr(m, "batch_first", False) for m in module.modules())
        whole, rows = _recurrent(module, parameter, gate)
        W_hh = whole[rows]
        targets = _time_first(_finite("targets", targets), metric, batch_first)
        run = _runner(module, parameter, rows, inputs, forward, batch_first, seed)
        outputs = run(W_hh)
        network = _plain_network(module, parameter, gate)
        if network is not None:
            layer = next(m for m in module.modules() if isinstance(m, nn.RNN))
            straight = isinstance(inputs, Tensor) and inputs.ndim == 3
            time_first = inputs.transpose(0, 1) if straight and layer.batch_first else inputs
            if not straight or not _repeats(network, time_first, run, outputs):
                network = None
            else:
                inputs = time_first.detach().contiguous()
    if not torch.isfinite(outputs).all():
        raise ValueError("the model's outputs are not all finite on these inputs")
    targets = targets.to(outputs.device)
    if targets.is_floating_point():
        targets = targets.to(outputs.dtype)
    # Raises before long work what the metric cannot take.
    n_trials = len(_scored(metric, outputs, targets))
    own = W_hh.detach().cpu().double()

    def trial_scores(matrices):
        scores = []
        for outputs in _outputs(network, inputs, run, matrices, own, W_hh):
            scores.append(_scored(metric, outputs, targets))
        return torch.stack(scores) if scores else torch.zeros(0, n_trials, dtype=torch.float64)

    return Evaluation(
        own, trial_scores, name, better, n_trials, network, inputs if network is not None else None
    )


def profile_of(
    trials: Evaluation,
    alpha: float = 0.9,
    removed: Sequence[frozenset] = SUBSETS,
    n_draws: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """What each removed set of couplings does to a model's score, with intervals over trials.

    As `ablation_profile`, on the trials of an `Evaluation` and with its metric.

    Args:
        trials: from `evaluation`.
        alpha: splits the leading sector from its complement, in (0, 1].
        removed: the sets of blocks; all eight subsets by default.
        n_draws: resamples of the bootstrap.
        seed: of the bootstrap.

    Returns:
        One row a set, the first the full model: `removed`, `mass`, `score`, `delta`, `sensitivity`,
        `low` and `high`: 95 % percentile bootstrap of `delta` over trials (paired; NaN with one trial),
        `n_leading`, `alpha`, `metric`, `n_trials`.

    Raises:
        ValueError: a bad alpha or block name.
    """
    form = ordered_schur(trials.W_hh)
    sets = [frozenset()] + [frozenset(s) for s in removed if len(s)]
    matrices = [torch.from_numpy(form.ablate(s, alpha)) if s else trials.W_hh for s in sets]
    scores = trials.trial_scores(matrices)
    rows = []
    for s, mine in zip(sets, scores, strict=True):
        mass, delta = form.removed_mass(s, alpha), float(mine.mean() - scores[0].mean())
        low, high = interval(mine - scores[0], n_draws, seed) if s else (0.0, 0.0)
        rows.append(
            (label(s), mass, float(mine.mean()), delta, sensitivity(delta, mass), low, high)
        )
    columns = ["removed", "mass", "score", "delta", "sensitivity", "low", "high"]
    return pd.DataFrame(rows, columns=columns).assign(
        n_leading=form.n_leading(alpha),
        alpha=alpha,
        metric=trials.metric,
        n_trials=trials.n_trials,
    )


def over_networks(
    profiles: Sequence[pd.DataFrame], n_draws: int = 2000, seed: int = 0
) -> pd.DataFrame:
    """The profiles of several models as one: means and intervals with networks as the unit.

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
        low, high = interval(torch.tensor(part.delta.to_numpy()), n_draws, seed)
        rows.append((removed, *part[["mass", "score", "delta"]].mean(), low, high, len(part)))
    columns = ["removed", "mass", "score", "delta", "low", "high", "n_networks"]
    return pd.DataFrame(rows, columns=columns)


def interval(values: Tensor, n_draws: int = 2000, seed: int = 0) -> tuple[float, float]:
    """95 % percentile bootstrap interval of a mean.

    Args:
        values: (B,), independent.
        n_draws: resamples.
        seed: of the resamples.

    Returns:
        (low, high); NaN where there are fewer than two values or some are not finite.
    """
    values = np.asarray(values, dtype=float)
    if len(values) < 2 or not np.isfinite(values).all():
        return float("nan"), float("nan")
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(len(values), np.full(len(values), 1 / len(values)), size=n_draws)
    low, high = np.quantile(counts @ values / len(values), [0.025, 0.975])
    return float(low), float(high)


# --- the parameter ---------------------------------------------------------------------------


def _recurrent(module, parameter, gate):
    """The tensor that holds the recurrent matrix, and the rows of it that are the matrix."""
    tensors = {**dict(module.named_buffers()), **dict(module.named_parameters())}
    if parameter not in tensors:
        matrices = [f"{n} {tuple(t.shape)}" for n, t in tensors.items() if t.ndim == 2]
        raise ValueError(
            f"the module has no parameter {parameter!r}; its matrices are {', '.join(matrices) or 'none'}"
        )
    whole = tensors[parameter].detach()
    if whole.ndim != 2 or not whole.is_floating_point():
        raise ValueError(
            f"{parameter} must be a real matrix, got shape {tuple(whole.shape)}, {whole.dtype}"
        )
    n_rows, n = whole.shape
    owner = module.get_submodule(parameter.rpartition(".")[0])
    names = next((g for kinds, g in GATES.items() if isinstance(owner, kinds)), ())
    if gate is None:
        rows = slice(0, n_rows)
    elif isinstance(gate, slice):
        rows = slice(*gate.indices(n_rows))
    else:
        n_gates = n_rows // n if n_rows % n == 0 else 0
        allowed = [*names, *range(n_gates)]
        if gate not in allowed or isinstance(gate, bool):
            raise ValueError(
                f"gate must be one of {allowed} or a slice of the {n_rows} rows, got {gate!r}"
            )
        index = names.index(gate) if isinstance(gate, str) else gate
        rows = slice(index * n, (index + 1) * n)
    if whole[rows].shape != (n, n):
        hint = ""
        if gate is None and n_rows % n == 0:
            allowed = [*names, *range(n_rows // n)]
            hint = f"; it stacks {n_rows // n} matrices: gate must be one of {allowed}"
        raise ValueError(
            f"the recurrent matrix must be square, got {tuple(whole[rows].shape)} from {parameter}{hint}"
        )
    if not torch.isfinite(whole).all():
        raise ValueError(f"{parameter} holds NaN or infinite values")
    return whole, rows


class _Called(nn.Module):
    """A module behind a function of it, so that functional_call takes any forward."""

    def __init__(self, module, function):
        super().__init__()
        self.module, self.function = module, function

    def forward(self, inputs):
        return self.function(self.module, inputs) if self.function else self.module(inputs)


def _runner(module, parameter, rows, inputs, forward, batch_first, seed):
    called = _Called(module, forward)
    whole = dict(called.named_parameters()) | dict(called.named_buffers())
    whole = whole[f"module.{parameter}"].detach()
    devices = {t.device for t in module.parameters() if t.device.type == "cuda"}

    def run(W):
        swapped = whole.clone()
        swapped[rows] = W.to(whole)
        modes = {m: m.training for m in module.modules()}
        try:
            module.eval()
            with torch.no_grad(), torch.random.fork_rng(devices=list(devices)):
                torch.manual_seed(seed)
                outputs = functional_call(called, {f"module.{parameter}": swapped}, (inputs,))
        finally:
            for m, training in modes.items():
                m.training = training
        if not isinstance(outputs, Tensor) or outputs.ndim not in (2, 3):
            got = tuple(outputs.shape) if isinstance(outputs, Tensor) else type(outputs).__name__
            raise ValueError(
                "the model must return one tensor (T, B, N_y) or (B, N_y), got "
                f"{got}; give forward, such as forward=lambda module, x: module(x)[0]"
            )
        if outputs.ndim == 2:
            return outputs[None]
        return outputs.transpose(0, 1) if batch_first else outputs

    return run


# --- the fast path ---------------------------------------------------------------------------


def _plain_network(module, parameter, gate):
    """The module as a Network, if it has one plain nn.RNN, one nn.Linear and no other tensors."""
    leaves = [m for m in module.modules() if next(m.parameters(recurse=False), None) is not None]
    kinds = sorted(type(m).__name__ for m in leaves)
    if kinds != ["Linear", "RNN"] or gate is not None or any(True for _ in module.buffers()):
        return None
    rnn, readout = sorted(leaves, key=lambda m: not isinstance(m, nn.RNN))
    if not parameter.endswith("weight_hh_l0"):
        return None
    try:
        network = Network.from_torch(rnn, readout)
    except ValueError:
        return None
    return network if network.W_hh.device.type == "cpu" else None


def _repeats(network, inputs, run, outputs):
    """Whether the fused run does what the module does, as it is and without its couplings."""
    if inputs.shape[-1] != network.n_inputs or inputs.dtype != network.W_hh.dtype:
        return False
    bare = torch.from_numpy(ordered_schur(network.W_hh).ablate({"RR", "CR", "CC"}))
    bare = bare.to(network.W_hh)
    for W, theirs in ((network.W_hh, outputs), (bare, run(bare))):
        ours = rollout(network, inputs.detach(), W_hh=W)[-len(theirs) :]
        if ours.shape != theirs.shape or not torch.isfinite(theirs).all():
            return False
        if (ours - theirs).abs().max() > SAME * theirs.abs().max():
            return False
    return True


def _outputs(network, inputs, run, matrices, own, W_hh):
    """The outputs (T, B, N_y) of each matrix, in their order."""
    chunk = []
    if network is not None:
        # About 64 MB of outputs at a time.
        per_network = inputs.shape[0] * inputs.shape[1] * network.n_outputs * W_hh.element_size()
        size = max(1, 2**26 // per_network)
    for W in matrices:
        W = torch.as_tensor(W)
        if W.shape != own.shape:
            raise ValueError(f"a matrix must be {tuple(own.shape)}, got {tuple(W.shape)}")
        if network is None:
            yield run(W)
            continue
        chunk.append(W.to(W_hh))
        if len(chunk) == size:
            yield from rollout(network, inputs, W_hh=torch.stack(chunk))
            chunk.clear()
    if chunk:
        yield from rollout(network, inputs, W_hh=torch.stack(chunk))


# --- the metric ------------------------------------------------------------------------------


def _metric(metric, higher_is_better):
    if callable(metric):
        return getattr(metric, "__name__", "metric"), bool(higher_is_better)
    if metric not in METRICS:
        raise ValueError(f"metric must be one of {tuple(METRICS)} or a function, got {metric!r}")
    if higher_is_better not in (None, METRICS[metric]):
        raise ValueError(f"higher_is_better of {metric!r} is {METRICS[metric]}, not yours to set")
    return metric, METRICS[metric]


def _finite(name, value):
    if not isinstance(value, Tensor):
        raise ValueError(f"{name} must be a torch tensor, got {type(value).__name__}")
    if not value.numel():
        raise ValueError(f"{name} must not be empty, got {tuple(value.shape)}")
    if not torch.isfinite(value).all():
        raise ValueError(f"{name} hold NaN or infinite values")
    return value.detach()


def _time_first(targets, metric, batch_first):
    """Targets as (T, B, N_y), classes as (T, B); those of a function as they are."""
    if callable(metric):
        return targets
    classes = metric in ("accuracy", "cross_entropy")
    if classes and targets.is_floating_point():
        raise ValueError(
            f"targets must be integer classes for the metric {metric!r}, got {targets.dtype}"
        )
    n_axes = 2 if classes else 3
    if targets.ndim == n_axes - 1:
        return targets[None]
    if targets.ndim != n_axes:
        wanted = "(T, B) or (B,)" if classes else "(T, B, N_y) or (B, N_y)"
        raise ValueError(
            f"targets must be {wanted} for the metric {metric!r}, got {tuple(targets.shape)}"
        )
    return targets.transpose(0, 1) if batch_first else targets


def _scored(metric, outputs, targets):
    """(B,) float64 scores, one a trial, or (1,)."""
    if callable(metric):
        scores = torch.as_tensor(metric(outputs, targets)).detach().cpu().double().reshape(-1)
        if len(scores) not in (1, outputs.shape[1]):
            raise ValueError(
                f"the metric must return one score a trial, ({outputs.shape[1]},), or one number; "
                f"got {len(scores)} numbers"
            )
        return scores
    outputs = outputs[-len(targets) :]
    if metric in ("fvu", "replay_accuracy"):
        _same("outputs", outputs.shape, targets.shape)
        if metric == "fvu":
            # As `fvu`, with the variance of all trials, so that the mean over trials is the FVU.
            variance = (targets - targets.mean((0, 1))).square().sum(-1).mean()
            if not variance > 0:
                raise ValueError("targets must vary over time or trials: their variance is 0")
            scores = (outputs - targets).square().sum(-1).mean(0) / variance
        else:
            if not torch.all(targets.abs() == 1):
                raise ValueError("targets must be −1 or +1 for the metric 'replay_accuracy'")
            scores = (torch.sign(outputs) == targets).double().mean((0, 2))
    else:
        _same("the outputs' steps and trials", outputs.shape[:2], targets.shape)
        n = outputs.shape[2]
        if targets.min() < 0 or targets.max() >= n:
            raise ValueError(
                f"targets must be classes 0 to {n - 1}, as many as outputs; got "
                f"{int(targets.min())} to {int(targets.max())}"
            )
        if metric == "accuracy":
            scores = (outputs.argmax(-1) == targets).double().mean(0)
        else:
            losses = nn.functional.cross_entropy(
                outputs.flatten(0, 1), targets.flatten().long(), reduction="none"
            )
            scores = losses.reshape(targets.shape).mean(0)
    # What has grown beyond all bounds is infinitely wrong, not undefined.
    return torch.nan_to_num(scores.cpu().double(), nan=float("inf"), posinf=float("inf"))


def _same(name, got, wanted):
    if tuple(got) != tuple(wanted):
        raise ValueError(
            f"{name} must be the targets' {tuple(wanted)}, got {tuple(got)} (time first; "
            "batch_first=True if trials come first)"
        )
