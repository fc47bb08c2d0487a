"""The numbers of the figures that respond, written for the pages in book/_extra/live; see report/explorer.py."""

import numpy as np
import pandas as pd

from report.explorer import script
from schur_lib.schur import COUPLINGS, ordered_schur
from schur_lib.subjects import on_task
from schur_lib.tasks import TASKS
from study import cache, catalogue, folders
from study.answers import predictor
from study.figures.style import NAMES
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


def alphas(name_of):
    """Three integration networks, of the smallest, a middle and the largest leading sector, at every cut.

    Returns:
        `alphas`, and `networks`: `name`, `seed`, `intact` FVU, `leading` at each α, `delta` of each block at each α.
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
    names = {(s.task, s.construction, s.hidden_size, s.seed): name_of(s) for t in TASKS for s in catalogue.specs(t)}
    columns = {"active_mass": "mass", "two_sided": "predicted", "delta": "measured"}
    points = [
        {"task": row["task"], "network": names[tuple(row[key] for key in cache.KEYS)], "seed": row["seed"],
         "block": row["removed"]} | {new: float(f"{row[old]:.5g}") for old, new in columns.items()}
        for row in blocks.to_dict("records")
    ]  # fmt: skip
    return {"titles": {task: NAMES[task] for task in TASKS}, "limit": predictor.LIMITS["absolute"], "points": points}


def path():
    """The ways to the smallest network that does the task as well, by network, from the shipped tables."""
    tables = [cache.read(folders.RESULTS / f"{name}.csv") for name in ("symmetries_equals", "symmetries_equals_copy")]
    return {"titles": {task: NAMES[task] for task in TASKS}, "ways": handle(pd.concat(tables, ignore_index=True))}
