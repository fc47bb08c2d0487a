"""Which matrix acts in somebody's torch module, and what the module answers with another in its place."""

import re
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

from schur_lib.dynamics import check_run, rollout
from schur_lib.networks import Network
from schur_lib.schur import ordered_schur

# The gates in the order in which torch stacks their matrices.
GATES: dict[type[nn.Module], tuple[str, ...]] = {
    **dict.fromkeys((nn.GRU, nn.GRUCell), ("reset", "update", "new")),
    **dict.fromkeys((nn.LSTM, nn.LSTMCell), ("input", "forget", "cell", "output")),
}
# Our choice: outputs that differ by less than this (relative to the largest) are the same.
SAME = 1e-3
# Operations that multiply by a matrix; any other result of its shape is another matrix made from it.
PRODUCTS = re.compile("mm|mv|matmul|linear|rnn|gru|lstm|einsum|dot")
COMPUTED = "give effective=lambda module: …, which returns the matrix that the module computes"


@dataclass(frozen=True, eq=False)
class Model:
    """A torch module on its inputs, with the place of its recurrent matrix open to others; see `evaluation`."""

    module: nn.Module
    parameter: str
    inputs: Any
    forward: Callable | None
    batch_first: bool
    seed: int
    gate: str | int | slice | None
    effective: Callable | None

    @cached_property
    def holder(self) -> Any:
        """The submodule that the matrix belongs to; None where a function computes it."""
        return None if self.effective else _at(self.module, self.parameter.rpartition(".")[0])

    @cached_property
    def matrix(self) -> Tensor:
        """The recurrent matrix, (N, N)."""
        return self.found[0][self.rows]

    @cached_property
    def found(self) -> tuple[Tensor, str | None]:
        """The matrix that acts, with the gates that are stacked with it, and its name; None: computed in the run.

        After a run and within a call, where torch's hooks have computed it.
        """
        return self.call(None, lambda module, inputs: (self.as_is, self._find(_tensors(module)))[1])

    @cached_property
    def as_is(self) -> Tensor:
        """The outputs with nothing swapped, which must be the same in a second run after the first."""
        call = self.forward or (lambda module, inputs: module(inputs))
        twice = lambda module, x: (call(module, x), torch.manual_seed(self.seed), call(module, x))[2]  # noqa: E731
        first, second = self.run(None), self.run(None, twice)
        if first.isfinite().all() and not _same(second, first):
            why = "random numbers of another kind than torch's, or a state or count that it keeps"
            hint = "give a forward that seeds them, or starts afresh"
            raise ValueError(f"the module answers differently when run twice ({why}): {hint}")
        return first

    def _find(self, tensors):
        acts = {name: _acting(self.module, name) for name in tensors}
        name = acts.get(self.parameter, self.parameter)
        W = self.effective(self.module) if self.effective else _at(self.module, name)
        if name != self.parameter and not self.effective:
            raise ValueError(f"{self.parameter} is only a part of what {name} is computed from: name {name}")
        if W is None and not self.effective:
            shapes = {name: tuple(_at(self.module, name).shape) for name in acts.values()}
            known = ", ".join(f"{name} {shape}" for name, shape in shapes.items() if len(shape) == 2) or "none"
            raise ValueError(f"the module has no parameter {self.parameter!r}; its matrices are {known}")
        dense = isinstance(W, Tensor) and W.layout == torch.strided
        if not dense or W.ndim != 2 or not W.is_floating_point():
            got = f"shape {tuple(W.shape)}, {W.dtype}, {W.layout}" if isinstance(W, Tensor) else type(W).__name__
            raise ValueError(f"{self.parameter} must be a real matrix, got {got}")
        if not torch.isfinite(W).all():
            raise ValueError(f"{self.parameter} holds NaN or infinite values")
        return W.detach().clone(), next((name for name, t in tensors.items() if t is W), None)

    @cached_property
    def rows(self) -> slice:
        """The rows that are the recurrent matrix."""
        (n_rows, n), gate, parameter = self.found[0].shape, self.gate, self.parameter
        names = next((names for kind, names in GATES.items() if isinstance(self.holder, kind)), ())
        allowed: list[str | int] = [*names, *range(n_rows // n * (n_rows % n == 0))]
        if isinstance(gate, str | int) and gate in allowed and not isinstance(gate, bool):
            index = names.index(gate) if isinstance(gate, str) else gate
            rows = slice(index * n, (index + 1) * n)
        elif gate is None or isinstance(gate, slice):
            rows = gate or slice(None)
        else:
            raise ValueError(f"gate must be one of {allowed} or a slice of the {n_rows} rows, got {gate!r}")
        shape, hint = tuple(self.found[0][rows].shape), COMPUTED
        if allowed:
            hint = f"it stacks {n_rows // n} matrices: gate must be one of {allowed}; or {COMPUTED}"
        if names and n_rows != len(names) * n:
            shape, hint = (n_rows, n), f"each of {len(names)} gates has {n_rows // len(names)} rows of {n} columns"
        if shape != (n, n):
            raise ValueError(f"the recurrent matrix must be square, got {shape} from {parameter}; {hint}")
        if isinstance(self.holder, nn.RNNBase | nn.RNNCellBase) and "weight_ih" in parameter:
            raise ValueError(f"{parameter} multiplies the inputs; the recurrent one has hh in the place of ih")
        return rows

    def check(self) -> None:
        """See that the module multiplies with the matrix as it stands."""
        W, (_, name) = self.matrix, self.found
        draw = torch.randn(W.shape, generator=torch.Generator().manual_seed(0)).to(W) * W.std(correction=0)
        with _Operations(self._stacked(draw)) as watch:
            other = self.run(draw)
        if self.as_is.isfinite().all() and not _same(self.run(W), self.as_is):
            raise ValueError(f"the module answers differently with its own {self.parameter} put into its place")
        if watch.seen and not (self.effective and name):
            but = f"not with {self.parameter} but with {', '.join(watch.seen)} of it"
            hint = f"{COMPUTED} (or the parameter itself, where you know that it acts as it stands)"
            raise ValueError(f"the module multiplies {but}: {hint}")
        if watch.aside and not self.effective:
            hint = f"give effective=lambda module: module.{self.parameter}.T"
            warnings.warn(
                f"{self.parameter} is multiplied as in h @ W, so that its transpose acts: {hint}", stacklevel=3
            )
        if W.any() and _same(other, self.as_is):
            warnings.warn(f"the outputs do not depend on {self.parameter} on these inputs", stacklevel=3)

    def _stacked(self, W):
        """The whole tensor with a matrix in its rows."""
        whole = self.found[0].clone()
        whole[self.rows] = W.to(whole)
        return whole

    def call(self, W: Tensor | None, function: Callable | None = None, inputs: Any = None) -> Any:
        """What a function of the module, its forward by default, returns with W as its matrix; None: its own."""
        call, module = function or self.forward or (lambda module, inputs: module(inputs)), self.module
        leaf, inputs = self.parameter.rpartition(".")[2], self.inputs if inputs is None else inputs
        (own, name), whole = ((None, None), None) if W is None else (self.found, self._stacked(W))
        computed: Any = nullcontext()
        put: Any = {f"module.{name}": whole} if name else {}
        called: Any = nn.Module()  # functional_call wants a module, and this one takes any function
        called.module, called.forward = module, lambda inputs: call(module, inputs)
        devices = {t.device for t in module.parameters() if t.device.type == "cuda"}
        before = [(m, dict(vars(m))) for m in module.modules()]
        try:
            module.eval()
            if W is not None and leaf in getattr(self.holder, "parametrizations", {}):
                self.holder.parametrizations[leaf].forward = lambda: whole
            elif W is not None and not name:
                computed = _Operations(own, whole)
            with torch.no_grad(), torch.random.fork_rng(devices=list(devices)), computed:
                torch.manual_seed(self.seed)
                outputs = functional_call(called, put, (inputs,))
        finally:
            for m, attributes in before:
                vars(m).clear()
                vars(m).update(attributes)
        if not getattr(computed, "seen", True):
            never = f"{self.parameter} is computed, but no run forms it as one matrix, as in (h @ n) @ m.T"
            raise ValueError(f"{never}: give a forward that multiplies with their product")
        return outputs

    def run(self, W: Tensor | None, function: Callable | None = None) -> Tensor:
        """The same as (T, B, N)."""
        outputs = self.call(W, function)
        if not isinstance(outputs, Tensor) or outputs.ndim not in (2, 3):
            got = tuple(outputs.shape) if isinstance(outputs, Tensor) else type(outputs).__name__
            wanted, hint = "one tensor (T, B, N_y), (T, B) or (B, N_y)", "forward=lambda module, x: module(x)[0]"
            raise ValueError(f"the model must return {wanted}, got {got}; give {hint}")
        if outputs.ndim == 2 and not self.every_step:
            return outputs[None]
        outputs = outputs if outputs.ndim == 3 else outputs[..., None]
        return outputs.transpose(0, 1) if self.batch_first else outputs

    @cached_property
    def every_step(self) -> bool:
        """Whether outputs of two axes are one output of every step, (T, B), not those of the last, (B, N_y)."""
        x, time, shape = self.inputs, int(self.batch_first), self.call(None).shape
        tensors = [t for t in tree_leaves(x) if isinstance(t, Tensor) and t.ndim > 1]
        flat = isinstance(x, Tensor) and x.ndim == 2 and x.is_floating_point()
        if tensors and not flat and all(t.shape[:2] != shape for t in tensors):
            return False
        try:  # with one step more
            longer = None if flat else self.call(None, None, torch.cat([x, x.narrow(time, -1, 1)], time))
        except Exception:  # whatever a foreign module raises
            longer = None
        if longer is None:
            hint = "[..., None] for one output of every step, [None] ([:, None] if trials come first) for the last"
            wanted = f"give forward=lambda module, x: module(x) and {hint}"
            raise ValueError(f"outputs {tuple(shape)} may be (T, B) or (B, N_y): {wanted}")
        return longer.shape[time] > shape[time]

    def states(self, W: Tensor) -> Tensor:
        """h_1 … h_T as the layer or cell of torch's that holds the parameter gives them."""
        holder, seen = self.holder, []
        handle = holder.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
        try:
            self.call(W)
        finally:
            handle.remove()
        seen = [output if isinstance(output, Tensor) else output[0] for output in seen]
        if isinstance(holder, nn.RNNCellBase):
            return torch.stack(seen)
        if holder.bidirectional or not self.parameter.endswith(f"weight_hh_l{holder.num_layers - 1}"):
            raise unknown_states(f"{self.parameter} is not that of the last layer, in one direction")
        if len(seen) != 1 or not isinstance(seen[0], Tensor) or seen[0].ndim != 3:
            raise unknown_states(f"the layer of {self.parameter} ran {len(seen)} times, or on packed sequences")
        return seen[0].transpose(0, 1) if holder.batch_first else seen[0]

    def as_network(self) -> tuple[Network, Tensor] | None:
        """The module as a plain network and its inputs, time first; None where the fused run differs."""
        module, inputs = self.module, self.inputs
        leaves: list[Any] = [m for m in module.modules() if next(m.parameters(recurse=False), None) is not None]
        plain = sorted(type(m).__name__ for m in leaves) == ["Linear", "RNN"]
        plain = plain and self.parameter.endswith("weight_hh_l0") and next(module.buffers(), None) is None
        if not (plain and isinstance(inputs, Tensor) and inputs.ndim == 3 and inputs.device.type == "cpu"):
            return None
        rnn, readout = sorted(leaves, key=lambda m: not isinstance(m, nn.RNN))
        try:
            net = Network.from_torch(rnn, readout)
            inputs = (inputs.transpose(0, 1) if rnn.batch_first else inputs).detach().contiguous()
            check_run(net, inputs, net.W_hh, 0)
        except (ValueError, KeyError):  # KeyError: a hook computes one of its tensors
            return None
        # as it is, and without its couplings
        for W in (net.W_hh, torch.from_numpy(ordered_schur(net.W_hh).ablate({"RR", "CR", "CC"})).to(net.W_hh)):
            theirs = self.run(W)
            if not _same(rollout(net, inputs, W)[-len(theirs) :], theirs):
                return None
        return net, inputs


class _Operations(TorchDispatchMode):
    """Looks for a matrix, as it stands or transposed, in every operation of a run.

    With `put`, that takes the place of each result that equals it. Without, `seen` gets the operations that make
    another matrix of it, such as abs or the product with a mask; a product with a vector or a number is none.
    """

    def __init__(self, matrix, put=None):
        super().__init__()
        self.views, self.put, self.seen, self.made = (matrix, matrix.mT), put, {}, []
        self.aside = False  # whether a product is taken with the transpose of what it should be

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function._schema.name.removeprefix("aten::").strip("_")
        tensors = [t for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor)]
        if self.put is not None and PRODUCTS.search(name):  # a parameter is no operation's result
            args = tree_map_only(Tensor, lambda t: self._swapped(t, False), args)
        elif name in ("mm", "addmm", "bmm", "baddbmm", "mv", "addmv"):
            left, right = tensors[-2:]
            self.aside |= self._is(left) is True or self._is(right) is False
        # before the operation, which may be in place
        ours = [t.shape for t in tensors if self._is(t) is not None] if self.put is None else []
        result = function(*args, **(kwargs or {}))
        if self.put is not None:
            return tree_map_only(Tensor, lambda t: self._swapped(t, function._schema.is_mutable), result)
        scaled = name in ("mul", "div") and sum(t.numel() > 1 for t in tensors) == 1
        made = isinstance(result, Tensor) and result.is_floating_point() and self._is(result) is None
        if made and result.shape in ours and not (scaled or PRODUCTS.search(name)):
            self.seen[name] = None
        elif made and ours and PRODUCTS.search(name):
            self.made += [result] if result.shape in ours else []  # by a matrix, or by as many states
        elif made and any(t.data_ptr() == m.data_ptr() for t in tensors for m in self.made):
            # a matrix multiplies again, states are first added to others
            self.seen |= dict.fromkeys(["matmul"] if PRODUCTS.search(name) else [])
            self.made += [result] if sum(t.numel() > 1 for t in tensors) == 1 else []
        return result

    def _is(self, t):
        """Which of the two a tensor equals, None: neither."""
        for M, transposed in zip(self.views, (False, True), strict=True):
            if t.shape[-2:] == M.shape and t.numel() == M.numel():
                if torch.allclose(t.reshape(M.shape).to(M), M, 1e-5, 0):
                    return transposed
        return None

    def _swapped(self, t, in_place):
        transposed = self._is(t)
        if transposed is None:
            return t
        self.seen["put"], put = None, (self.put.mT if transposed else self.put).reshape(t.shape).to(t)
        return t.copy_(put) if in_place else put.clone()


def unknown_states(why: str) -> ValueError:
    """The error where a probe asks for states that a model does not tell."""
    hint = "give evaluation(…, states=lambda module, inputs: …)"
    return ValueError(f"this model's states are unknown: {why}; {hint}")


def _tensors(module):
    return {**dict(module.named_buffers()), **dict(module.named_parameters())}


def _at(module, name):
    """The submodule or tensor that a name leads to; None where there is none."""
    return reduce(lambda part, key: getattr(part, key, None), filter(None, name.split(".")), module)


def _acting(module, name):
    """The name of the matrix that is computed from a tensor of this name; the name itself where none is."""
    found = re.fullmatch(r"(.*?)(?:parametrizations\.(\w+)\..*|(\w+)_(?:orig|mask|g|v|u))", name)
    whole = found[1] + (found[2] or found[3]) if found else name
    return whole if whole not in _tensors(module) and isinstance(_at(module, whole), Tensor) else name


def _same(ours, theirs):
    """Whether outputs are the same but for rounding."""
    return ours.shape == theirs.shape and bool((ours - theirs).abs().max() <= SAME * theirs.abs().max())
