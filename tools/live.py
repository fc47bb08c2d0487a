"""The numbers of the figures that respond, written for the pages in book/_extra/live; see report/explorer.py."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from report.explorer import script
from schur_lib.schur import COUPLINGS, ordered_schur
from schur_lib.subjects import on_task
from schur_lib.tasks import TASKS
from study import cache, catalogue, folders
from study.answers import predictor
from study.figures import style
from study.figures.symmetries import handle

ALPHAS = np.round(np.arange(0.5, 1.005, 0.01), 2)
N_TRIALS = 256  # for the curves over α


def export(folder, name_of):
    """Write a script of each figure's numbers into the folder of the explorer's.

    Args:
        folder: is there; a Path.
        name_of: spec → the name of its network's script.
    """
    for name, head in (
        ("live-alpha", alphas(name_of)),
        ("live-memory", memory(name_of)),
        ("live-scatter", scatter(name_of)),
        ("live-path", path()),
    ):
        (folder / f"{name}.js").write_text(script(name, head))
    pictures(folder)


def alphas(name_of):
    """Three integration networks, of the smallest, a middle and the largest leading sector, at every cut.

    Returns:
        `alphas`, and `networks`: `name`, `seed`, `intact` FVU, and `leading` and `delta`
        of each block at each α.
    """
    specs = catalogue.specs("context_integration")
    nets = catalogue.networks(specs)
    ranked = sorted(range(len(specs)), key=lambda i: ordered_schur(nets[i].W_hh).n_leading())
    found = []
    for i in (ranked[0], ranked[len(ranked) // 2], ranked[-1]):
        trials = on_task(nets[i], specs[i].make_task(), N_TRIALS)
        leading = [trials.form.n_leading(alpha) for alpha in ALPHAS]
        cuts = {n: float(alpha) for n, alpha in zip(leading, ALPHAS, strict=True)}  # the same sectors, run once
        matrices = [trials.form.ablate({block}, alpha) for alpha in cuts.values() for block in COUPLINGS]
        harms = dict(zip(cuts, np.reshape(trials.scores(matrices) - trials.intact, (-1, 3)), strict=True))
        delta = {b: [round(float(harms[n][k]), 5) for n in leading] for k, b in enumerate(COUPLINGS)}
        row = {"name": name_of(specs[i]), "seed": specs[i].seed, "intact": round(float(trials.intact), 6)}
        found.append(row | {"leading": leading, "delta": delta})
    return {"alphas": ALPHAS.tolist(), "networks": found}


def memory(name_of):
    """The flip-flop network whose memory can be written by hand: the first one; and how long a trial is."""
    spec = catalogue.specs("flip_flop")[0]
    return {"network": name_of(spec), "steps": spec.make_task().steps}


def scatter(name_of):
    """Predicted and measured harm of the single blocks, with the network that each point opens in the explorer.

    Returns:
        `points`: `task`, `network`, `seed`, `block`, `mass` (of the activity), `predicted` and `measured` ΔFVU.
    """
    blocks = predictor.single_blocks(cache.read(folders.RESULTS / "predictor_forms.csv"))
    names = {
        (s.task, s.construction, s.hidden_size, s.seed): name_of(s) for t in TASKS for s in catalogue.specs(t)
    }
    columns = {"active_mass": "mass", "two_sided": "predicted", "delta": "measured"}
    points = [
        {"task": row["task"], "network": names[tuple(row[key] for key in cache.KEYS)], "seed": row["seed"],
         "block": row["removed"]} | {new: float(f"{row[old]:.5g}") for old, new in columns.items()}
        for row in blocks.to_dict("records")
    ]  # fmt: skip
    return {
        "titles": {task: style.NAMES[task] for task in TASKS},
        "limit": predictor.LIMITS["absolute"],
        "points": points,
    }


def path():
    """The ways to the smallest network that does the task as well, by network, from the shipped tables."""
    tables = [
        cache.read(folders.RESULTS / f"{name}.csv") for name in ("symmetries_equals", "symmetries_equals_copy")
    ]
    return {
        "titles": {task: style.NAMES[task] for task in TASKS},
        "ways": handle(pd.concat(tables, ignore_index=True)),
    }


@style.styled
def pictures(folder):
    """What a reader without JavaScript sees in the place of the four units that move."""

    def turn(r, degrees):
        a = np.radians(degrees)
        return r * np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]])

    T = 1.5 * np.eye(4, k=2)
    T[:2, :2], T[2:, 2:] = turn(0.9, 30), turn(0.6, 75)
    form = ordered_schur(T)
    fig, (left, right) = plt.subplots(1, 2, figsize=(6.6, 3), layout="constrained")
    for name, part in (("R", slice(2)), ("C", slice(2, 4))):
        values = form.eigenvalues[part]
        left.scatter(values.real, values.imag, color=style.SECTORS[name])
        left.annotate(name, (values.real[0], abs(values.imag[0])), (6, 4), textcoords="offset points")
    left.add_patch(plt.Circle((0, 0), 1, fill=False, color="#777777"))
    left.set(xlim=(-1.1, 1.1), ylim=(-1.1, 1.1), aspect="equal", xlabel="real part", ylabel="imaginary part")
    for label, W in (("with the coupling", T), ("without it", form.ablate({"CR"}))):
        lengths = [np.linalg.norm(np.linalg.matrix_power(W, t)[:, 2]) for t in range(31)]
        right.plot(lengths, label=label, linestyle="-" if W is T else "--", color="#333333")
    right.set(xlabel="step", ylabel="length of the state", ylim=(0, None))
    right.legend()
    fig.savefig(folder / "toy.png", dpi=144, metadata={"Software": None})
    plt.close(fig)
