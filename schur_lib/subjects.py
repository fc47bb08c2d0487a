"""What every probe asks: a recurrent matrix, trials, and what any other matrix in its place scores on them.

It comes from a network and a task, from a network and data, or from anyone's torch module:

    trials = on_task(net, tasks.copy())
    trials = of_network(net, inputs, targets)
    trials = evaluation(model, "rnn.weight_hh_l0", inputs, targets, metric="fvu")

and goes to any probe: `profile_of(trials)`, `stabilisers(trials, others)`.
"""

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
from torch.func import functional_call

from schur_lib.dynamics import check_run, hidden_states, rollout
from schur_lib.metrics import Metric, by_name
from schur_lib.networks import Network
from schur_lib.schur import Matrix, OrderedSchur, ordered_schur
from schur_lib.tasks import Task, held_out

# The gates in the order in which torch stacks their matrices.
GATES: dict[type[nn.Module], tuple[str, ...]] = {
    **dict.fromkeys((nn.GRU, nn.GRUCell), ("reset", "update", "new")),
    **dict.fromkeys((nn.LSTM, nn.LSTMCell), ("input", "forget", "cell", "output")),
}
# Our choice: the fused run stands in for a module whose outputs it repeats to this (relative to the largest).
SAME = 1e-3
CHUNK = 2**26  # bytes of outputs at a time


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

    def outputs(self, matrices: Iterable[Tensor | Matrix]) -> Iterator[Tensor]:
        """The outputs that are scored, (n_scored, B, N_y), of one matrix after the other."""
        for outputs in self.run(self._checked(matrices)):
            yield outputs[-self.n_scored :]

    def trial_scores(self, matrices: Iterable[Tensor | Matrix]) -> Tensor:
        """(K, B) float64, one score a matrix and trial; (K, 1) for a metric that gives one number only."""
        # Numbers in one growing buffer: small tensors between large ones would keep the heap from shrinking.
        scores, n_matrices = array("d"), 0
        for outputs in self.outputs(matrices):
            scores.extend(self._scored(outputs).tolist())
            n_matrices += 1
        shape = (n_matrices, len(scores) // n_matrices if n_matrices else self.n_trials)
        return torch.from_numpy(np.array(scores).reshape(shape))

    def scores(self, matrices: Iterable[Tensor | Matrix]) -> Tensor:
        """(K,) float64, one score a matrix: the mean over trials."""
        return self.trial_scores(matrices).mean(-1)

    def harms(self, matrices: Iterable[Tensor | Matrix]) -> NDArray[np.float64]:
        """(K,) float64: how much worse each matrix does than W_hh, in units of the metric."""
        return self.metric.harm(self.scores(matrices).numpy(), self.intact)

    def states(self, W_hh: Tensor | Matrix | None = None) -> Tensor:
        """Hidden states h_1 … h_T, (T, B, N), with a matrix in the place of W_hh; ValueError where unknown."""
        if self.states_of is None:
            raise _unknown_states("its matrix belongs to no layer or cell of torch's")
        (W,) = self._checked([self.W_hh if W_hh is None else W_hh])
        return self.states_of(W)

    def acted_on(self) -> Tensor:
        """The states that W_hh acts on, h_0 … h_{T−1}, (T, B, N) float64; h_0 = 0 but for a network's own."""
        states = self.states().cpu().double()  # not every device has float64
        own = None if self.network is None else self.network.h0
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

    def _scored(self, outputs):
        scores = self.metric.per_trial(outputs, self.targets).detach().cpu().double()
        # What has grown beyond all bounds is infinitely wrong, not undefined.
        return torch.nan_to_num(scores, nan=float("inf"), posinf=float("inf"))


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
    n_steps, n_trials = len(inputs) + free_steps, inputs.shape[1]
    size = max(1, CHUNK // (n_steps * n_trials * net.n_outputs * inputs.element_size()))

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
    return Evaluation(own, run, by_name(metric), targets, n_scored, n_trials, states_of, net, net, inputs,
                      free_steps)  # fmt: skip


def evaluation(
    module: nn.Module | Network,
    parameter: str,
    inputs: Any,
    targets: Tensor,
    metric: str | Callable[[Tensor, Tensor], Any] = "fvu",
    forward: Callable[[Any, Any], Tensor] | None = None,
    gate: str | int | slice | None = None,
    batch_first: bool | None = None,
    higher_is_better: bool | None = None,
    seed: int = 0,
    states: Callable[[Any, Any], Tensor] | None = None,
) -> Evaluation:
    """Make a model ready for matrices that are swapped into one of its parameters.

    The model runs with every other parameter as it is, in evaluation mode, and from the same seed each time,
    so that noise and dropout are no difference between matrices. One `nn.RNN` (one layer, one direction) with
    one `nn.Linear` after it runs through the fused `rollout` instead, if that repeats the model's outputs.

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
            the matrix is not that of the last layer of one of torch's recurrent layers, or of a cell.
    Raises:
        ValueError: an unknown name, a matrix that is not square, outputs and targets that do not fit, or
            values that are not finite.
    """
    record = _metric(metric, higher_is_better)
    targets = _finite("targets", targets)
    if isinstance(module, Network):
        if parameter != "W_hh" or forward is not None or gate is not None or states is not None:
            got = f"parameter={parameter!r}, forward={forward!r}, gate={gate!r}, states={states!r}"
            raise ValueError(f"a Network has the parameter 'W_hh', no forward, gate or states; got {got}")
        inputs = _finite("inputs", inputs)
        if batch_first and inputs.ndim == 3:
            inputs = inputs.transpose(0, 1).contiguous()
        trials = of_network(module, inputs, targets, record)
    elif isinstance(module, nn.Module):
        if batch_first is None:
            batch_first = any(getattr(m, "batch_first", False) for m in module.modules())
        rows = _rows(module, parameter, gate)
        model = _Model(module, parameter, rows, inputs, forward, batch_first, seed)
        fast = model.as_network()
        if fast is not None:
            trials = replace(of_network(fast[0], fast[1], targets, record), module=module)
        else:
            own, run = _tensors(module)[parameter].detach()[rows].cpu().double(), lambda some: map(model.run, some)
            known = isinstance(_owner(module, parameter), nn.RNNBase | nn.RNNCellBase)
            states_of = (lambda W: model.run(W, states)) if states else model.states if known else None
            plain = isinstance(inputs, Tensor) and inputs.ndim == 3
            shown = inputs.transpose(0, 1) if plain and batch_first else inputs if plain else None
            trials = Evaluation(own, run, record, targets, 1, 1, states_of, module, inputs=shown)
    else:
        raise ValueError(f"module must be a torch module, got {type(module).__name__}")
    (outputs,) = trials.run([trials.W_hh])
    if not torch.isfinite(outputs).all():
        raise ValueError("the model's outputs are not all finite on these inputs")
    n_scored = len(outputs)
    if not callable(metric):
        targets = _time_first(targets, record, batch_first)
        n_scored = min(len(targets), len(outputs))
    targets = targets.to(outputs) if targets.is_floating_point() else targets.to(outputs.device)
    trials = replace(trials, targets=targets, n_scored=n_scored, n_trials=outputs.shape[1])
    # Raises before long work what the metric cannot take.
    return replace(trials, n_trials=len(trials._scored(outputs[-n_scored:])))


def _unknown_states(why):
    return ValueError(
        f"this model's states are unknown: {why}; give evaluation(…, states=lambda module, inputs: …)"
    )


def _tensors(module):
    return {**dict(module.named_buffers()), **dict(module.named_parameters())}


def _owner(module, parameter):
    return module.get_submodule(parameter.rpartition(".")[0])


def _rows(module, parameter, gate):
    """The rows of a parameter that are the recurrent matrix."""
    tensors = _tensors(module)
    if parameter not in tensors:
        known = ", ".join(f"{n} {tuple(t.shape)}" for n, t in tensors.items() if t.ndim == 2) or "none"
        raise ValueError(f"the module has no parameter {parameter!r}; its matrices are {known}")
    whole = tensors[parameter]
    if whole.ndim != 2 or not whole.is_floating_point():
        raise ValueError(f"{parameter} must be a real matrix, got shape {tuple(whole.shape)}, {whole.dtype}")
    if not torch.isfinite(whole).all():
        raise ValueError(f"{parameter} holds NaN or infinite values")
    n_rows, n = whole.shape
    names = next((names for kind, names in GATES.items() if isinstance(_owner(module, parameter), kind)), ())
    allowed = [*names, *range(n_rows // n if n_rows % n == 0 else 0)]
    if gate is None:
        rows = slice(0, n_rows)
    elif isinstance(gate, slice):
        rows = slice(*gate.indices(n_rows))
    elif gate in allowed and not isinstance(gate, bool):
        index = names.index(gate) if isinstance(gate, str) else gate
        rows = slice(index * n, (index + 1) * n)
    else:
        raise ValueError(f"gate must be one of {allowed} or a slice of the {n_rows} rows, got {gate!r}")
    shape = (len(range(n_rows)[rows]), n)
    if shape != (n, n):
        stacked = gate is None and n_rows % n == 0
        hint = f"; it stacks {n_rows // n} matrices: gate must be one of {allowed}" if stacked else ""
        raise ValueError(f"the recurrent matrix must be square, got {shape} from {parameter}{hint}")
    return rows


@dataclass(frozen=True, eq=False)
class _Model:
    """A torch module on its inputs, with the rows of one parameter open to other matrices."""

    module: nn.Module
    parameter: str
    rows: slice
    inputs: Any
    forward: Callable | None
    batch_first: bool
    seed: int

    def run(self, W, function=None):
        """(T, B, N) of a function of the module, its forward by default, with W in the place of its own."""
        call = function or self.forward or (lambda module, inputs: module(inputs))
        called: Any = nn.Module()  # functional_call wants a module, and this one takes any function
        called.module, called.forward = self.module, lambda inputs: call(self.module, inputs)
        swapped = _tensors(self.module)[self.parameter].detach().clone()
        swapped[self.rows] = W.to(swapped)
        devices = {t.device for t in self.module.parameters() if t.device.type == "cuda"}
        modes = {m: m.training for m in self.module.modules()}
        try:
            self.module.eval()
            with torch.no_grad(), torch.random.fork_rng(devices=list(devices)):
                torch.manual_seed(self.seed)
                outputs = functional_call(called, {f"module.{self.parameter}": swapped}, (self.inputs,))
        finally:
            for m, training in modes.items():
                m.training = training
        if not isinstance(outputs, Tensor) or outputs.ndim not in (2, 3):
            got = tuple(outputs.shape) if isinstance(outputs, Tensor) else type(outputs).__name__
            hint = "give forward, such as forward=lambda module, x: module(x)[0]"
            raise ValueError(f"the model must return one tensor (T, B, N_y) or (B, N_y), got {got}; {hint}")
        if outputs.ndim == 2:
            return outputs[None]
        return outputs.transpose(0, 1) if self.batch_first else outputs

    def states(self, W):
        """h_1 … h_T as the layer or cell of torch's that holds the parameter gives them."""
        owner, seen = _owner(self.module, self.parameter), []
        handle = owner.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
        try:
            self.run(W)
        finally:
            handle.remove()
        seen = [output if isinstance(output, Tensor) else output[0] for output in seen]
        if isinstance(owner, nn.RNNCellBase):
            return torch.stack(seen)
        last = f"weight_hh_l{owner.num_layers - 1}"
        if owner.bidirectional or owner.proj_size or not self.parameter.endswith(last):
            raise _unknown_states(f"{self.parameter} is not that of the last layer, in one direction")
        if len(seen) != 1 or not isinstance(seen[0], Tensor) or seen[0].ndim != 3:
            raise _unknown_states(f"the layer of {self.parameter} ran {len(seen)} times, or on packed sequences")
        return seen[0].transpose(0, 1) if owner.batch_first else seen[0]

    def as_network(self):
        """The module as a plain network and its inputs, time first; None where the fused run differs."""
        module, inputs = self.module, self.inputs
        leaves: list[Any] = [m for m in module.modules() if next(m.parameters(recurse=False), None) is not None]
        plain = sorted(type(m).__name__ for m in leaves) == ["Linear", "RNN"]
        plain = plain and self.parameter.endswith("weight_hh_l0") and next(module.buffers(), None) is None
        if not plain or not isinstance(inputs, Tensor) or inputs.ndim != 3 or inputs.device.type != "cpu":
            return None
        rnn, readout = sorted(leaves, key=lambda m: not isinstance(m, nn.RNN))
        try:
            net = Network.from_torch(rnn, readout)
            inputs = (inputs.transpose(0, 1) if rnn.batch_first else inputs).detach().contiguous()
            check_run(net, inputs, net.W_hh, 0)
        except ValueError:
            return None
        # as it is, and without its couplings
        for W in (net.W_hh, torch.from_numpy(ordered_schur(net.W_hh).ablate({"RR", "CR", "CC"})).to(net.W_hh)):
            theirs = self.run(W)
            ours = rollout(net, inputs, W)[-len(theirs) :]
            if ours.shape != theirs.shape or not (ours - theirs).abs().max() <= SAME * theirs.abs().max():
                return None
        return net, inputs


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
    if not torch.isfinite(value).all():
        raise ValueError(f"{name} hold NaN or infinite values")
    return value.detach()


def _time_first(targets, metric, batch_first):
    """Targets as (T, B, N_y), classes as (T, B)."""
    if metric.classes and targets.is_floating_point():
        raise ValueError(f"targets must be integer classes for the metric {metric.name!r}, got {targets.dtype}")
    n_axes = 2 if metric.classes else 3
    if targets.ndim == n_axes - 1:
        return targets[None]
    if targets.ndim != n_axes:
        wanted = "(T, B) or (B,)" if metric.classes else "(T, B, N_y) or (B, N_y)"
        raise ValueError(f"targets must be {wanted} for the metric {metric.name!r}, got {tuple(targets.shape)}")
    return targets.transpose(0, 1) if batch_first else targets
