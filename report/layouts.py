"""How each library keeps a rate network in its files: under which names, in which shapes, by which equation.

A *layout* looks at what a file holds. It is None where the names are not its own, and a ValueError where they are,
but the file holds what no report can be made of.
"""

import json
import os
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from torch import Tensor

from report.equations import ACTIVATIONS
from report.files import OBJECT, Contents, described
from schur_lib.networks import OPTIONAL, REQUIRED

ROLES = REQUIRED + OPTIONAL
# A first state, under the names that people give it.
FIRST_STATE = re.compile(
    r"(^|[./_])([hxr]_?0|(h|hidden|state|y)_?(init|start)\w*|(init|start)\w*_(state|hidden|h)\w*|initial\w*)$",
    re.IGNORECASE,
)
ALIASES = {
    "W_xh": ("w_xh", "w_in", "w_inp", "win", "w_ih"),
    "W_hh": ("w_hh", "w_rec", "wrec", "w_res"),
    "W_hy": ("w_hy", "w_out", "wout", "w_ho"),
    "b_h": ("b_h", "b_rec", "b_hh"),
    "b_y": ("b_y", "b_out"),
    "h0": ("h0", "h_0", "x0", "init_state", "h_init", "y_init"),
}
# TensorFlow keeps what its optimisers remember beside each weight, under their names.
OPTIMISERS = ("Adam", "RMSProp", "Momentum", "Adagrad", "Adadelta", "Ftrl")
SAME_WORD = {"linear": "identity", "none": "identity", "rectified": "relu", "logistic": "sigmoid"}
GATED = (
    "from files alone only rate networks with one recurrent matrix are understood; `schur_lib.evaluation` takes "
    "the "
    "model itself and the gate, see the chapter 'Bring your own network'"
)


@dataclass(frozen=True)
class Layout:
    """How a file keeps a network.

    Fields:
        library: whose layout it is.
        roles: from what each role is made, as expressions in the names of the file.
        activation: what the library uses where nothing else is said; None: nothing is known of it.
        told: the activation that the file names.
        form, late: of the equation.
        leak: as the file or the kind of layer tells it.
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
    """What a file holds: tensors by name, facts beside them, and which tensors are but parts of others.

    Fields:
        tensors, facts: see `report.files.Contents`; those that are computed from parts are among the tensors.
        parts: the tensor that is computed from it, by the name of a part.
        unknown: the same, where the file does not say how it is computed.
    """

    tensors: dict[str, Tensor]
    facts: dict[str, Any]
    parts: dict[str, str] = field(default_factory=dict)
    unknown: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return described(Contents("", self.tensors, self.facts)).replace("the file", "The file", 1)

    def refusal(self) -> str:
        """Why a computed matrix cannot be had from the file, and how to save it; "" where there is none."""
        if not self.unknown:
            return ""
        wholes = sorted(set(self.unknown.values()))
        return (
            f"{', '.join(wholes)} is computed from {', '.join(sorted(self.unknown))} by a function that the file "
            "does "
            "not name (orthogonal, or another parametrization). In the program that wrote it: state = {n: t for "
            "n, t "
            f'in model.state_dict().items() if "parametrizations" not in n}}; state["{wholes[0]}"] = '
            f'model.{wholes[0]}.detach(); torch.save(state, "weights.pt")'
        )

    def called(self, pattern: str) -> list[str]:
        """The names in which a pattern is found, without parts."""
        return [n for n in self.tensors if re.search(pattern, n) and n not in self.parts and n not in self.unknown]


def computed(tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> Held:
    """What a file holds, with the tensors that torch computes from parts: weight norm, spectral norm, pruning."""
    tensors, groups = dict(tensors), {}
    for name in tensors:
        new = re.fullmatch(r"(|.*\.)parametrizations\.(\w+)\.(original\d*|\d+\..+)", name)
        old = re.fullmatch(r"(.+)_(orig|mask|u|v|g)", name)
        whole, part = (new[1] + new[2], new[3]) if new else (old[1], old[2]) if old else (None, None)
        if whole is not None and whole not in tensors:
            groups.setdefault(whole, {})[part] = name
    parts, unknown = {}, {}
    for whole, group in groups.items():
        of, value = {part: tensors[name] for part, name in group.items()}, None
        match sorted(of):
            case ["original0", "original1"]:
                value = _normed(of["original0"], of["original1"])
            case ["g", "v"]:
                value = _normed(of["g"], of["v"])
            case ["0._u", "0._v", "original"]:
                value = _spectral(of["original"], of["0._u"], of["0._v"])
            case ["orig", "u", "v"]:
                value = _spectral(of["orig"], of["u"], of["v"])
            case ["mask", "orig"] if of["orig"].shape == of["mask"].shape:
                value = of["orig"] * of["mask"]
        if value is not None:
            tensors[whole] = value
            parts |= dict.fromkeys(group.values(), whole)
        elif any(part.startswith("orig") for part in of):
            unknown |= dict.fromkeys(group.values(), whole)
    return Held(tensors, dict(facts), parts, unknown)


def _normed(g, v):
    """Weight norm, g v / |v|, the norm over the axes along which g does not vary; None where the shapes differ."""
    if g.ndim not in (0, v.ndim) or any(n not in (1, m) for n, m in zip(g.shape, v.shape, strict=False)):
        return None
    axes = [i for i in range(v.ndim) if g.ndim == 0 or g.shape[i] == 1]
    return v * (g / v.square().sum(axes, keepdim=g.ndim > 0).sqrt())


def _spectral(W, u, v):
    """Spectral norm, W / (uᵀ W v), as an evaluated module has it; None where the shapes differ.

    Torch takes Wᵀ with dim=1. Of a square W no shape tells, but u and v belong to the largest singular value.
    """
    norms = [u @ M @ v for M in (W, W.T) if W.ndim == 2 and (*u.shape, *v.shape) == M.shape]
    return W / max(norms, key=abs) if norms else None


def gated(name: str, shape: Collection[int]) -> str:
    """Why a matrix of this shape is refused."""
    kind = "a GRU's" if max(shape) == 3 * min(shape) else "an LSTM's"
    return f"{name} is {tuple(shape)}, {kind}: {GATED}"


def layout_of(held: Held, names: Mapping[str, str], library: str | None) -> Layout:
    """The layout whose names the file shows, or the one that is asked for.

    Args:
        held: what the file holds.
        names: what was named, by role; the layout need not find it.
        library: one of `LAYOUTS`; None: the first that fits.
    """
    all_named = set(REQUIRED) <= set(names)
    for look in [_own, *LAYOUTS.values()] if library is None else [LAYOUTS[library]]:
        try:
            layout = look(held, names, library is not None)
        except ValueError:
            if all_named:  # by somebody who knows better
                break
            raise
        if layout is not None:
            return layout
    if library is not None:
        raise ValueError(f"the names are not those of {library}. {held}")
    if all_named:
        return Layout("names", {})
    known = ", ".join(n for n in LAYOUTS if n not in ("names", "torch"))
    raise ValueError(
        held.refusal()
        or f"the weights have no recurrent matrix with a known name. Known are {REQUIRED}, those of torch's "
        "nn.RNN and "
        f"nn.RNNCell, and of {known}. {held}. {NAME_THEM}"
    )


NAME_THEM = (
    "Name them with --parameter W_xh=NAME --parameter W_hh=NAME --parameter W_hy=NAME, and b_h, b_y, h0 where "
    "there "
    "are such (from Python: names={'W_hh': …}); what is no part of the network is left out with --set-aside NAME"
)


def _only(recurrent):
    """The only recurrent matrix."""
    if len(recurrent) > 1:
        shared = re.match(r"(.*[./])?", os.path.commonprefix(recurrent))[0]
        ends = [name[len(shared) :] for name in recurrent]
        several = ""
        if all(re.search(r"[./]", end) for end in ends):  # else they are layers or directions of one module
            others = f"{shared}{re.split(r'[./]', ends[-1])[0]}"
            several = (
                f"Of several networks (a running average, another seed) all but one are left out, --set-aside "
                f"'{others}*'; of"
            )
        raise ValueError(
            f"there are {len(recurrent)} recurrent matrices, {', '.join(recurrent)}. {several or 'Of'} several "
            "layers or directions no report is made from a file, `schur_lib.evaluation` takes the model itself"
        )
    return recurrent[0]


def _readout(held, used, names, of="", bias=("weight$", "bias")):
    """({"W_hy": …, "b_y": …}, name of the readout): the only matrix that is left, and the bias with its name."""
    there = [
        n for n in held.called(of) if held.tensors[n].ndim == 2 and n not in (*used, names.get("h0"))
        and not FIRST_STATE.search(n)
    ]  # fmt: skip
    name = names.get("W_hy") or (there[0] if len(there) == 1 else None)
    if name is None:
        found = ", ".join(f"{n} {tuple(held.tensors[n].shape)}" for n in there) or "none"
        rows = [n for n in there if len(held.tensors[n]) == 1 and not n.endswith("weight")]
        state = f", name a learned first state with --parameter h0={rows[0]}" if len(there) > 1 and rows else ""
        raise ValueError(
            held.refusal()
            or f"the readout must be one matrix (N_y, N), found {found}. Name it with --parameter W_hy=NAME"
            f"{state}, and leave other heads out with --set-aside NAME. {held}"
        )
    beside = re.sub(*bias, name)
    return {"W_hy": name} | ({"b_y": beside} if beside != name and beside in held.tensors else {})


def _own(held, _names, _asked):
    """W_xh, W_hh, W_hy and so on under these very names; the reader of ONNX gives them so too."""
    return (
        Layout("names", {r: r for r in ROLES if r in held.tensors}) if set(REQUIRED) <= set(held.tensors) else None
    )


def _generic(held, names, asked):
    """The names that networks of one's own often have, W_in, W_rec and W_out, whatever stands before them."""
    if own := _own(held, names, asked):
        return own
    roles = {}
    for role, words in ALIASES.items():
        there = [n for n in held.tensors if re.split(r"[./]", n)[-1].lower() in words]
        if len(there) == 1 or (there and role == "W_hh"):
            roles[role] = _only(there)
    return Layout("names", roles) if set(REQUIRED) <= set(roles) else None


def _torch(held, names, _asked):
    if not (recurrent := held.called("weight_hh")):
        return None
    name = _only(recurrent)
    shape = tuple(held.tensors[name].shape)
    if len(shape) == 2 and shape[0] in (3 * shape[1], 4 * shape[1]):
        raise ValueError(gated(name, shape))
    before, _, after = name.partition("weight_hh")
    kernel, *biases = (f"{before}{part}{after}" for part in ("weight_ih", "bias_ih", "bias_hh"))
    roles = {"W_hh": name} | ({"W_xh": kernel} if kernel in held.tensors else {})
    biases = [b for b in biases if b in held.tensors]  # a cell of one's own may have but one
    roles |= {"b_h": " + ".join(biases)} if biases else {}
    roles |= _readout(held, {name, kernel}, names)
    start = [n for n in held.called(FIRST_STATE.pattern) if n not in roles.values()]
    return Layout("torch", roles | ({"h0": start[0]} if len(start) == 1 else {}), activation="tanh")


def _nn_brain(held, names, asked):
    recurrent = [n for n in held.called(r"(^|\.)h2h\.weight$") if n.replace("h2h", "input2h") in held.tensors]
    if not recurrent:
        return None
    name = _only(recurrent)
    kernel = name.replace("h2h.weight", "input2h.weight")
    biases = [n for n in (kernel.replace("weight", "bias"), name.replace("weight", "bias")) if n in held.tensors]
    roles = {"W_xh": kernel, "W_hh": name} | ({"b_h": " + ".join(biases)} if biases else {})
    return Layout(
        "nn-brain",
        roles | _readout(held, {name, kernel}, names),
        activation="relu" if asked else None,
        form="inside",
        asks=("leak",) if asked else ("leak", "equation"),
        notes=(
            "h2h.weight is taken as it stands; a layer with Dale's law multiplies with abs(weight) * mask, which "
            "is "
            "not in the file.",
        ),
    )


def _keras(held, names, _asked):
    recurrent = [n for n in held.called(r"recurrent_kernel$|(^|/)cell/vars/1$") if not n.startswith("optimizer")]
    if not recurrent:
        return None
    classes, told, notes = _of_config(held.facts.get("config"))
    if set(classes) & {"GRU", "LSTM"}:
        raise ValueError(gated(recurrent[0], held.tensors[recurrent[0]].shape))
    name = _only(recurrent)
    # Keras 3 counts the variables of a layer, older files name them
    new = name.endswith("/1")
    kernel, bias = (name[:-1] + "0", name[:-1] + "2") if new else (
        name.replace("recurrent_kernel", part) for part in ("kernel", "bias"))  # fmt: skip
    beside = ("optimizer*", "*seed_generator*", "*metrics*")
    other = {n for n in held.tensors if any(fnmatchcase(n, p) for p in beside)}
    of, b_y = (r"vars/0$", ("vars/0$", "vars/1")) if new else (r"kernel$", ("kernel$", "bias"))
    readout = _readout(held, {name, kernel, *other}, names, of, b_y)
    roles = {"W_xh": kernel, "W_hh": name} | readout | ({"b_h": bias} if bias in held.tensors else {})
    roles = _for_rows(held, "Keras", roles, names)
    return Layout("keras", roles, activation="tanh", told=told, leak=1.0, beside=beside, notes=notes)


def _for_rows(held, library, roles, names):
    """Roles whose matrices a library keeps for row vectors, h @ W, turned; somebody may have turned some."""
    N = len(held.tensors[roles["W_hh"]])
    for role, axis in (("W_xh", 1), ("W_hy", 0)):
        shape = tuple(held.tensors[roles[role]].shape) if roles[role] in held.tensors else ()
        if not set(names) & {role, "W_hh"} and len(shape) == 2 and shape[axis] != N and shape[1 - axis] == N:
            raise ValueError(
                f"the names are those of {library}, which keeps every matrix for row vectors, h @ W, but "
                f"{roles[role]} "
                f"{shape} has been transposed, and of {roles['W_hh']}, which is square, no shape tells. Name all "
                "three: "
                f"--parameter W_xh={roles['W_xh']} --parameter W_hh={roles['W_hh']}.T --parameter "
                f"W_hy={roles['W_hy']}, "
                "the second without .T if it has been transposed too"
            )
    return {role: f"{name}.T" if role in REQUIRED and role not in names else name for role, name in roles.items()}


def _of_config(text):
    """(classes of the layers, activation of the SimpleRNN or None, notes) of the config that a Keras model has."""
    try:
        told = (
            [(layer["class_name"], layer["config"]) for layer in json.loads(text)["config"]["layers"]]
            if text
            else []
        )
    except (ValueError, KeyError, TypeError):
        return (), None, ()
    activation, notes = None, ()
    # a layer that is applied to each step stands within a TimeDistributed
    within = [(part["class_name"], part["config"]) for kind, config in told
              if kind == "TimeDistributed" and isinstance(part := config.get("layer"), dict)]  # fmt: skip
    for kind, config in told + within:
        word = config.get("activation")
        if kind == "SimpleRNN":
            activation = SAME_WORD.get(word, word) if isinstance(word, str) else "a function of its own"
            if activation not in ACTIVATIONS:
                raise ValueError(f"the SimpleRNN has the activation {activation}; read are {tuple(ACTIVATIONS)}")
            if config.get("go_backwards"):
                raise ValueError("the SimpleRNN runs backwards in time, and a report runs networks forwards only")
        elif kind == "Dense" and word == "softmax":
            notes = ("The softmax of the readout is left to the metric, which takes the values before it.",)
        elif kind in ("Dense", "Activation") and word not in (None, "linear"):
            raise ValueError(f"the readout has the activation {word}, and a report takes a linear one")
        elif kind == "Masking":
            raise ValueError(
                f"the model has a layer Masking, which skips the steps whose inputs are all "
                f"{config.get('mask_value', 0)}, and a report runs every step: where the data have no such steps, "
                "name all three matrices, --parameter W_hh=NAME.T and so on"
            )
        elif kind not in ("InputLayer", "Dense", "Dropout", "SpatialDropout1D", "GaussianNoise", "TimeDistributed",
                          "Activation", "GRU", "LSTM"):  # fmt: skip
            raise ValueError(f"the model has a layer {kind}, and a report takes one SimpleRNN and one Dense layer")
    return tuple(kind for kind, _ in told), activation, notes


def _flax(held, names, _asked):
    end = r"kernel(/value|\.value)?$"  # nnx may keep the array of a parameter under "value"
    if held.called(rf"(^|[./])(dense_)?h[fgionrz][./]{end}"):
        raise ValueError(f"the names are those of an LSTM or GRU of Flax: {GATED}")
    beside = ("*rngs*", "opt_state*")
    of_others = {n for n in held.tensors if any(fnmatchcase(n, p) for p in beside)}
    recurrent = [n for n in held.called(rf"(^|[./])(dense_)?h[./]{end}") if n not in of_others]
    inward = {n: re.sub(rf"h(?=[./]{end})", "i", n) for n in recurrent}
    recurrent = [n for n in recurrent if inward[n] in held.tensors]
    if not recurrent:
        return None
    name = _only(recurrent)
    kernel, to_bias = inward[name], (r"kernel(?=([./]value)?$)", "bias")
    biases = [n for n in (re.sub(*to_bias, n) for n in (kernel, name)) if n in held.tensors]
    roles = {"W_xh": kernel, "W_hh": name} | ({"b_h": " + ".join(biases)} if biases else {})
    readout = _readout(held, {name, kernel, *of_others}, names, end, to_bias)
    return Layout(
        "flax",
        _for_rows(held, "Flax", roles | readout, names),
        activation="tanh",
        leak=1.0,
        beside=beside,
        notes=("Read as a SimpleCell without its residual option.",),
    )


def _psychrnn(held, _names, _asked):
    t = held.tensors
    if not {"W_in", "W_rec", "W_out"} <= set(t) or not {"Dale_rec", "rec_connectivity"} & set(t):
        return None
    ratio = held.facts.get("dale_ratio", "")
    shown = "Dale_rec" in t and bool((t["Dale_rec"] < 0).any())
    dale = shown if ratio == "" else ratio != OBJECT and bool(ratio)
    roles = {}
    for role, name, mask in (("W_xh", "W_in", "input"), ("W_hh", "W_rec", "rec"), ("W_hy", "W_out", "output")):
        roles[role] = f"{name} * {mask}_connectivity" if f"{mask}_connectivity" in t else name
        signs = name.replace("W_", "Dale_")
        if dale:
            roles[role] = f"abs({roles[role]})" + (f" @ {signs}" if signs in t else "")
    roles |= {role: n for role, n in (("b_h", "b_rec"), ("b_y", "b_out"), ("h0", "init_state")) if n in t}
    said = f"Read as PsychRNN's Basic network, masks applied, {'with' if dale else 'without'} Dale's law"
    if ratio == OBJECT:
        said += " (dale_ratio is an array of Python objects, as PsychRNN writes None)"
    elif ratio == "":
        shows = "as Dale_rec shows" if "Dale_rec" in t else "nothing in the file tells of it"
        said += f" ({shows}; the file has no dale_ratio)"
    return Layout(
        "psychrnn",
        roles,
        activation="relu",
        form="potential",
        asks=("leak",),
        beside=(*(f"*/{rule}*" for rule in OPTIMISERS), *(() if dale else ("Dale_rec", "Dale_out"))),
        notes=(f"{said}.",),
    )


def _trainrnnbrain(held, _names, _asked):
    t, facts = held.tensors, held.facts
    if not {"W_inp", "W_rec", "W_out"} <= set(t) or not {"dt", "tau"} <= set(facts):
        return None
    if facts.get("gamma"):
        raise ValueError(
            f"gamma = {facts['gamma']:g}: the cubic term, − γ h³, is no part of the rate networks that a report "
            "is made "
            "of; hand the model itself to schur_lib.evaluation, or train with gamma = 0"
        )
    if (slope := facts.get("activation_args/slope", 1.0)) != 1.0:
        raise ValueError(f"the activation has the slope {slope:g}, and read are networks with slope 1")
    if (kind := facts.get("equation_type", "s")) != "s":
        raise ValueError(
            f"equation_type is {kind!r}, and 's' is read; name the rest: --from names --equation potential"
        )
    for mask, name in (("input_mask", "W_inp"), ("recurrent_mask", "W_rec"), ("output_mask", "W_out")):
        if mask in t and t[mask].shape == t[name].shape and bool((t[name][t[mask] == 0] != 0).any()):
            raise ValueError(
                f"{name} is not zero everywhere where {mask} is: name what acts, such as --from names --parameter "
                f"'W_hh={name} * {mask}'"
            )
    roles = {"W_xh": "W_inp", "W_hh": "W_rec", "W_hy": "W_out"}
    roles |= {role: n for role, n in (("b_h", "bias"), ("b_h", "bias_rec"), ("h0", "y_init")) if n in t}
    word = str(facts.get("activation_args/name", "")).lower()
    return Layout(
        "trainrnnbrain",
        roles,
        told=word if word in ACTIVATIONS else None,
        late=True,
        leak=facts["dt"] / facts["tau"],
        beside=("*_mask", "bias_range"),
        notes=(
            "Read as trainRNNbrain's equation of type s, whose outputs come one step late: the output of a step "
            "is read "
            "before the step's input is seen (with --equation rate after it).",
        ),
    )


def _low_rank(held, _names, _asked):
    t = held.tensors
    factors = {"m", "n"} <= set(t)
    if not {"wi", "wo"} <= set(t) or not (factors or "wrec" in t):
        return None
    over = f" / {t['wi'].shape[-1]}" if factors else ""
    roles = {
        "W_xh": "wi.T * si" if "si" in t else "wi.T",
        "W_hh": f"m @ n.T{over}" if factors else "wrec",
        "W_hy": ("(wo * so).T" if "so" in t else "wo.T") + over,
    }
    roles |= {role: n for role, n in (("b_h", "b"), ("h0", "h0")) if n in t}
    what = "factors over N" if factors else "a full matrix"
    return Layout(
        "low-rank",
        roles,
        activation="tanh",
        form="bias-inside",
        asks=("leak",),
        notes=(f"Read as a network of lowrank_inference: gains on inputs and outputs, {what}.",),
    )


def _operative(held, names, _asked):
    if not (recurrent := held.called(r"(^|[./])n_Wrr_n$")):
        return None
    before = _only(recurrent).removesuffix("n_Wrr_n")
    of = {
        "W_xh": "n_Wru_v",
        "W_hh": "n_Wrr_n",
        "W_hy": "m_Wzr_n",
        "b_h": "n_bx_1",
        "b_y": "m_bz_1",
        "h0": "n_x0_c",
    }
    roles = {role: before + n for role, n in of.items() if before + n in held.tensors}
    # as MATLAB wrote it every matrix lies on its side; the bias, a column, shows it
    aside = "b_h" not in roles or held.tensors[roles["b_h"]].shape[0] == 1
    roles |= {role: f"{roles[role]}.T" for role in REQUIRED if role in roles and aside}
    if "h0" in roles and "h0" not in names and (n := min(held.tensors[roles["h0"]].shape)) > 1:
        one = roles["h0"] + ("" if aside else ".T")
        raise ValueError(
            f"{roles['h0']} holds {n} first states, one a context: take one, --parameter 'h0={one}[0]'"
        )
    return Layout("operative-dimensions", roles, activation="tanh", form="potential", asks=("leak",))


LAYOUTS: dict[str, Callable[[Held, Mapping[str, str], bool], Layout | None]] = {
    "torch": _torch,
    "keras": _keras,
    "flax": _flax,
    "psychrnn": _psychrnn,
    "nn-brain": _nn_brain,
    "trainrnnbrain": _trainrnnbrain,
    "low-rank": _low_rank,
    "operative-dimensions": _operative,
    "names": _generic,
}
