"""Where a network does not do its task: whether it would, had its file or the data been read in another way."""

from itertools import product

from torch import Tensor

from report.equations import ACTIVATIONS, RateNetwork, evaluate
from report.findings import does_task, number
from schur_lib.metrics import by_name

LEAKS = (0.05, 0.1, 0.2, 0.25, 0.5)
LEAKY_FORMS = ("rate", "inside", "potential")
TRIALS = 64  # at most; each reading costs one run of the network


def other_readings(
    net: RateNetwork, inputs: Tensor, targets: Tensor, metric: str = "fvu", batch_first: bool = False
) -> list[str]:
    """A sentence on the reading under which the network does its task, with the options that ask for it.

    Tried are trials first or time first, W_hh transposed, every activation, together; then common leaks.

    Args:
        net: as it was read.
        inputs: (T, B, N_x), as they were read.
        targets: (T', B, …) or (B, …), as they were read.
        metric: name of the score.
        batch_first: whether they were read as (B, T, …).

    Returns:
        One sentence, of the reading with the fewest changes and then the best score; [] where none fits.
    """
    own, found = net.equation, []
    orders = (False, True) if targets.ndim == (2 if by_name(metric).classes else 3) else (False,)
    both = product(orders, (False, True), ACTIVATIONS)
    tried = [(order, turned, {"activation": phi}) for order, turned, phi in both]
    leaks = LEAKS if own.leak == 1 else (own.leak,)
    leaky = product(leaks, LEAKY_FORMS, sorted({own.activation, "tanh", "relu"}))
    tried += [(False, False, {"leak": leak, "form": form, "activation": phi}) for leak, form, phi in leaky]
    tried += [(False, False, {"late": False})] * own.late
    for order, turned, changed in tried:
        changed = {what: value for what, value in changed.items() if value != getattr(own, what)}
        if not (order or turned or changed):
            continue
        x, y = (t.swapaxes(0, 1) if order else t for t in (inputs, targets))
        some = slice(0, TRIALS)
        x, y = x[:, some].contiguous(), y[:, some] if y.ndim == (2 if by_name(metric).classes else 3) else y[some]
        try:
            trials = evaluate(net.read_as(turned, **changed), x, y, metric)
            score = trials.intact
            skill = trials.metric.skill(score, trials.targets, net.n_outputs)
        except (ValueError, RuntimeError):  # it does not fit the data, or grows beyond all bounds
            continue
        if does_task(trials.metric, skill):
            changes = order + turned + len(changed)
            found.append((changes, -skill, score, order, turned, changed))
    if not found:
        return []
    _, _, score, order, turned, changed = min(found, key=lambda one: one[:2])
    words, options = [], []
    if order:
        words.append("time first" if batch_first else "batch first")
        options.append("leave --batch-first out" if batch_first else "add --batch-first")
    if turned:
        source = net.sources.get("W_hh", "W_hh")
        words.append("with W_hh transposed")
        options.append(
            f"add --parameter 'W_hh={source[:-2]}'" if source.endswith(".T") else "add --transposed W_hh"
        )
    if changed:
        said = {
            "leak": "leak {:g}",
            "activation": "activation {}",
            "form": "equation {}",
            "late": f"equation {own.form}",
        }
        asked = [said[what].format(value) for what, value in changed.items()]
        words.append("with " + ", ".join(asked))
        options.append("add " + " ".join(f"--{option}" for option in asked))
    return [f"Read {' and '.join(words)} it scores {number(score)}: {', '.join(options)}."]
