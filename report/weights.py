"""Which network a weight file holds, with all that can be wrong said before long work starts.

Nothing is guessed in silence: what a file does not tell is asked for, or assumed and said on the page.
"""

import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

import torch

from report.equations import ACTIVATIONS, FORMS, Equation, RateNetwork
from report.expressions import evaluated
from report.files import LIST, UNREAD, Contents, described, read
from report.layouts import ALIASES, FIRST_STATE, LAYOUTS, NAME_THEM, ROLES, SAME_WORD, computed, gated, layout_of
from schur_lib.networks import REQUIRED, Network

# Last words of names under which people keep the settings of a network.
KIND = r"(act|activation|non_?lin(earity)?|transfer)(_?(fn|fun|func|function|name|type))?"
OF_ACTIVATION = re.compile(rf"(rnn_|hidden_|recurrent_)?{KIND}|phi|kind|mode")
OF_OUTPUT = re.compile(rf"(out|output|readout)_?{KIND}|{KIND}_?(out|output|readout)")
# As words for anything else they are rare.
SOUNDS_LIKE_ONE = re.compile(r"(\w+\.)*(relu|tanh|sigmoid|softplus|elu|selu|gelu|silu|leaky_?relu)(\(\))?", re.I)
# What a rate network of a report has not, where the file says that its network has it.
SWITCH = re.compile(
    r"((use|is|has|with|apply)_)?(residual|skip(_connections?)?|(layer|batch)_?norm(ali[sz]ation)?|dale\w*|ei|"
    r"bidirectional)"
)
OF_LAYERS = re.compile(r"(num|n)_(rnn_)?layers|depth")
OF_LEAK = re.compile(r"leak\w*|alpha(_[hrns]\w*)?|decay|dt\w*|delta_?t|tau\w*|(membrane_)?time_?const\w*")
MATRICES = {word for role in REQUIRED for word in ALIASES[role]}
LEAKY = re.compile(r"leaky(?!_?relu)|ctrnn|continuous.?time", re.IGNORECASE)
OF_NOISE = re.compile(r"noise|^sigma", re.IGNORECASE)


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
        names: what is each role, {"W_hh": "name", …}, of those that are not known by themselves; a name, or an
            expression in names such as "m @ n.T / 64", see `report.expressions`.
        leak: a = dt / tau in (0, 1].
        equation: one of `report.equations.FORMS`; None: that of the library, else "rate".
        library: whose layout it is, one of `report.layouts.LAYOUTS`; None: the one that the names show.
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
    if wrong := [role for role in names if role not in ROLES] + [
        role for role in transposed if role not in REQUIRED
    ]:
        raise ValueError(f"the roles are {ROLES}, of which {REQUIRED} can be transposed; got {wrong}")
    if library not in (None, *LAYOUTS):
        raise ValueError(f"--from must be one of {tuple(LAYOUTS)}, got {library!r}")
    aside = _aside({**found.tensors, **found.facts}, set_aside, found)
    facts = {n: value for n, value in found.facts.items() if n not in aside}
    # one output has a bias of one number, which JSON, MATLAB and NumPy may keep as such
    single = {n: torch.tensor([float(v)]) for n, v in facts.items() if _number(v) and _is_vector(n)}
    tensors = {n: t for n, t in (found.tensors | single).items() if n not in aside}
    held = computed(tensors, {n: value for n, value in facts.items() if n not in single})
    if lost := [n for n, v in facts.items() if v in UNREAD and (_is_vector(n) or _last(n) in MATRICES)]:
        raise ValueError(
            f"{lost[0]} is {facts[lost[0]]}: save it as real numbers, numpy.asarray({lost[0]}, float), or leave "
            f"it out with --set-aside {lost[0]}"
        )
    layout = layout_of(held, names, library)
    roles = layout.roles | names
    for role in transposed:
        if role in names or not roles.get(role, ".T").endswith(".T"):  # a layout that knows it has turned it
            roles[role] = f"{roles[role]}.T" if roles[role] in held.tensors else f"({roles[role]}).T"
    if missing := [role for role in REQUIRED if role not in roles]:
        raise ValueError(held.refusal() or f"{', '.join(missing)} not known. {held}. {NAME_THEM}")
    values, used = {}, set()
    for role, expression in roles.items():
        if expression in held.unknown:
            raise ValueError(f"{expression} is not the matrix that acts: {held.refusal()}")
        if expression in held.parts:
            raise ValueError(
                f"{expression} is not the matrix that acts, which is computed from it: name "
                f"{held.parts[expression]}"
            )
        values[role], names_in_it = evaluated(expression, held.tensors)
        used |= names_in_it
    wholes = {held.parts[n] for n in used if n in held.parts}  # written out by their parts in an expression
    rest = [n for n in held.tensors if n not in used and n not in held.parts and n not in wholes]
    beside = [n for n in rest if any(fnmatchcase(n, pattern) for pattern in layout.beside)]
    if left := [n for n in rest if n not in beside]:
        raise ValueError(_left_over(held, left, len(values["W_hh"]), roles))
    values = _shaped(values, roles, held.tensors)
    if layout.library != "psychrnn":
        _no_other_network(facts)
    if found.kind == "onnx" and leak is None:
        leak = 1.0  # its RNN node has none
    how, said = _equation(layout, facts, activation, leak, equation)
    made = sorted({whole for part, whole in held.parts.items() if whole in used})
    notes = [*layout.notes, *said]
    unread = [n for n, value in facts.items() if value in UNREAD and value != LIST and n != "dale_ratio"]
    for what, which in (("Computed from the parts that the file holds", made),
                        ("Beside the network, and not used", beside), ("Set aside as asked", aside),
                        ("In the file, and not read, being no real numbers", unread)):  # fmt: skip
        notes += [f"{what}: {', '.join(which)}."] if which else []
    return RateNetwork(values, how, roles, notes)


def _aside(everything, patterns, found):
    """The names that patterns single out; each must single out something."""
    patterns = tuple(patterns)
    fits = {p: [n for n in everything if n == p or fnmatchcase(n, p)] for p in patterns}
    if idle := [p for p, there in fits.items() if not there]:
        raise ValueError(f"nothing is called {', '.join(idle)}, which is to be set aside; {described(found)}")
    return [n for n in everything if any(n in there for there in fits.values())]


def _no_other_network(facts):
    """ValueError where the file says of its network what no network of a report is."""
    for name, value in facts.items():
        last, off = _last(name), str(value).lower() in ("", "0", "false", "no", "none", "null")
        several = OF_LAYERS.fullmatch(last) and _number(value) and value > 1
        if several or SWITCH.fullmatch(last) and not off and value not in UNREAD:
            raise ValueError(
                f"the file says {name} = {value}, and a report runs one plain layer, its matrices as they stand: "
                "hand the model itself to schur_lib.evaluation, or, where the matrices in the file are those that "
                f"act (else --parameter 'W_hh=abs(NAME) * MASK' and such), --set-aside {name}"
            )
        word = SAME_WORD.get(str(value).lower(), str(value).lower())
        if OF_OUTPUT.fullmatch(last) and not off and word not in ("identity", "softmax"):
            raise ValueError(
                f"the file says {name} = {value}, and a report takes a linear readout: where the targets are what "
                f"stands before it, --set-aside {name}"
            )


def _is_vector(name):
    """Whether a bias or a first state is called so."""
    last = _last(name)
    return (
        last.endswith("bias") or FIRST_STATE.search(last) or any(last in ALIASES[r] for r in ("b_h", "b_y", "h0"))
    )


def _left_over(held, left, n, roles):
    """What to do about tensors that no role uses."""
    hints = []
    leaks = [x for x in left if OF_LEAK.fullmatch(_last(x))]
    biases = [x for x in left if x not in leaks and held.tensors[x].ndim == 1
              and _last(x).startswith("b") and "mask" not in x]  # fmt: skip
    states = [x for x in left if held.tensors[x].numel() == n and x not in leaks + biases]
    if states := [x for x in states if not x.endswith("weight")]:
        hints.append(f"a learned first state is named with --parameter h0={states[0]}")
    if biases:
        free = {x: "b_h" if held.tensors[x].numel() == n else "b_y" for x in biases}
        free = [f"--parameter {role}={x}" for x, role in free.items() if role not in roles][:2]
        hints += [f"biases are named with {' '.join(free)}"] if free else []
    if leaks:
        hints.append("the leak is said with --leak A, or --dt and --tau; a report takes one for all units")
    if masks := [x for x in left if held.tensors[x].shape == (n, n)]:
        hints.append(f"a mask or another factor goes into an expression, --parameter 'W_hh=NAME * {masks[0]}'")
    return held.refusal() or (
        f"every tensor of the network must be used: left over {left}. What is no part of it (another head, a "
        "counter, "
        f"a second network) is left out with --set-aside {' '.join(left[:3])}{' …' if len(left) > 3 else ''}"
        f"{''.join(f'; {hint}' for hint in hints)}. {held}"
    )


def _shaped(values, roles, names):
    """Vectors as vectors, matrices upright, all of one dtype; ValueError where a shape does not tell, or fit."""
    n = len(values["W_hh"])
    for role, value in values.items():
        if role == "h0" and value.squeeze().ndim > 1:
            row = f"{roles[role]}[0]" if roles[role] in names else f"({roles[role]})[0]"
            raise ValueError(
                f"h0 = {roles[role]} must be one first state ({n},), got {tuple(value.shape)}: where the trials "
                f"share one, --parameter 'h0={row}'{' with [0] once more' if value.ndim > 2 else ''}"
            )
        if role not in REQUIRED and sum(size > 1 for size in value.shape) <= 1:
            values[role] = value.reshape(-1)  # torch's (1, 1, N), a column of MATLAB's
        elif role in REQUIRED and role != "W_hh" and value.shape == (n,):
            values[role] = value[:, None] if role == "W_xh" else value[None]  # one input, one output
        elif role in REQUIRED and value.ndim != 2:
            one = f"{roles[role]}[0]" if roles[role] in names else f"({roles[role]})[0]"
            hint = f": of several take one, --parameter '{role}={one}'" if value.ndim == 3 else ""
            raise ValueError(f"{role} = {roles[role]} must be a matrix, got {tuple(value.shape)}{hint}")
    dtype = torch.float64 if any(t.dtype == torch.float64 for t in values.values()) else torch.float32
    values = {role: value.to(dtype).contiguous() for role, value in values.items()}
    shapes: dict[str, tuple[int, ...]] = {role: tuple(value.shape) for role, value in values.items()}
    few, many = sorted(shapes["W_hh"])
    if few and many in (3 * few, 4 * few):
        raise ValueError(gated(roles["W_hh"], shapes["W_hh"]))
    lying = [f"{role} = {roles[role]} {shapes[role]}" for role, axis in (("W_xh", 0), ("W_hy", 1))
             if shapes[role][axis] != n and shapes[role][1 - axis] == n]  # fmt: skip
    if few == many and lying:
        raise ValueError(
            f"{' and '.join(lying)} {'lies' if len(lying) == 1 else 'lie'} as for row vectors, h @ W, where N = "
            f"{n}; of "
            "W_hh, which is square, no shape tells. Add --transposed where all three multiply from the right (as "
            "in "
            "Keras, Flax and much of MATLAB), or --transposed with the roles that do, such as --transposed W_xh "
            "W_hy"
        )
    if few == many and shapes["W_hy"][1] == 2 * n:
        raise ValueError(
            f"W_hy = {roles['W_hy']} {shapes['W_hy']} reads two layers or directions of {n} units, and a report "
            "is made of one: schur_lib.evaluation takes the model itself"
        )
    if few == many and shapes["W_hy"][1] < n:
        raise ValueError(
            f"W_hy = {roles['W_hy']} {shapes['W_hy']} reads {shapes['W_hy'][1]} of {n} units, as networks with "
            "Dale's "
            "law do, whose layers multiply with abs(weight) * mask: save the matrices that act, W_hh as the "
            "forward run "
            "has it, and W_hy with zeros for the units that are not read"
        )
    return values


def _equation(layout, facts, activation, leak, form):
    """The equation, and in sentences what of it was assumed."""
    if "equation" in layout.asks and form is None:
        raise ValueError(
            "these are names of a leaky network, and a file of its weights tells neither the leak nor where it "
            "stands: "
            f"add --from {layout.library} --leak A (its equation is '{layout.form}'), or --equation with one of "
            f"{tuple(FORMS)}, --leak A and --activation"
        )
    said = []
    told = layout.told or (_activation(facts) if activation is None else None)
    if activation is None:
        activation = told or layout.activation or "tanh"
        inner = {n: v for n, v in facts.items() if isinstance(v, str) and not OF_OUTPUT.fullmatch(_last(n))}
        sounds = [f"{n} = {v}" for n, v in inner.items() if SOUNDS_LIKE_ONE.fullmatch(v)]
        if told is None and sounds:
            raise ValueError(
                f"the file says {', '.join(sounds)}, and not whether that is the activation of the network: say "
                f"it with --activation, one of {tuple(ACTIVATIONS)}"
            )
        if told is None:
            whose = f", as {layout.library} has by default" if layout.activation else ""
            said.append(f"The file does not name the activation: {activation} was assumed{whose}.")
    elif told not in (None, activation):
        said.append(f"The file names the activation {told}; {activation} was run, as asked.")
    if leak is None and (leak := layout.leak) is None:
        leak = 1.0
        _ask_for_leak(layout, facts)
        said.append("The file does not name a leak: none was assumed.")
    noise = {n: v for n, v in facts.items() if OF_NOISE.search(_last(n)) and _number(v) and v}
    said += [f"Run without the noise that the file names ({n} = {v:g})." for n, v in noise.items()]
    return Equation(activation, leak, form or layout.form, layout.late and form is None), said


def _ask_for_leak(layout, facts):
    """Nothing where a network may be taken to have no leak; ValueError where there is a sign of one."""
    numbers = {n: v for n, v in facts.items() if OF_LEAK.fullmatch(_last(n)) and _number(v)}
    held = f"the file holds {', '.join(f'{n} = {v:g}' for n, v in numbers.items())}"
    if "leak" in layout.asks:
        where = f"is not known from its file ({held})" if numbers else "is not in its file"
        raise ValueError(
            f"the leak a = dt / tau of a network of {layout.library} {where}: add --leak A, or --dt and --tau "
            "(--leak 1 where there is none)"
        )
    if numbers:
        raise ValueError(
            f"{held}, and does not say how the network "
            f"uses it: add --leak A (a = dt / tau; 1 for none), and --equation with one of {tuple(FORMS)} where "
            "the leak "
            "stands elsewhere than in 'rate'"
        )
    for name, value in facts.items():
        leaky = value is True and re.search("leak", _last(name))
        if leaky or isinstance(value, str) and len(value) < 80 and LEAKY.search(value):
            raise ValueError(
                f"the file says {name} = {value}: of a leaky network it has to be said how much leaks, --leak A "
                "(a = dt / tau; 1 for none)"
            )


def _activation(facts):
    """The activation as words beside the weights tell it; None where they do not."""
    for name, value in facts.items():
        if not OF_ACTIVATION.fullmatch(_last(name)) or not isinstance(value, str):
            continue
        word = value.lower().removeprefix("rnn_").rpartition(".")[2]  # torch's mode RNN_TANH, jax.nn.relu
        word = SAME_WORD.get(word, word)
        if word in ACTIVATIONS:
            return word
        if _last(name) not in ("phi", "kind", "mode", "act_type", "transfer"):
            raise ValueError(
                f"the file says {name} = {value[:40]}, and the activations are {tuple(ACTIVATIONS)}: say which "
                "with "
                "--activation, or hand the model itself to schur_lib.evaluation"
            )
    return None


def _last(name):
    return re.split(r"[./]", name)[-1].lower()


def _number(value):
    return isinstance(value, int | float) and not isinstance(value, bool)
