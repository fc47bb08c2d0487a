"""Which network a weight file holds: which tensor is which, and by which equation they act.

Each library keeps the parts of a network under names and in shapes of its own; a *layout* is what one of them does.
Nothing is guessed in silence: what a file does not tell is asked for, or assumed and said on the page.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from report.equations import ACTIVATIONS, FORMS, Equation, RateNetwork
from report.expressions import evaluated
from report.files import OBJECT, Contents, described, read
from schur_lib.networks import OPTIONAL, REQUIRED, Network

ROLES = REQUIRED + OPTIONAL
NAME_THEM = (
    "Name them with --parameter W_xh=NAME --parameter W_hh=NAME --parameter W_hy=NAME, and b_h, b_y, h0 where there "
    "are such (from Python: names={'W_hh': …}); what is no part of the network is left out with --set-aside NAME"
)
# A first state under the names that people give it.
FIRST_STATE = re.compile(r"(^|[./_])(h_?0|x_?0|h_?init\w*|init\w*_(state|hidden|h)\w*|initial\w*|y_init)$", re.I)
ALIASES = {
    "W_xh": "w_xh w_in w_inp win w_ih",
    "W_hh": "w_hh w_rec wrec w_res",
    "W_hy": "w_hy w_out wout w_ho",
    "b_h": "b_h b_rec b_hh",
    "b_y": "b_y b_out",
    "h0": "h0 h_0 x0 init_state h_init y_init",
}
OF_ACTIVATION = ("activation", "nonlinearity", "transfer_function", "phi", "kind")
OF_LEAK = ("leak", "leak_rate", "leaky_rate", "alpha", "dt_over_tau", "dt", "tau")
SAME_WORD = {"linear": "identity", "none": "identity", "rectified": "relu", "logistic": "sigmoid"}


@dataclass(frozen=True)
class Layout:
    """How one library keeps a network.

    Fields:
        library: its name, as --from takes it.
        roles: from what each role is made, as expressions in the names of the file.
        activation: what the library uses where nothing else is said; None: nothing is known of it.
        told: the activation that the file names.
        form, late: of the equation.
        leak: as the file tells it.
        asks: what has to be said, since the file does not tell it: "leak", "equation".
        beside: patterns of names that are no part of the network.
        notes: what was understood, in sentences.
    """

    library: str
    roles: dict[str, str]
    activation: str | None = None
    told: str | None = None
    form: str = "rate"
    late: bool = False
    leak: float | None = None
    asks: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Held:
    """What the layouts look at: the tensors, the facts beside them, and which tensors are parts of others."""

    tensors: dict[str, Tensor]
    facts: dict[str, Any]
    parts: dict[str, str] = field(default_factory=dict)  #: name of a part → the tensor that is computed from it
    unknown: dict[str, str] = field(default_factory=dict)  #: the same, where the file does not say how

    def matrices(self, but=()):
        return [n for n, t in self.tensors.items()
                if t.ndim == 2 and n not in but and n not in self.parts and n not in self.unknown]  # fmt: skip


def load_network(
    path,
    activation: str | None = None,
    names: Mapping[str, str] | None = None,
    *,
    leak: float | None = None,
    equation: str | None = None,
    library: str | None = None,
    transposed: Iterable[str] = (),
    set_aside: Iterable[str] = (),
) -> RateNetwork:
    """The rate network in a weight file.

    Args:
        path: as for `report.files.read`.
        activation: one of `report.equations.ACTIVATIONS`; None: what the file or its library says, else tanh.
        names: what is each role, {"W_hh": "name", …}, for those that are not known by themselves: names of the
            file, .T, @, *, +, -, / number, abs(…), relu(…) and [row], such as "m @ n.T / 64".
        leak: a = dt / tau in (0, 1].
        equation: one of `report.equations.FORMS`; None: that of the library, else "rate".
        library: whose layout it is, one of `LAYOUTS`; None: the one that the names show.
        transposed: of W_xh, W_hh and W_hy those that the file keeps for row vectors, h @ W.
        set_aside: names, or patterns such as "critic.*", of what is no part of the network.

    Returns:
        RateNetwork, with what was assumed and left out among its notes.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: says what the file holds, what does not fit or is not known, and how to say it.
    """
    found = read(path)
    if found.kind == "safetensors" and ("sha256" in found.facts or "schur_lib" in str(found.facts.get("format"))):
        own = Network.load(path)  # checks what the file holds, its metadata too
        found = Contents(found.kind, own.tensors(), {"activation": own.activation})
    try:
        return network_of(found, activation, names, leak=leak, equation=equation, library=library,
                          transposed=transposed, set_aside=set_aside)  # fmt: skip
    except ValueError as error:
        raise ValueError(f"{Path(path)}: {error}") from error


def network_of(
    found: Contents,
    activation: str | None = None,
    names: Mapping[str, str] | None = None,
    *,
    leak: float | None = None,
    equation: str | None = None,
    library: str | None = None,
    transposed: Iterable[str] = (),
    set_aside: Iterable[str] = (),
) -> RateNetwork:
    """The rate network that tensors by name stand for; see `load_network`."""
    names, transposed = dict(names or {}), tuple(transposed)
    if unknown := [role for role in (*names, *transposed) if role not in ROLES]:
        raise ValueError(f"the roles are {ROLES}, got {unknown}")
    if library not in (None, *LAYOUTS):
        raise ValueError(f"--from must be one of {tuple(LAYOUTS)}, got {library!r}")
    aside, tensors, facts = _without(found, set_aside)
    held = _computed(tensors, facts)
    layout = _layout(held, names, library)
    roles = layout.roles | names
    for role in transposed:
        if role not in REQUIRED:
            raise ValueError(f"--transposed takes {REQUIRED}, got {role!r}")
        if role in names or not roles.get(role, ".T").endswith(".T"):
            roles[role] = f"{roles[role]}.T" if roles[role] in held.tensors else f"({roles[role]}).T"
    if missing := [role for role in REQUIRED if role not in roles]:
        raise ValueError(_refused(held) or f"{', '.join(missing)} not known. {_holds(held)}. {NAME_THEM}")
    values, used = {}, set()
    for role, expression in roles.items():
        if expression in held.parts or expression in held.unknown:
            raise ValueError(
                f"{expression} is not the matrix that acts, which is computed from it: "
                + (f"name {held.parts[expression]}" if expression in held.parts else _refused(held))
            )
        values[role], names_in_it = evaluated(expression, held.tensors)
        used |= names_in_it
    whole = {held.parts[n] for n in used if n in held.parts}  # by its parts in an expression
    left = [n for n in held.tensors if n not in used and n not in held.parts and n not in whole
            and not any(fnmatchcase(n, pattern) for pattern in layout.beside)]  # fmt: skip
    if left:
        raise ValueError(_left_over(held, left, values))
    beside = [n for n in held.tensors if any(fnmatchcase(n, pattern) for pattern in layout.beside) and n not in used]
    values = _shaped(values, roles)
    if found.kind == "onnx" and leak is None:
        leak = 1.0  # its RNN node has none
    how, assumed = _equation(layout, facts, activation, leak, equation)
    computed = sorted({whole for part, whole in held.parts.items() if part not in used and whole in used})
    notes = [
        *(f"Computed from the parts that the file holds: {', '.join(computed)}." for _ in computed[:1]),
        *layout.notes,
        *assumed,
        *(f"Beside the network, and not used: {', '.join(beside)}." for _ in beside[:1]),
        *(f"Set aside as asked: {', '.join(aside)}." for _ in aside[:1]),
    ]
    return RateNetwork(values, how, roles, notes)


def _without(found, patterns):
    """(names set aside, tensors, facts) without what the patterns name; each must name something."""
    patterns, everything = tuple(patterns), {**found.tensors, **found.facts}
    if idle := [p for p in patterns if not any(_named(n, p) for n in everything)]:
        raise ValueError(f"nothing in the file is called {', '.join(idle)}; {described(found)}")
    aside = [n for n in everything if any(_named(n, p) for p in patterns)]
    keep = lambda part: {n: value for n, value in part.items() if n not in aside}  # noqa: E731
    return aside, keep(found.tensors), keep(found.facts)


def _named(name, pattern):
    return name == pattern or fnmatchcase(name, pattern)


def _holds(held):
    return described(Contents("", held.tensors, held.facts)).replace("the file", "The file", 1)


def _shaped(values, roles):
    """Vectors as vectors, matrices upright, all of one dtype."""
    for role in ("b_h", "b_y", "h0"):
        if role in values and sum(n > 1 for n in values[role].shape) <= 1:
            values[role] = values[role].reshape(-1)  # torch's (1, 1, N), a column of MATLAB's
    for role in REQUIRED:
        if role != "W_hh" and values[role].ndim == 1 and len(values[role]) == len(values["W_hh"]):
            values[role] = values[role][:, None] if role == "W_xh" else values[role][None]  # one input, one output
        if values[role].ndim != 2:
            raise ValueError(f"{role} = {roles[role]} must be a matrix, got {tuple(values[role].shape)}")
    double = any(t.dtype == torch.float64 for t in values.values())
    values = {n: t.to(torch.float64 if double else torch.float32).contiguous() for n, t in values.items()}
    n, columns = values["W_hh"].shape
    if n != columns and max(n, columns) in (3 * min(n, columns), 4 * min(n, columns)):
        raise ValueError(_gated(roles["W_hh"], (n, columns)))
    lying = [f"{role} = {roles[role]} {tuple(values[role].shape)}" for role, axis in (("W_xh", 0), ("W_hy", 1))
             if values[role].shape[axis] != n and values[role].shape[1 - axis] == n]  # fmt: skip
    if n == columns and lying:
        raise ValueError(
            f"{' and '.join(lying)} {'lies' if len(lying) == 1 else 'lie'} as for row vectors, h @ W, where N = {n}; "
            f"of W_hh, which is square, no shape tells. Add --transposed where all three multiply from the right (as in "
            "Keras, Flax and much of MATLAB), or --transposed with the roles that do, such as --transposed W_xh W_hy"
        )
    if n == columns and values["W_hy"].shape[1] < n:
        raise ValueError(
            f"W_hy = {roles['W_hy']} is {tuple(values['W_hy'].shape)} and reads {values['W_hy'].shape[1]} of {n} "
            "units, as networks with Dale's law do, whose layers multiply with abs(weight) * mask: save the matrices "
            "that act, W_hh as the forward run has it and W_hy with zeros for the other units"
        )
    return values


def _equation(layout, facts, activation, leak, form):
    """The equation, and what of it was assumed, in sentences."""
    assumed = []
    if layout.library == "nn-brain" and "equation" in layout.asks and form is None:
        raise ValueError(
            "input2h and h2h are names of a leaky network, and a file of its weights tells neither the leak nor where it "
            "stands: add --from nn-brain --leak A (h ← relu((1 − a) h + a (…)), as nn-brain has it), or --equation "
            f"with one of {tuple(FORMS)}, --leak A and --activation"
        )
    told = {n: v for n, v in facts.items() if re.split(r"[./]", n)[-1].lower() in OF_LEAK and _number(v)}
    if leak is None and (leak := layout.leak) is None:
        if "leak" in layout.asks:
            raise ValueError(
                f"the leak a = dt / tau of a network of {layout.library} is not in its file: add --leak A, or --dt and "
                "--tau (1 where there is none)"
            )
        if told:
            said = ", ".join(f"{n} = {v:g}" for n, v in told.items())
            raise ValueError(
                f"the file holds {said}, and does not say how the network uses it: add --leak A (a = dt / tau; 1 for "
                f"none), and --equation with one of {tuple(FORMS)} where the leak stands elsewhere than in 'rate'"
            )
        if "leaky" in [str(v).lower() for n, v in facts.items() if re.split(r"[./]", n)[-1].lower() in OF_ACTIVATION]:
            raise ValueError("the file says that the network is leaky, not by how much: add --leak A (a = dt / tau)")
    form = form or layout.form
    told = layout.told or (_activation(facts) if activation is None else None)
    if activation is None:
        activation = told or layout.activation or "tanh"
        if told is None:
            whose = f", as {layout.library} has by default" if layout.activation else ""
            assumed.append(f"The file does not name the activation: {activation} was assumed{whose}.")
    elif layout.told not in (None, activation):
        assumed.append(f"The file names the activation {layout.told}; {activation} was run, as asked.")
    if leak is None:
        assumed.append("The file does not name a leak: none was assumed.")
    return Equation(activation, 1.0 if leak is None else leak, form, layout.late and form == layout.form), assumed


def _number(value):
    return isinstance(value, int | float) and not isinstance(value, bool)


def _activation(facts):
    """The activation as words beside the weights tell it; None where they do not."""
    for name, value in facts.items():
        last = re.split(r"[./]", name)[-1].lower()
        if last not in OF_ACTIVATION or not isinstance(value, str):
            continue
        word = SAME_WORD.get(value.lower(), value.lower())
        if word in ACTIVATIONS:
            return word
        if last in ("activation", "nonlinearity") and value and value != OBJECT:
            raise ValueError(
                f"the file says {name} = {value[:40]}, and the activations are {tuple(ACTIVATIONS)}: say which with "
                "--activation, or hand the model itself to schur_lib.evaluation"
            )
    return None


# --- matrices that are computed from others -------------------------------------------------------------------


def _computed(tensors, facts):
    """The tensors with those that torch computes from parts: weight norm, spectral norm, pruning.

    Others, such as an orthogonal matrix, are computed by a function that the file does not name.
    """
    tensors, groups = dict(tensors), {}
    for name in tensors:
        new = re.fullmatch(r"(|.*\.)parametrizations\.(\w+)\.(original\d*|\d+\..+)", name)
        old = re.fullmatch(r"(.+)_(orig|mask|u|v|g)", name)
        whole, part = (new[1] + new[2], new[3]) if new else (old[1], old[2]) if old else (None, None)
        if whole is not None and whole not in tensors:
            groups.setdefault(whole, {})[part] = name
    parts, unknown = {}, {}
    for whole, group in groups.items():
        of = {part: tensors[name] for part, name in group.items()}
        match sorted(of):
            case ["original0", "original1"]:
                value = _normed(of["original0"], of["original1"])
            case ["g", "v"]:
                value = _normed(of["g"], of["v"])
            case ["0._u", "0._v", "original"]:
                value = _spectral(of["original"], of["0._u"], of["0._v"])
            case ["orig", "u", "v"]:
                value = _spectral(of["orig"], of["u"], of["v"])
            case ["mask", "orig"]:
                value = of["orig"] * of["mask"] if of["orig"].shape == of["mask"].shape else None
            case _:
                value = None
        if value is not None:
            tensors[whole] = value
            parts |= dict.fromkeys(group.values(), whole)
        elif any(part.startswith("original") for part in of):
            unknown |= dict.fromkeys(group.values(), whole)
    return Held(tensors, facts, parts, unknown)


def _normed(g, v):
    """Weight norm, g v / |v|, the norm over the axes along which g does not vary."""
    if g.ndim not in (0, v.ndim) or any(n not in (1, m) for n, m in zip(g.shape, v.shape, strict=False)):
        return None
    axes = [i for i in range(v.ndim) if g.ndim == 0 or g.shape[i] == 1]
    return v * (g / v.square().sum(axes, keepdim=g.ndim > 0).sqrt())


def _spectral(W, u, v):
    """Spectral norm, W / (uᵀ W v), as an evaluated module has it."""
    return W / (u @ (W @ v)) if W.ndim == 2 and (len(u), len(v)) == tuple(W.shape) else None


def _refused(held):
    """Why a matrix that a parametrization computes cannot be had from the file; "" where there is none."""
    wholes = sorted(set(held.unknown.values()))
    if not wholes:
        return ""
    name = wholes[0]
    return (
        f"{', '.join(wholes)} is computed from {', '.join(sorted(held.unknown))} by a function that the file does not "
        "name (orthogonal, or another parametrization). In the program that wrote it: state = {n: t for n, t in "
        f'model.state_dict().items() if "parametrizations" not in n}}; state["{name}"] = model.{name}.detach(); '
        'torch.save(state, "weights.pt")'
    )


def _left_over(held, left, values):
    """What to do about tensors that no role uses."""
    if message := _refused(held):
        return message
    n = len(values["W_hh"])
    hints = []
    if states := [x for x in left if held.tensors[x].numel() == n and "bias" not in x]:
        hints.append(f"a learned first state is named with --parameter h0={states[0]}")
    if any(re.split(r"[./]", x)[-1].lower() in OF_LEAK for x in left):
        hints.append("the leak is said with --leak A, or --dt and --tau")
    if masks := [x for x in left if held.tensors[x].shape == (n, n)]:
        hints.append(f"a mask or another factor of W_hh goes into an expression, W_hh=NAME * {masks[0]}")
    return (
        f"every tensor of the network must be used: left over {left}. What is no part of it (another head, a counter, "
        f"a second network) is left out with --set-aside {' '.join(left[:3])}{' …' if len(left) > 3 else ''}"
        f"{'; ' if hints else ''}{'; '.join(hints)}. {_holds(held)}"
    )


def _gated(name, shape):
    many, few = max(shape), min(shape)
    kind = "a GRU's" if many == 3 * few else "an LSTM's"
    return (
        f"{name} is {tuple(shape)}, {kind}: from files alone only rate networks with one recurrent matrix are understood; "
        "`schur_lib.evaluation` takes the model itself and the gate, see the chapter 'Bring your own network'"
    )


# --- the layouts: each looks at what a file holds and is None where the names are not its own ---------------------


def _layout(held, names, library):
    """The layout whose names the file shows, or the one that was asked for."""
    all_named = set(REQUIRED) <= set(names)
    for look in [_own, *LAYOUTS.values()] if library is None else [LAYOUTS[library]]:
        try:
            layout = look(held, names, library is not None)
        except ValueError:
            if all_named:
                break
            raise
        if layout is not None:
            return layout
    if library is not None:
        raise ValueError(f"the names are not those of {library}. {_holds(held)}")
    if all_named:
        return Layout("your names", {})
    raise ValueError(
        _refused(held)
        or f"the weights have no recurrent matrix with a known name. Known are {REQUIRED}, those of torch's nn.RNN and "
        f"nn.RNNCell, and of {', '.join(n for n in LAYOUTS if n not in ('names', 'torch'))}. {_holds(held)}. {NAME_THEM}"
    )


def _one_readout(held, used, names, what="W_hy"):
    """The only matrix that is left for the readout."""
    if what in names:
        return names[what]
    there = [n for n in held.matrices(used) if not FIRST_STATE.search(n)]
    if len(there) != 1:
        found = ", ".join(f"{n} {tuple(held.tensors[n].shape)}" for n in there) or "none"
        raise ValueError(
            _refused(held)
            or f"the readout must be one matrix (N_y, N), found {found}. Name it with --parameter W_hy=NAME, and leave the "
            f"other heads out with --set-aside NAME. {_holds(held)}"
        )
    return there[0]


def _start(held, used):
    """{"h0": name} of a first state with a telling name."""
    there = [n for n in held.tensors if FIRST_STATE.search(n) and n not in used]
    return {"h0": there[0]} if len(there) == 1 else {}


def _only(recurrent):
    if len(recurrent) > 1:
        groups = sorted({n.partition(".")[0] if "." in n else n.rpartition("/")[0] for n in recurrent}, key=len)
        raise ValueError(
            f"there are {len(recurrent)} recurrent matrices, {', '.join(recurrent)}. Of several networks (a running average, "
            f"another seed) all but one are left out, --set-aside '{groups[-1]}.*'; of several layers or directions no "
            "report is made from a file, `schur_lib.evaluation` takes the model itself"
        )
    return recurrent[0]


def _torch(held, names, _asked):
    recurrent = [n for n in held.tensors if "weight_hh" in n and n not in held.parts and n not in held.unknown]
    if not recurrent:
        return None
    name = _only(recurrent)
    shape = tuple(held.tensors[name].shape)
    if len(shape) == 2 and shape[0] in (3 * shape[1], 4 * shape[1]):
        raise ValueError(_gated(name, shape))
    before, _, after = name.partition("weight_hh")
    roles = {"W_hh": name}
    if f"{before}weight_ih{after}" in held.tensors:
        roles["W_xh"] = f"{before}weight_ih{after}"
    biases = [f"{before}{bias}{after}" for bias in ("bias_ih", "bias_hh")]
    if all(bias in held.tensors for bias in biases):
        roles["b_h"] = " + ".join(biases)
    roles["W_hy"] = _one_readout(held, {name, roles.get("W_xh")}, names)
    bias = f"{roles['W_hy'].removesuffix('weight')}bias"
    if roles["W_hy"].endswith("weight") and bias in held.tensors:
        roles["b_y"] = bias
    return Layout("torch", roles | _start(held, roles.values()), activation="tanh")


def _own(held, _names, _asked):
    """W_xh, W_hh, W_hy and so on under these very names; the reader of ONNX gives them so too."""
    return Layout("names", {r: r for r in ROLES if r in held.tensors}) if set(REQUIRED) <= set(held.tensors) else None


def _generic(held, names, asked):
    """The names that networks of one's own often have, W_in, W_rec and W_out, whatever stands before them."""
    if own := _own(held, names, asked):
        return own
    roles = {}
    for role, words in ALIASES.items():
        there = [n for n in held.tensors if re.split(r"[./]", n)[-1].lower() in words.split()]
        if len(there) > 1 and role == "W_hh":
            _only(there)
        if len(there) == 1:
            roles[role] = there[0]
    return Layout("names", roles) if set(REQUIRED) <= set(roles) else None


def _keras(held, names, _asked):
    new = r"(.*cell/vars/)1"
    recurrent = [n for n in held.tensors if n.endswith("recurrent_kernel") or re.fullmatch(new, n)]
    recurrent = [n for n in recurrent if not n.startswith("optimizer")]
    if not recurrent:
        return None
    classes, activation, notes = _of_config(held.facts.get("config"))
    if gated := [c for c in classes if c in ("GRU", "LSTM")]:
        shape = tuple(held.tensors[recurrent[0]].shape)
        raise ValueError(f"the model is {gated[0]}; " + _gated(recurrent[0], shape))
    name = _only(recurrent)
    if name.endswith("/1"):
        kernel, bias, dense = name[:-1] + "0", name[:-1] + "2", r"vars/0$"
    else:
        before, dense = name.removesuffix("recurrent_kernel"), r"kernel$"
        kernel, bias = f"{before}kernel", f"{before}bias"
    beside = ("optimizer*", "*seed_generator*", "*metrics*")
    other = {n for n in held.tensors if any(fnmatchcase(n, p) for p in beside) or not re.search(dense, n)}
    readout = _one_readout(held, {name, kernel, *other}, names)
    roles = {"W_xh": f"{kernel}.T", "W_hh": f"{name}.T", "W_hy": readout if "W_hy" in names else f"{readout}.T"}
    b_y = re.sub(r"vars/0$", "vars/1", readout) if readout.endswith("/0") else re.sub(r"kernel$", "bias", readout)
    roles |= {role: n for role, n in (("b_h", bias), ("b_y", b_y)) if n in held.tensors and n != readout}
    _as_kept(held, "Keras", {role: e.removesuffix(".T") for role, e in roles.items() if role not in names})
    return Layout("keras", roles, activation="tanh", told=activation, leak=1.0, beside=beside,
                  notes=tuple(notes))  # fmt: skip


def _of_config(text):
    """(classes of the layers, activation of the SimpleRNN, notes) of a Keras model's config; unknown: ([], None, [])."""
    try:
        layers = json.loads(text)["config"]["layers"] if text else []
        told = [(layer["class_name"], layer["config"]) for layer in layers]
    except (ValueError, KeyError, TypeError):
        return [], None, []
    activation, notes = None, []
    for kind, config in told:
        if kind == "SimpleRNN":
            activation = config.get("activation")
            activation = SAME_WORD.get(activation, activation) if isinstance(activation, str) else "a function of its own"
            if activation not in ACTIVATIONS:
                raise ValueError(f"the SimpleRNN has the activation {activation}; read are {tuple(ACTIVATIONS)}")
            if config.get("go_backwards"):
                raise ValueError("the SimpleRNN runs backwards in time: turn the steps of the data round, and set go_backwards"
                                 " to False in config.json")  # fmt: skip
        elif kind == "Dense" and config.get("activation") not in (None, "linear"):
            if config["activation"] != "softmax":
                raise ValueError(f"the readout has the activation {config['activation']}; a report takes a linear one")
            notes.append("The softmax of the readout is left to the metric, which takes the values before it.")
        elif kind not in ("InputLayer", "Dense", "Dropout", "Masking", "TimeDistributed", "Activation", "GRU", "LSTM",
                          "SpatialDropout1D", "GaussianNoise"):  # fmt: skip
            raise ValueError(f"the model has a layer {kind}, and a report takes one SimpleRNN and one Dense layer")
    return [kind for kind, _ in told], activation, notes


def _as_kept(held, library, kept):
    """Check that a library's kernels lie as it keeps them, for row vectors: somebody may have turned some of them."""
    if "W_hh" not in kept:
        return
    N = len(held.tensors[kept["W_hh"]])
    for role, axis in (("W_xh", 1), ("W_hy", 0)):
        shape = held.tensors[kept[role]].shape if kept.get(role) in held.tensors else (N, N)
        if len(shape) == 2 and shape[axis] != N and shape[1 - axis] == N:
            raise ValueError(
                f"the names are those of {library}, which keeps every kernel for row vectors, h @ W, but {kept[role]} "
                f"{tuple(shape)} has been transposed, and of {kept['W_hh']}, which is square, no shape tells. Name all three: "
                f"--parameter W_xh={kept['W_xh']} --parameter W_hh={kept['W_hh']}.T --parameter W_hy={kept['W_hy']}, "
                "the second without .T if it has been transposed too"
            )


def _flax(held, names, _asked):
    # nnx keeps a parameter's array under "value", and names are joined as the writer liked
    flat = {re.sub(r"/value$", "", n.replace(".", "/")): n for n in held.tensors}
    if any(re.search(r"(^|/)(dense_)?h[fgionrz]/kernel$", n) for n in flat):
        raise ValueError("the names are those of a gated cell of Flax (LSTM or GRU): from files alone only rate networks with "
                         "one recurrent matrix are understood")  # fmt: skip
    recurrent = [n for n in flat if re.search(r"(^|/)(dense_)?h/kernel$", n)]
    if not recurrent:
        return None
    name = _only(recurrent)
    kernel = re.sub(r"h/kernel$", "i/kernel", name)
    if kernel not in flat:
        return None
    beside = ("*rngs*",)
    other = {n for n in held.tensors if not re.search(r"kernel([/.]value)?$", n)}
    readout = _one_readout(held, {flat[name], flat[kernel], *other}, names)
    roles = {"W_xh": f"{flat[kernel]}.T", "W_hh": f"{flat[name]}.T"}
    roles["W_hy"] = readout if "W_hy" in names else f"{readout}.T"
    biases = [flat[n] for n in (re.sub("kernel$", "bias", m) for m in (kernel, name)) if n in flat]
    roles |= {"b_h": " + ".join(biases)} if biases else {}
    b_y = re.sub(r"kernel(?=([/.]value)?$)", "bias", readout)
    roles |= {"b_y": b_y} if b_y in held.tensors and b_y != readout else {}
    _as_kept(held, "Flax", {role: e.removesuffix(".T") for role, e in roles.items() if role not in names})
    return Layout("flax", roles, activation="tanh", leak=1.0, beside=beside,
                  notes=("SimpleCell without its residual option was assumed.",))  # fmt: skip


def _psychrnn(held, _names, _asked):
    t = held.tensors
    if not {"W_in", "W_rec", "W_out"} <= set(t) or not ("Dale_rec" in t or "rec_connectivity" in t):
        return None
    ratio = held.facts.get("dale_ratio", "")
    dale = bool(ratio) if _number(ratio) else ratio == "" and "Dale_rec" in t and bool((t["Dale_rec"] < 0).any())
    roles = {}
    for role, name, mask in (("W_xh", "W_in", "input"), ("W_hh", "W_rec", "rec"), ("W_hy", "W_out", "output")):
        masked = f"{name} * {mask}_connectivity" if f"{mask}_connectivity" in t else name
        signs = {"W_rec": "Dale_rec", "W_out": "Dale_out"}.get(name)
        roles[role] = f"abs({masked})" + (f" @ {signs}" if signs in t else "") if dale else masked
    roles |= {role: n for role, n in (("b_h", "b_rec"), ("b_y", "b_out"), ("h0", "init_state")) if n in t}
    said = "with Dale's law" if dale else "without Dale's law"
    if ratio == OBJECT:
        said += " (dale_ratio is an array of Python objects, as PsychRNN writes None)"
    elif ratio == "":
        said += " (as Dale_rec shows: the file has no dale_ratio)"
    return Layout("psychrnn", roles, activation="relu", form="potential", asks=("leak",),
                  beside=("*/Adam", "*/Adam_1", "*/Momentum", *(() if dale else ("Dale_rec", "Dale_out"))),
                  notes=(f"Read as PsychRNN's Basic network, masks applied, {said}.",))  # fmt: skip


def _trainrnnbrain(held, _names, _asked):
    t, facts = held.tensors, held.facts
    if not {"W_inp", "W_rec", "W_out"} <= set(t) or not {"dt", "tau"} <= set(facts):
        return None
    if facts.get("gamma"):
        raise ValueError(
            f"gamma = {facts['gamma']:g}: the cubic term, − γ h³, is no part of the rate networks that a report is made of; "
            "hand the model itself to schur_lib.evaluation, or train with gamma = 0"
        )
    if facts.get("activation_args/slope", 1.0) != 1.0:
        raise ValueError(f"the activation has the slope {facts['activation_args/slope']:g}; read are networks with slope 1")
    kind = facts.get("equation_type", "s")
    if kind != "s" and not _asked:
        raise ValueError(f"equation_type is {kind!r}; read is 's' by itself, for 'h' say --from names and --equation potential")
    for mask, name in (("input_mask", "W_inp"), ("recurrent_mask", "W_rec"), ("output_mask", "W_out")):
        if mask in t and t[mask].shape == t[name].shape and bool((t[name][t[mask] == 0] != 0).any()):
            raise ValueError(f"{name} is not zero where {mask} is: name the matrices that act, --parameter W_hh='W_rec * "
                             "recurrent_mask' and so on, with --from names")  # fmt: skip
    roles = {"W_xh": "W_inp", "W_hh": "W_rec", "W_hy": "W_out"}
    roles |= {role: n for role, n in (("b_h", "bias"), ("b_h", "bias_rec"), ("h0", "y_init")) if n in t}
    word = str(facts.get("activation_args/name", "")).lower()
    return Layout("trainrnnbrain", roles, told=word if word in ACTIVATIONS else None, late=True,
                  leak=facts["dt"] / facts["tau"], beside=("*_mask", "bias_range"),
                  notes=("Read as trainRNNbrain's equation of type s, whose outputs come one step late: the output of a step is "
                         "read before the step's input is seen (--equation rate: after it).",))  # fmt: skip


def _low_rank(held, _names, _asked):
    t = held.tensors
    factors = {"m", "n"} <= set(t)
    if not {"wi", "wo"} <= set(t) or not (factors or "wrec" in t):
        return None
    n_units = t["wi"].shape[-1]
    W_hy = "(wo * so).T" if "so" in t else "wo.T"
    roles = {
        "W_xh": "wi.T * si" if "si" in t else "wi.T",
        "W_hh": f"m @ n.T / {n_units}" if factors else "wrec",
        "W_hy": f"{W_hy} / {n_units}" if factors else W_hy,
    }
    roles |= {role: n for role, n in (("b_h", "b"), ("h0", "h0")) if n in t}
    return Layout("low-rank", roles, activation="tanh", form="bias-inside", asks=("leak",),
                  notes=("Read as a network of lowrank_inference: gains on inputs and outputs"
                         + (", factors over N." if factors else ", a full matrix."),))  # fmt: skip


def _operative(held, _names, _asked):
    last = {n.rpartition("/")[2].rpartition(".")[2]: n for n in held.tensors}
    if not {"n_Wru_v", "n_Wrr_n", "m_Wzr_n"} <= set(last):
        return None
    _only([n for n in held.tensors if n.endswith("n_Wrr_n")])
    turn = ".T" if "n_bx_1" not in last or held.tensors[last["n_bx_1"]].shape[0] == 1 else ""
    roles = {role: last[n] + turn for role, n in (("W_xh", "n_Wru_v"), ("W_hh", "n_Wrr_n"), ("W_hy", "m_Wzr_n"))}
    roles |= {role: last[n] for role, n in (("b_h", "n_bx_1"), ("b_y", "m_bz_1"), ("h0", "n_x0_c")) if n in last}
    if "h0" in roles and "h0" not in _names and min(held.tensors[roles["h0"]].shape) > 1:
        name = roles["h0"] + ("" if turn else ".T")
        count = min(held.tensors[roles["h0"]].shape)
        raise ValueError(f"{roles['h0']} holds {count} first states, one a context: take one, --parameter 'h0={name}[0]'")
    return Layout("operative-dimensions", roles, activation="tanh", form="potential", asks=("leak",))


def _nn_brain(held, names, asked):
    recurrent = [n for n in held.tensors if re.search(r"(^|\.)h2h\.weight$", n)]
    if not recurrent:
        return None
    name = _only(recurrent)
    before = name.removesuffix("h2h.weight")
    if f"{before}input2h.weight" not in held.tensors:
        return None
    roles = {"W_xh": f"{before}input2h.weight", "W_hh": name}
    biases = [n for n in (f"{before}input2h.bias", f"{before}h2h.bias") if n in held.tensors]
    roles |= {"b_h": " + ".join(biases)} if biases else {}
    roles["W_hy"] = _one_readout(held, set(roles.values()), names)
    bias = f"{roles['W_hy'].removesuffix('weight')}bias"
    roles |= {"b_y": bias} if bias in held.tensors and roles["W_hy"].endswith("weight") else {}
    return Layout("nn-brain", roles, activation="relu" if asked else None, form="inside", asks=("leak",) if asked else (
        "leak", "equation"), notes=("h2h.weight is taken as it stands; a layer with Dale's law multiplies with abs(weight) * mask, "
                                    "which is not in the file.",))  # fmt: skip


LAYOUTS: dict[str, Callable] = {
    "keras": _keras,
    "flax": _flax,
    "psychrnn": _psychrnn,
    "trainrnnbrain": _trainrnnbrain,
    "low-rank": _low_rank,
    "operative-dimensions": _operative,
    "nn-brain": _nn_brain,
    "torch": _torch,
    "names": _generic,
}
