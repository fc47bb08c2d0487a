"""What every probe asks: a recurrent matrix, trials, and what any other matrix in its place scores on them.

It comes from a network and a task, from a network and data, or from anyone's torch module:

    trials = on_task(net, tasks.copy())
    trials = of_network(net, inputs, targets)
    trials = evaluation(model, "rnn.weight_hh_l0", inputs, targets, metric="fvu")

and goes to any probe: `profile_of(trials)`, `stabilisers(trials, others)`.
"""

import warnings
from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from schur_lib.dynamics import check_run, hidden_states, rollout
from schur_lib.metrics import Metric, by_name, masked
from schur_lib.modules import Model, unknown_states
from schur_lib.networks import Network
from schur_lib.schur import Matrix, OrderedSchur, ordered_schur
from schur_lib.tasks import Task, held_out

CHUNK = 2**26  # bytes of outputs, or of matrices, at a time
STATES = 2**30  # bytes of states at a time, if all of a chunk's matrices were run at once
Matrices = Iterable[Tensor | Matrix]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A recurrent matrix, and what any other matrix in its place scores on the same trials.

    Matrices are (N, N), torch or numpy; several are (K, N, N) or any iterable, run one chunk after the other.
    """

    W_hh: Tensor  #: (N, N) float64, the model's own matrix
    run: Callable[[Iterable[Tensor]], Iterator[Tensor]]  #: matrices → their outputs (T, B, N_y), in their order
    metric: Metric  #: the score
    targets: Tensor  #: what the metric compares the last outputs with
    n_scored: int  #: how many of the last outputs it is given
    n_trials: int  #: B
    n_outputs: int  #: N_y
    states_of: Callable[[Tensor], Tensor] | None = None  #: matrix → h_1 … h_T (T, B, N); None where unknown
    module: Network | nn.Module | None = None  #: the network or module itself
    network: Network | None = None  #: the same as a `Network` where it is a plain one
    inputs: Tensor | None = None  #: (T, B, N_x), time first; None where it is something else
    free_steps: int = 0  #: steps that the network runs on after the input has ended

    @cached_property
    def form(self) -> OrderedSchur:
        """The ordered Schur form of W_hh."""
        return ordered_schur(self.W_hh)

    @cached_property
    def intact(self) -> float:
        """The score of W_hh itself."""
        return float(self.scores([self.W_hh])[0])

    @property
    def error(self) -> float:
        """The intact network's distance from a perfect score; NaN where that is unknown."""
        return float(self.metric.error(self.intact))

    @property
    def skill(self) -> float:
        """Where the intact network's score lies between chance (0) and perfect (1); NaN where that is unknown."""
        return self.metric.skill(self.intact, self.targets, self.n_outputs)

    @property
    def does_task(self) -> bool | None:
        """Whether that is enough for an ablation to mean something; None where it is unknown."""
        return self.metric.does_task(self.skill)

    def outputs(self, matrices: Matrices) -> Iterator[Tensor]:
        """The outputs that are scored, (n_scored, B, N_y), of one matrix after the other."""
        for outputs in self.run(self._checked(matrices)):
            yield outputs[-self.n_scored :]

    def trial_scores(self, matrices: Matrices) -> Tensor:
        """(K, B) float64, one score a matrix and trial; (K, 1) for a metric that gives one number only."""
        # Numbers in one growing buffer: small tensors between large ones would keep the heap from shrinking.
        scores, n_matrices = array("d"), 0
        for outputs in self.outputs(matrices):
            each = self.metric.per_trial(outputs, self.targets).detach().cpu().double()
            # What has grown beyond all bounds is infinitely wrong, not undefined.
            scores.extend(each.nan_to_num(nan=float("inf"), posinf=float("inf")).tolist())
            n_matrices += 1
        shape = (n_matrices, len(scores) // n_matrices if n_matrices else self.n_trials)
        return torch.from_numpy(np.array(scores).reshape(shape))

    def scores(self, matrices: Matrices) -> Tensor:
        """(K,) float64, one score a matrix: the mean over trials."""
        return self.trial_scores(matrices).mean(-1)

    def harms(self, matrices: Matrices) -> NDArray[np.float64]:
        """(K,) float64: how much worse each matrix does than W_hh, in units of the metric."""
        return self.metric.harm(self.scores(matrices).numpy(), self.intact)

    def states(self, W_hh: Tensor | Matrix | None = None) -> Tensor:
        """Hidden states h_1 … h_T, (T, B, N), with a matrix in the place of W_hh; ValueError where unknown."""
        if self.states_of is None:
            raise unknown_states("its matrix belongs to no layer or cell of torch's")
        (W,) = self._checked([self.W_hh if W_hh is None else W_hh])
        return self.states_of(W)

    def acted_on(self) -> Tensor:
        """The states that W_hh acts on, h_0 … h_{T−1}, (T, B, N) float64; h_0 = 0 but for a network's own `h0`,
        or what a module that tells its states calls `start`."""
        states = self.states().cpu().double()  # not every device has float64
        own = getattr(self.module, "start", None) if self.network is None else self.network.h0
        start = torch.zeros_like(states[:1]) if own is None else own.cpu().double().expand_as(states[:1])
        return torch.cat([start, states[:-1]])

    def scored_by(self, metric: str | Metric) -> "Evaluation":
        """The same model on the same trials, by another metric."""
        return replace(self, metric=by_name(metric))

    def _checked(self, matrices):
        for W in map(torch.as_tensor, matrices):
            if W.shape != self.W_hh.shape:
                raise ValueError(f"a matrix must be {tuple(self.W_hh.shape)}, got {tuple(W.shape)}")
            yield W


def on_task(
    net: Network, task: Task, n_trials: int = 1024, seed: int = 0, metric: str | Metric | None = None
) -> Evaluation:
    """A network on held-out trials of a task.

    Args:
        net: the network.
        task: gives the trials and the score.
        n_trials: held-out trials; they share nothing with the training data.
        seed: of the trials.
        metric: another score than the task's, or its name.
    """
    if (net.n_inputs, net.n_outputs) != (task.n_inputs, task.n_outputs):
        wanted = f"the {task.name} task has {task.n_inputs} inputs and {task.n_outputs} outputs"
        raise ValueError(f"{wanted}, the network {net.n_inputs} and {net.n_outputs}")
    inputs, targets = (t.to(net.W_hh) for t in held_out(task, n_trials, seed))
    return of_network(net, inputs, targets, task.metric if metric is None else metric, task.free_steps)


def of_network(
    net: Network, inputs: Tensor, targets: Tensor, metric: str | Metric = "fvu", free_steps: int = 0
) -> Evaluation:
    """A network on trials at hand.

    Args:
        net: the network.
        inputs: (T, B, N_x).
        targets: (T', B, N_y), or classes (T', B); of the last T' outputs.
        metric: the score or its name.
        free_steps: steps that the network runs on after the input has ended.
    """
    check_run(net, inputs, net.W_hh, free_steps)
    n_steps, n_trials, n = len(inputs) + free_steps, inputs.shape[1], net.hidden_size
    rows, itemsize = n_steps * n_trials, inputs.element_size()
    size = CHUNK // (max(rows * net.n_outputs, n * n) * itemsize)
    size = max(1, min(size, STATES // (rows * n * itemsize)))

    def run(matrices: Iterable[Tensor]) -> Iterator[Tensor]:
        matrices = iter(matrices)
        while chunk := [W.to(net.W_hh) for W in islice(matrices, size)]:
            with torch.no_grad():
                outputs = rollout(net, inputs, torch.stack(chunk), free_steps)
            yield from outputs

    def states_of(W: Tensor) -> Tensor:
        with torch.no_grad():
            return hidden_states(net, inputs, W.to(net.W_hh), free_steps)

    own, n_scored = net.W_hh.detach().cpu().double(), min(len(targets), n_steps)
    return Evaluation(own, run, by_name(metric), targets, n_scored, n_trials, net.n_outputs, states_of, net, net,
                      inputs, free_steps)  # fmt: skip


def evaluation(
    module: nn.Module | Network, parameter: str, inputs: Any, targets: Any,
    metric: str | Callable[[Tensor, Any], Any] = "fvu", forward: Callable[[Any, Any], Tensor] | None = None,
    gate: str | int | slice | None = None, batch_first: bool | None = None, higher_is_better: bool | None = None,
    seed: int = 0, states: Callable[[Any, Any], Tensor] | None = None, mask: Tensor | None = None,
    effective: Callable[[Any], Tensor] | None = None,
) -> Evaluation:  # fmt: skip
    """Make a model ready for matrices that are put in the place of its recurrent one.

    The model runs with all else as it is, in evaluation mode, and from the same seed each time, so that noise
    and dropout are no difference between matrices. What is swapped is the matrix that acts: parametrizations,
    norms and pruning by torch's hooks give way to it. One `nn.RNN` (one layer, one direction) with one
    `nn.Linear` after it runs through the fused `rollout` instead, if that repeats the model's outputs.

    >>> import torch
    >>> from schur_lib import evaluation, profile_of
    >>> inputs, gru = torch.randn(20, 16, 3), torch.nn.GRU(3, 8)
    >>> targets = gru(inputs)[0].detach()
    >>> trials = evaluation(gru, "weight_hh_l0", inputs, targets, forward=lambda m, x: m(x)[0], gate="new")
    >>> profile_of(trials).removed.tolist()
    ['', 'CC', 'RR', 'RR+CC', 'CR', 'CR+CC', 'RR+CR', 'RR+CR+CC']

    Args:
        module: the model, or a `Network`.
        parameter: name of the matrix, as the model multiplies with it: a parameter, a buffer, or what a
            parametrization or a hook of torch's computes; "W_hh" for a `Network`.
        inputs: what `forward` takes, usually (T, B, N_x).
        targets: (T, B, N_y), or (B, N_y) for the last step alone, or (T, B) where N_y = 1; for "accuracy"
            and "cross_entropy" integer classes (T, B) or (B,). If there are fewer steps than outputs, the
            last ones count. NaN and the class −100 are not scored.
        metric: "fvu", "accuracy", "cross_entropy", "replay_accuracy", or a function of all outputs
            (T, B, N_y) and the targets as given that returns (B,) scores, one a trial, or one number.
        forward: (module, inputs) → outputs (T, B, N_y), (T, B) or (B, N_y); None: module(inputs).
        gate: which part of a stacked matrix: a gate's name ("reset", "update", "new" of a GRU; "input",
            "forget", "cell", "output" of an LSTM), its index, or a slice of rows; None: all of it.
        batch_first: whether outputs and targets are (B, T, …); None: if a layer of the module says so.
        higher_is_better: of a function as a metric (None: no); the metrics with a name know theirs.
        seed: of the random numbers within the model.
        states: (module, inputs) → hidden states (T, B, N), for probes of the activity; needed only where
            the matrix is not that of the last layer of one of torch's recurrent layers, or of a cell.
        mask: which targets are scored, of their shape or without the last axis; None: all.
        effective: module → the matrix that the module's own code computes and multiplies with, such as
            `lambda module: module.weight.abs() * module.signs`; None: the parameter is that matrix.
    Raises:
        ValueError: an unknown name, a matrix that is not square or not what the module multiplies with, a
            module that answers differently when run twice, outputs and targets that do not fit, or values
            that are not finite.
    """
    record = _metric(metric, higher_is_better)
    if callable(metric) and mask is not None:
        seen = "a function as a metric sees targets as given"
        raise ValueError(f"{seen}: give it no mask, it leaves steps out itself")
    if isinstance(module, Network):
        if parameter != "W_hh" or not forward is gate is states is effective is None:
            got = f"parameter={parameter!r}, {forward=}, {gate=}, {states=}, {effective=}"
            raise ValueError(f"a Network has the parameter 'W_hh' and none of the others; got {got}")
        inputs = _finite("inputs", inputs)
        if batch_first and inputs.ndim == 3:
            inputs = inputs.transpose(0, 1).contiguous()
        trials = of_network(module, inputs, inputs, record)  # targets follow, once outputs are known
    elif isinstance(module, nn.Module):
        if batch_first is None:
            batch_first = any(getattr(m, "batch_first", False) for m in module.modules())
        model = Model(module, parameter, inputs, forward, batch_first, seed, gate, effective)
        own, fast = model.matrix.cpu().double(), model.as_network()
        if fast is not None:
            trials = replace(of_network(fast[0], fast[1], inputs, record), module=module)
        else:
            model.check()
            known = isinstance(model.holder, nn.RNNBase | nn.RNNCellBase)
            states_of = (lambda W: model.run(W, states)) if states else model.states if known else None
            plain = isinstance(inputs, Tensor) and inputs.ndim == 3
            shown = inputs.transpose(0, 1) if plain and batch_first else inputs if plain else None
            trials = Evaluation(own, lambda some: map(model.run, some), record, targets, 1, 1, 1, states_of,
                                module, inputs=shown)  # fmt: skip
    else:
        raise ValueError(f"module must be a torch module, got {type(module).__name__}")
    (outputs,) = trials.run([trials.W_hh])
    if not torch.isfinite(outputs).all():
        raise ValueError("the model's outputs are not all finite on these inputs")
    n_scored = len(outputs)
    if not callable(metric):
        targets = _time_first(targets, mask, record, batch_first, outputs)
        n_scored = min(len(targets), len(outputs))
    # raises before long work what it cannot take
    scores = record.per_trial(outputs[-n_scored:], targets).detach().cpu().double()
    if scores.isnan().any():
        raise ValueError(f"the metric {record.name!r} gives NaN: it must leave out targets that are not scored")
    trials = replace(trials, targets=targets, n_scored=n_scored, n_trials=len(scores), n_outputs=outputs.shape[-1])
    vars(trials)["intact"] = float(scores.mean())  # is known; running it again may take long
    warn_of_poor_score(trials)
    return trials


def warn_of_poor_score(trials: Evaluation) -> None:
    """Warn where a network does not do its task."""
    if trials.does_task is False:
        metric = trials.metric
        said = f"{metric.name} {trials.intact:.3g}, skill {trials.skill:.2g}, {metric.enough:g} is asked"
        hint = "are time and trials in this order, and is it the network that was trained?"
        warnings.warn(f"this network does not do the task ({said}): an ablation says little; {hint}", stacklevel=3)


def _metric(metric, higher_is_better):
    if not callable(metric):
        record = by_name(metric)
        if higher_is_better not in (None, record.higher_is_better):
            raise ValueError(f"higher_is_better of {metric!r} is {record.higher_is_better}, not yours to set")
        return record

    def per_trial(outputs, targets):
        scores = torch.as_tensor(metric(outputs, targets)).detach().reshape(-1)
        if len(scores) not in (1, outputs.shape[1]):
            wanted = f"one score a trial, ({outputs.shape[1]},), or one number"
            raise ValueError(f"the metric must return {wanted}; got {len(scores)} numbers")
        return scores

    direction = "higher" if higher_is_better else "lower"
    title = f"a function of your own; {direction} is better"
    return Metric(getattr(metric, "__name__", "metric"), title, per_trial, bool(higher_is_better))


def _finite(name, value):
    if not isinstance(value, Tensor):
        raise ValueError(f"{name} must be a torch tensor, got {type(value).__name__}")
    if not value.numel():
        raise ValueError(f"{name} must not be empty, got {tuple(value.shape)}")
    if (value.isinf() if name == "targets" else ~value.isfinite()).any():
        raise ValueError(f"{name} hold {'' if name == 'targets' else 'NaN or '}infinite values")
    return value.detach()


def _time_first(targets, mask, metric, batch_first, outputs):
    """Targets as (T, B, N_y), classes as (T, B), for outputs (T, B, N_y)."""
    targets = _finite("targets", targets).to(outputs.device)
    if metric.classes and targets.is_floating_point():
        raise ValueError(f"targets must be integer classes for the metric {metric.name!r}, got {targets.dtype}")
    targets = targets if metric.classes else targets.to(outputs)
    targets = targets if mask is None else masked(targets, torch.as_tensor(mask).to(outputs.device))
    n_axes = 2 if metric.classes else 3
    if targets.ndim == n_axes - 1:
        if not metric.classes and outputs.shape[-1] == 1:  # (T, B), one output of every step
            turned = targets.mT if batch_first else targets
            return turned[..., None] if turned.shape[1] == outputs.shape[1] else targets[None]
        return targets[None]
    if targets.ndim != n_axes:
        wanted = "(T, B) or (B,)" if metric.classes else "(T, B, N_y) or (B, N_y)"
        raise ValueError(f"targets must be {wanted} for the metric {metric.name!r}, got {tuple(targets.shape)}")
    return targets.transpose(0, 1) if batch_first else targets
