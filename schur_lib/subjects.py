"""What every probe asks: a recurrent matrix, trials, and what any other matrix in its place scores on them.

It comes from a network and a task, from a network and data, or from anyone's torch module:

    trials = on_task(net, tasks.copy())
    trials = of_network(net, inputs, targets)
    trials = evaluation(model, "rnn.weight_hh_l0", inputs, targets, metric="fvu")

and goes to any probe: `profile_of(trials)`, `stabilisers(trials, others)`.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call

from schur_lib.dynamics import hidden_states, rollout
from schur_lib.metrics import METRICS, Metric
from schur_lib.networks import Network
from schur_lib.schur import OrderedSchur, ordered_schur
from schur_lib.tasks import Task, held_out

# The gates in the order in which torch stacks their matrices.
GATES: dict[tuple, tuple[str, ...]] = {
    (nn.GRU, nn.GRUCell): ("reset", "update", "new"),
    (nn.LSTM, nn.LSTMCell): ("input", "forget", "cell", "output"),
}
# Our choice: the fused run stands in for a module whose outputs it repeats to this (relative to the
# largest output, float32).
SAME = 1e-3
CHUNK = 2**26  # bytes of outputs at a time


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A recurrent matrix, and what any other matrix in its place scores on the same trials.

    Fields:
        W_hh: (N, N) float64, the model's own matrix.
        run: matrices (N, N) → their outputs (T, B, N_y), one after the other, in their order.
        metric: the score.
        targets: what the metric compares the last outputs with.
        n_scored: how many of the last outputs it is given.
        n_trials: B.
        states_of: (N, N) → the states h_1 … h_T (T, B, N) with that matrix; None where they are unknown.
        module: the network or module itself.
        network: the same as a `Network` where it is a plain one; None elsewhere.
        inputs: (T, B, N_x), time first; None where they are something else.
        free_steps: steps that the network runs on after the input has ended.
    """

    W_hh: Tensor
    run: Callable[[Iterable[Tensor]], Iterator[Tensor]]
    metric: Metric
    targets: Tensor
    n_scored: int
    n_trials: int
    states_of: Callable[[Tensor], Tensor] | None = None
    module: Network | nn.Module | None = None
    network: Network | None = None
    inputs: Tensor | None = None
    free_steps: int = 0

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

    def outputs(self, matrices: Iterable[Tensor | NDArray]) -> Iterator[Tensor]:
        """The outputs that are scored, (n_scored, B, N_y), of one matrix after the other."""
        for outputs in self.run(self._checked(matrices)):
            yield outputs[-self.n_scored :]

    def trial_scores(self, matrices: Iterable[Tensor | NDArray]) -> Tensor:
        """(K, B) float64, one score a matrix and trial; (K, 1) for a metric that gives one number only.

        Matrices are (K, N, N) or any iterable of (N, N), run in chunks: memory does not grow with K.
        """
        scores = [self._scored(outputs) for outputs in self.outputs(matrices)]
        return torch.stack(scores) if scores else torch.zeros(0, self.n_trials).double()

    def scores(self, matrices: Iterable[Tensor | NDArray]) -> Tensor:
        """(K,) float64, one score a matrix: the mean over trials."""
        return self.trial_scores(matrices).mean(-1)

    def harms(self, matrices: Iterable[Tensor | NDArray]) -> NDArray[np.float64]:
        """(K,) float64: how much worse each matrix does than W_hh, in units of the metric."""
        return self.metric.harm(self.scores(matrices).numpy(), self.intact)

    def states(self, W_hh: Tensor | NDArray | None = None) -> Tensor:
        """Hidden states h_1 … h_T, (T, B, N), with a matrix in the place of W_hh.

        Raises:
            ValueError: the model's states are unknown.
        """
        if self.states_of is None:
            raise ValueError(
                "the states of this model are unknown: its matrix belongs to no layer or cell of "
                "torch's; give evaluation(…, states=lambda module, inputs: …)"
            )
        (W,) = self._checked([self.W_hh if W_hh is None else W_hh])
        return self.states_of(W)

    def acted_on(self) -> Tensor:
        """The states that W_hh acts on, h_0 … h_{T−1}, (T, B, N) float64; h_0 = 0 but for a network's own."""
        states = self.states().double()
        start = torch.zeros_like(states[:1])
        if self.network is not None and self.network.h0 is not None:
            start += self.network.h0.double()
        return torch.cat([start, states[:-1]])

    def scored_by(self, metric: str | Metric) -> "Evaluation":
        """The same model on the same trials, by another metric."""
        return replace(self, metric=METRICS[metric] if isinstance(metric, str) else metric)

    def _checked(self, matrices):
        for W in matrices:
            W = torch.as_tensor(W)
            if W.shape != self.W_hh.shape:
                wanted = tuple(self.W_hh.shape)
                raise ValueError(f"a matrix must be {wanted}, got {tuple(W.shape)}")
            yield W

    def _scored(self, outputs):
        scores = self.metric.per_trial(outputs, self.targets).cpu().double()
        # What has grown beyond all bounds is infinitely wrong, not undefined.
        return torch.nan_to_num(scores, nan=float("inf"), posinf=float("inf"))


def on_task(
    net: Network, task: Task, n_trials: int = 1024, seed: int = 0, metric: str | None = None
) -> Evaluation:
    """A network on held-out trials of a task.

    Args:
        net: the network.
        task: gives the trials and the score.
        n_trials: held-out trials; they share nothing with the training data.
        seed: of the trials.
        metric: name of another score than the task's.

    Raises:
        ValueError: network and task do not fit.
    """
    if (net.n_inputs, net.n_outputs) != (task.n_inputs, task.n_outputs):
        raise ValueError(
            f"the {task.name} task has {task.n_inputs} inputs and {task.n_outputs} outputs, "
            f"the network {net.n_inputs} and {net.n_outputs}"
        )
    inputs, targets = (t.to(net.W_hh) for t in held_out(task, n_trials, seed))
    scored = task.metric if metric is None else METRICS[metric]
    return of_network(net, inputs, targets, scored, task.free_steps)


def of_network(
    net: Network,
    inputs: Tensor,
    targets: Tensor,
    metric: str | Metric = "fvu",
    free_steps: int = 0,
) -> Evaluation:
    """A network on trials at hand.

    Args:
        net: the network.
        inputs: (T, B, N_x).
        targets: (T', B, N_y), or classes (T', B); of the last T' outputs.
        metric: the score or its name.
        free_steps: steps that the network runs on after the input has ended.
    """
    metric = METRICS[metric] if isinstance(metric, str) else metric
    n_steps = len(inputs) + free_steps
    per_network = n_steps * inputs.shape[1] * net.n_outputs * inputs.element_size()
    size = max(1, CHUNK // per_network)

    def run(matrices):
        chunk = []
        for W in matrices:
            chunk.append(W.to(net.W_hh))
            if len(chunk) == size:
                yield from rollout(net, inputs, torch.stack(chunk), free_steps)
                chunk.clear()
        if chunk:
            yield from rollout(net, inputs, torch.stack(chunk), free_steps)

    def states_of(W):
        with torch.no_grad():
            return hidden_states(net, inputs, W.to(net.W_hh), free_steps)

    own, n_scored = net.W_hh.detach().cpu().double(), min(len(targets), n_steps)
    return Evaluation(own, run, metric, targets, n_scored, inputs.shape[1], states_of, net, net, inputs,
                      free_steps)  # fmt: skip


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
    states: Callable | None = None,
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
        states: (module, inputs) → hidden states (T, B, N), for probes of the activity; needed only where
            the matrix is not that of one of torch's recurrent layers or cells.

    Returns:
        Evaluation.

    Raises:
        ValueError: an unknown name, a matrix that is not square, outputs and targets that do not fit, or
            values that are not finite.
    """
    record = _metric(metric, higher_is_better)
    if not isinstance(module, Network | nn.Module):
        raise ValueError(f"module must be a torch module, got {type(module).__name__}")
    if isinstance(module, Network):
        if parameter != "W_hh" or forward is not None or gate is not None:
            raise ValueError(
                "a Network has the parameter 'W_hh', no forward and no gate; got "
                f"parameter={parameter!r}, forward={forward!r}, gate={gate!r}"
            )
        inputs = _finite("inputs", inputs)
        if batch_first and inputs.ndim == 3:
            inputs = inputs.transpose(0, 1).contiguous()
    elif batch_first is None:
        batch_first = any(getattr(m, "batch_first", False) for m in module.modules())
    targets = _finite("targets", targets)
    if not callable(metric):
        targets = _time_first(targets, record, batch_first)
    if isinstance(module, Network):
        trials = of_network(module, inputs, targets, record)
        outputs = rollout(module, inputs)
    else:
        trials, outputs = _of_module(
            module, parameter, inputs, targets, record, forward, gate, batch_first, seed, states
        )
    if not torch.isfinite(outputs).all():
        raise ValueError("the model's outputs are not all finite on these inputs")
    targets = targets.to(outputs.device)
    if targets.is_floating_point():
        targets = targets.to(outputs.dtype)
    trials = replace(
        trials,
        targets=targets,
        n_scored=len(outputs) if callable(metric) else min(len(targets), len(outputs)),
        n_trials=outputs.shape[1],
    )
    # Raises before long work what the metric cannot take.
    n_trials = len(trials._scored(outputs[-trials.n_scored :]))
    return replace(trials, n_trials=n_trials)


def _of_module(
    module, parameter, inputs, targets, metric, forward, gate, batch_first, seed, states
):
    whole, rows = _recurrent(module, parameter, gate)
    run_one = _runner(module, parameter, rows, inputs, forward, batch_first, seed)
    outputs = run_one(whole[rows])
    network = _plain_network(module, parameter, gate)
    if network is not None and isinstance(inputs, Tensor) and inputs.ndim == 3:
        layer = next(m for m in module.modules() if isinstance(m, nn.RNN))
        ordered = inputs.transpose(0, 1) if layer.batch_first else inputs
        ordered = ordered.detach().contiguous()
        if _repeats(network, ordered, run_one, outputs):
            fast = of_network(network, ordered, targets, metric)
            return replace(fast, module=module), outputs

    def run(matrices):
        for W in matrices:
            yield run_one(W)

    plain = isinstance(inputs, Tensor) and inputs.ndim == 3
    return Evaluation(
        whole[rows].cpu().double(), run, metric, targets, len(outputs), outputs.shape[1],
        _activity(module, parameter, run_one, rows, inputs, batch_first, seed, states), module,
        inputs=inputs.transpose(0, 1) if plain and batch_first else inputs if plain else None,
    ), outputs  # fmt: skip


def _activity(module, parameter, run_one, rows, inputs, batch_first, seed, states):
    """The states of a module with a matrix, from what its recurrent layer or cell gives; None if unknown."""
    if states is not None:
        return _runner(module, parameter, rows, inputs, states, batch_first, seed)
    owner = module.get_submodule(parameter.rpartition(".")[0])
    if not isinstance(owner, nn.RNNBase | nn.RNNCellBase):
        return None

    def states_of(W):
        seen = []

        def keep(_module, _inputs, output):
            seen.append(output if isinstance(output, Tensor) else output[0])

        handle = owner.register_forward_hook(keep)
        try:
            run_one(W)
        finally:
            handle.remove()
        if isinstance(owner, nn.RNNCellBase):
            return torch.stack(seen)
        if len(seen) != 1 or not isinstance(seen[0], Tensor) or seen[0].ndim != 3:
            raise ValueError(
                f"the layer that holds {parameter} ran {len(seen)} times, or on packed sequences: its "
                "states are unknown; give evaluation(…, states=lambda module, inputs: …)"
            )
        return seen[0].transpose(0, 1) if owner.batch_first else seen[0]

    return states_of


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


# --- the metric ------------------------------------------------------------------------------


def _metric(metric, higher_is_better):
    if not callable(metric):
        if metric not in METRICS:
            raise ValueError(
                f"metric must be one of {tuple(METRICS)} or a function, got {metric!r}"
            )
        record = METRICS[metric]
        if higher_is_better not in (None, record.higher_is_better):
            raise ValueError(
                f"higher_is_better of {metric!r} is {record.higher_is_better}, not yours to set"
            )
        return record

    def per_trial(outputs, targets):
        scores = torch.as_tensor(metric(outputs, targets)).detach().reshape(-1)
        if len(scores) not in (1, outputs.shape[1]):
            raise ValueError(
                f"the metric must return one score a trial, ({outputs.shape[1]},), or one number; "
                f"got {len(scores)} numbers"
            )
        return scores

    name = getattr(metric, "__name__", "metric")
    better = bool(higher_is_better)
    direction = "higher is better" if better else "lower is better"
    return Metric(name, f"a function of your own; {direction}", per_trial, better)


def _finite(name, value):
    if not isinstance(value, Tensor):
        raise ValueError(f"{name} must be a torch tensor, got {type(value).__name__}")
    if not value.numel():
        raise ValueError(f"{name} must not be empty, got {tuple(value.shape)}")
    if not torch.isfinite(value).all():
        raise ValueError(f"{name} hold NaN or infinite values")
    return value.detach()


def _time_first(targets, metric, batch_first):
    """Targets as (T, B, N_y), classes as (T, B)."""
    if metric.classes and targets.is_floating_point():
        raise ValueError(
            f"targets must be integer classes for the metric {metric.name!r}, got {targets.dtype}"
        )
    n_axes = 2 if metric.classes else 3
    if targets.ndim == n_axes - 1:
        return targets[None]
    if targets.ndim != n_axes:
        wanted = "(T, B) or (B,)" if metric.classes else "(T, B, N_y) or (B, N_y)"
        raise ValueError(
            f"targets must be {wanted} for the metric {metric.name!r}, got {tuple(targets.shape)}"
        )
    return targets.transpose(0, 1) if batch_first else targets
