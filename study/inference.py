"""A recipe that fits: which of the choices that the paper leaves open give its intact networks?

Approximate Bayesian computation by rejection (Beaumont et al., Genetics 162, 2002). `calibrate` draws what is
left open from a stated prior, trains one network a draw, and accepts the draws whose *intact* FVU is nearest to
the paper's; nothing is ablated. Its table is stamped. `ablate` refuses a table that is not the one of the stamp,
trains new seeds of the accepted draws, and ablates them: with the table committed in between, what it finds is a
prediction that can lose. A table that is frozen stays as it is; further draws go into another, of other seeds.
`longer` follows copy networks beyond the 20,000 steps of the other chapters. `again` trains some networks of the
shipped tables anew and compares.

    python -m study.inference calibrate --networks FOLDER
    python -m study.inference ablate --networks FOLDER
    python -m study.inference longer --networks FOLDER
    python -m study.inference again
"""

import argparse
import json
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from joblib import Parallel, delayed
from torch import Generator, Tensor

from schur_lib import initialisations, kernels, store, tasks
from schur_lib.dynamics import one_blas_thread
from schur_lib.networks import Network
from schur_lib.provenance import code_digest, library_versions
from schur_lib.recipes import COPY_RECIPE, NEURO_RECIPE, Recipe
from schur_lib.schur import COUPLINGS, SUBSETS
from schur_lib.specs import Spec
from schur_lib.subjects import on_task
from schur_lib.tasks import Task
from study import folders
from study.cache import read
from study.catalogue import FIGURE_1
from study.paper import paper_value
from study.probes.profiles import profiles

FOLDER = folders.DATA / "inference"
HIDDEN = 64  # the paper's
PRINTED = {
    "flip_flop": "s4_flipflop_full",
    "sine_generation": "s4_sine_full",
    "context_integration": "s4_cdi_full",
}
# What is left open, and how it is drawn. All of the paper's own settings stay: 64 units, an orthogonal start of
# W_hh, Adam at 1e-3, batch 64, 3,840 steps, the lengths of the trials.
# W_xh and W_hy start uniform in ± N_h^(−1/2), uniform in ± fan-in^(−1/2), or normal with variance 1/fan-in; `l2` w
# is added to the gradient by w, for every weight.
EVERY = {"start": ("one of", "hidden", "fan-in", "normal"), "l2": ("log-uniform or 0", 0.5, 1e-5, 3e-3)}
PRIOR = {
    "flip_flop": EVERY
    | {
        "probability": ("uniform", 0.03, 0.5),  # of a pulse
        "forced": ("either", True, False),  # a pulse on each line at the first step
        "next_step": ("either", True, False),  # the target follows a pulse from the next step on
    },
    "sine_generation": EVERY
    | {
        "periods": ("log-uniform", 0.5, 3.0),  # of the lowest frequency in the 50 steps
        "ratio": ("log-uniform", 1.5, 6.0),  # of the highest frequency to the lowest
        "cue_offset": ("either", 0.25, 0.0),
        "cue_scale": ("log-uniform", 0.5, 2.0),  # factor on the cue
    },
    "context_integration": EVERY
    | {
        "noise": ("log-uniform", 0.5, 2.0),
        "drift": ("log-uniform or 0", 0.75, 0.02, 2.0),
        "target_scale": ("log-uniform", 0.5, 2.0),
        "cue": ("log-uniform", 0.5, 2.0),  # amplitude of the context
        "last_only": ("either", True, False),  # only the last step has a target
    },
}
# What the other chapters choose.
TODAY = {
    "flip_flop": {"start": "hidden", "l2": 0.0, "probability": 0.05, "forced": False, "next_step": False},
    "sine_generation": {"start": "hidden", "l2": 0.0, "periods": 0.5, "ratio": 6.0}
    | {"cue_offset": 0.25, "cue_scale": 1.0},
    "context_integration": {"start": "hidden", "l2": 0.0, "noise": 1.0, "drift": 0.0, "target_scale": 1.0}
    | {"cue": 1.0, "last_only": False},
}
UNDRAWN = -1  # `drawn` of the networks by which the flip-flop of the other chapters was tried, see there
DRAWS = 150  # networks a task and table
TABLES = ("calibration",)  # of the draws; the seeds go on from one to the next
ACCEPTED = 0.1  # share of them that is nearest to the paper
FRESH = 3  # new networks of an accepted draw: the paper's numbers are means over three
FIRST_FRESH = 100_000  # seeds from here on belong to no draw of the prior
LONGER = (30_000, 40_000)  # training steps, of 20,000 before, at which a copy network is looked at
TRAINED = ("W_hh", "W_xh", "W_hy")
COPIES = 6
UNDRAWN_NETWORKS = 10


def draw(task: str, seed: int) -> dict:
    """What is left open, drawn from `PRIOR`: one value a choice.

    Args:
        task: one of `PRIOR`.
        seed: of the draw, and of the network that it gives.
    """
    rng = np.random.default_rng([list(PRIOR).index(task), seed])

    def between(low, high):
        return float(math.exp(rng.uniform(math.log(low), math.log(high))))

    def drawn(kind, *of):
        match kind:
            case "one of":
                return of[rng.integers(len(of))]
            case "either":
                return of[0] if rng.random() < 0.5 else of[1]
            case "uniform":
                return float(rng.uniform(*of))
            case "log-uniform":
                return between(*of)
            case "log-uniform or 0":
                return between(*of[1:]) if rng.random() < of[0] else 0.0
            case _:
                raise ValueError(f"{kind!r} is no way to draw: it must be one of those in `PRIOR`")

    return {name: drawn(*how) for name, how in PRIOR[task].items()}


def variant(task: str, choice: Mapping) -> Task:
    """A task with what is left open set as a draw says."""
    c = {**TODAY[task], **choice}
    if task == "flip_flop":
        made = tasks.flip_flop(pulse_probability=c["probability"], first_pulse=c["forced"])

        def sample(batch_size, generator):
            inputs, targets = made.sampler(batch_size, generator)
            return inputs, torch.cat([torch.zeros_like(targets[:1]), targets[:-1]]) if c["next_step"] else targets

    elif task == "sine_generation":
        steps, dt = 50, 0.01
        lowest = c["periods"] / (steps * dt)
        made = tasks.sine_generation(steps, dt, lowest, c["ratio"] * lowest, cue_offset=c["cue_offset"])

        def sample(batch_size, generator):
            inputs, targets = made.sampler(batch_size, generator)
            return c["cue_scale"] * inputs, targets

    else:
        made = tasks.context_integration(noise=c["noise"], bias=c["drift"])

        def sample(batch_size, generator):
            inputs, targets = made.sampler(batch_size, generator)
            inputs[..., 2:] *= c["cue"]
            return inputs, c["target_scale"] * (targets[-1:] if c["last_only"] else targets)

    return replace(made, sampler=sample)


def optimise(
    curriculum: Sequence[Task], start: Mapping[str, Tensor], recipe: Recipe, data: Generator,
    l2: float = 0.0, at: Sequence[int] = (),
) -> Iterator[tuple[int, Network]]:  # fmt: skip
    """Train a network of dense recurrent weights, as `schur_lib.training` does, and look at it on the way.

    Args:
        curriculum: tasks, the first until the batch score exceeds `recipe.advance_at`, and so on.
        start: W_hh (N, N), W_xh (N, N_x) and W_hy (N_y, N), float32.
        recipe: its readout_scale and horizons are in `start` and `curriculum` already.
        data: source of the trials.
        l2: `l2` · w is added to the gradient (Adam's weight decay as PyTorch has it); 0: none.
        at: steps at which the network is given; its last step by default.

    Yields:
        (step, network), float32.
    """
    sizes = [start[name].numel() for name in TRAINED]
    values = torch.cat([start[name].flatten() for name in TRAINED])
    W_hh, W_xh, W_hy = (
        piece.view(start[name].shape) for name, piece in zip(TRAINED, values.split(sizes), strict=True)
    )
    n = len(W_hh)
    mean, square = np.zeros((2, len(values)), np.float32)
    S = np.zeros((n + len(W_hy), n + W_xh.shape[1]), np.float32)
    dS, stage = np.empty_like(S), 0
    longest = max(task.steps + task.free_steps for task in curriculum)
    states = np.empty((longest + 1, recipe.batch_size, max(S.shape)), np.float32)
    all_outputs = np.empty((longest, recipe.batch_size, len(W_hy)), np.float32)
    with one_blas_thread():
        for step in range(1, recipe.steps + 1):
            task = curriculum[stage]
            inputs, targets = task.sample(recipe.batch_size, data)
            S[:n, :n], S[:n, n:], S[n:, :n] = W_hh, W_xh, W_hy
            length = len(inputs) + task.free_steps
            H, outputs = states[: length + 1], all_outputs[:length]
            kernels.loss_and_gradient(*(a.contiguous().numpy() for a in (inputs, targets)), S, H, outputs, dS)
            g = np.concatenate([part.ravel() for part in (dS[:n, :n], dS[:n, n:], dS[n:, :n])])
            if l2:
                g += np.float32(l2) * values.numpy()
            clip = recipe.clip_norm or math.inf
            kernels.adam(values.numpy(), g, mean, square, step, recipe.learning_rate, clip)
            if stage < len(curriculum) - 1:
                stage += float(task.score(torch.from_numpy(outputs), targets)) > recipe.advance_at
            if step in (at or (recipe.steps,)):
                yield step, Network(W_xh.clone(), W_hh.clone(), W_hy.clone())


def network(task: str, choice: Mapping, seed: int, steps: int = NEURO_RECIPE.steps) -> Network:
    """Train one network of a draw."""
    made, start, n = variant(task, choice), tasks.generator("start", seed), HIDDEN

    def weights(shape, fan_in):
        if choice["start"] == "normal":
            return torch.randn(shape, generator=start) / math.sqrt(fan_in)
        return initialisations.uniform(shape, n if choice["start"] == "hidden" else fan_in, start)

    first = initialisations.initial_parameters("dense_orthogonal", n, start)
    first["W_xh"], first["W_hy"] = weights((n, made.n_inputs), made.n_inputs), weights((made.n_outputs, n), n)
    recipe, data = replace(NEURO_RECIPE, steps=steps), tasks.generator("data", seed)
    [(_, net)] = optimise([made], first, recipe, data, choice["l2"])
    return net


def continued(seed: int, steps: Sequence[int] = LONGER) -> Iterator[tuple[int, Network]]:
    """A shipped dense orthogonal copy network of 72 units, and the same trained on at its last horizon.

    The optimiser starts anew where the shipped network ends, and the trials are new.
    """
    net = store.load(Spec("copy", *FIGURE_1[0], seed), folders.NETWORKS)
    done = net.metadata["spec"]["recipe"]["steps"]
    yield done, net
    recipe, start = replace(COPY_RECIPE, steps=max(steps) - done), {k: net.tensors()[k].clone() for k in TRAINED}
    task, data = tasks.copy(horizon=COPY_RECIPE.horizons[-1]), tasks.generator("continued", seed)
    for step, longer in optimise([task], start, recipe, data, at=[s - done for s in steps]):
        yield done + step, longer


def intact(task: str, choice: Mapping, net: Network) -> float:
    """FVU of a network on held-out trials of its own task. No block is ablated."""
    return on_task(net, variant(task, choice)).intact


def distance(fvu: Sequence[float], printed: float) -> np.ndarray:
    """|log FVU − log of the paper's|; infinite for what is not a number."""
    away = np.abs(np.log(np.asarray(fvu, dtype=float)) - math.log(printed))
    return np.where(np.isnan(away), np.inf, away)


def accepted(distances: Sequence[float], share: float = ACCEPTED) -> np.ndarray:
    """Which draws are kept: the nearest share of them, at least one; of equals the first."""
    distances = np.asarray(distances, dtype=float)
    kept = np.zeros(len(distances), dtype=bool)
    kept[np.argsort(distances, kind="stable")[: max(1, round(share * len(distances)))]] = True
    return kept


def calibrated(fvu: Mapping[str, Mapping[int, float]]) -> pd.DataFrame:
    """The table of the draws: `task`, `seed`, `fvu`, `distance`, `accepted`, and what was drawn.

    Args:
        fvu: of the intact networks, by task and seed.
    """
    parts = []
    for task, found in fvu.items():
        table = pd.DataFrame({"task": task, "seed": found.keys(), "fvu": found.values()})
        table["distance"] = distance(table.fvu, paper_value(PRINTED[task]))
        table["accepted"] = accepted(table.distance)
        parts.append(table.join(pd.DataFrame([draw(task, seed) for seed in found])))
    return pd.concat(parts, ignore_index=True)


def freeze(table: pd.DataFrame, file: Path) -> None:
    """Write the table of the draws and the stamp beside it, <name>.json.

    Raises:
        ValueError: the file exists: the choice is made once.
    """
    if file.exists():
        raise ValueError(f"{file} exists, and the choice is made once; choose another name")
    file.parent.mkdir(parents=True, exist_ok=True)
    _write(table, file)
    stamp = {"table": folders.digest(file), "code": code_digest("study.inference"), "share": ACCEPTED}
    stamp["libraries"] = library_versions()
    file.with_suffix(".json").write_text(json.dumps(stamp, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def frozen(file: Path) -> pd.DataFrame:
    """A table of the draws as it was frozen.

    Raises:
        ValueError: it is not the one of its stamp.
    """
    stamp = file.with_suffix(".json")
    if folders.digest(file) != json.loads(stamp.read_text(encoding="utf-8"))["table"]:
        raise ValueError(f"{file} is not the table that was frozen: its checksum differs from that in {stamp}")
    return read(file)


def ablations_of(file: Path) -> Path:
    """Where the ablations of a table of the draws stand."""
    return file.with_name(file.name.replace("calibration", "ablations"))


def choice_of(row: Mapping) -> dict:
    """What a row of the table of the draws has chosen, as `draw` gave it."""
    return {name: row[name] for name in PRIOR[row["task"]]}


def fresh(table: pd.DataFrame) -> pd.DataFrame:
    """The accepted draws, each FRESH times, with seeds that no draw of the prior has had.

    Returns:
        The rows of the accepted draws with `seed` new and `drawn`, the seed of the draw.
    """
    kept = table[table.accepted]
    made = [kept.assign(drawn=kept.seed, seed=FIRST_FRESH * (k + 1) + kept.seed) for k in range(FRESH)]
    return pd.concat(made, ignore_index=True)


def rows_to_ablate(table: pd.DataFrame) -> pd.DataFrame:
    """Every network that is ablated: the `fresh` ones, and those of the draws themselves.

    With the first table go ten flip-flops of the choices that the other chapters make since they were tried here.
    """
    rows = [fresh(table), table.assign(drawn=table.seed)]
    if 0 in set(table.seed):
        choice = {"task": "flip_flop", "drawn": UNDRAWN, **TODAY["flip_flop"]}
        first = FIRST_FRESH * (FRESH + 1)
        rows.insert(0, pd.DataFrame([{**choice, "seed": first + k} for k in range(UNDRAWN_NETWORKS)]))
    return pd.concat(rows, ignore_index=True)


def again(n: int, draw_seed: int = 0) -> pd.DataFrame:
    """Networks of the shipped tables trained and ablated anew.

    Args:
        n: how many, drawn evenly over the tasks.
        draw_seed: of which.

    Returns:
        One row a network: `task`, `seed`, `difference`: the largest of any number from the shipped one.
    """
    parts = []
    for file in (FOLDER / f"{name}.csv" for name in TABLES):
        shipped = read(folders.shipped(ablations_of(file)))
        parts.append(rows_to_ablate(frozen(file)).drop(columns="fvu").merge(shipped, on=["task", "drawn", "seed"]))
    rows = pd.concat(parts, ignore_index=True)
    order = np.random.default_rng(draw_seed).permutation(len(rows))
    turn = rows.iloc[order].groupby("task").cumcount()
    found = []
    for row in rows.iloc[order].iloc[np.argsort(turn, kind="stable")[:n]].to_dict("records"):
        choice, task, seed = choice_of(row), row["task"], row["seed"]
        # A network of a draw was trained with the numbers as drawn, a new one with those of the table, which has
        # seven digits: training carries such a difference to the first digit.
        net = network(task, draw(task, seed) if seed == row["drawn"] else choice, seed)
        new = ablated(task, choice, net)
        far = max(abs(value - row[name]) for name, value in new.items())
        found.append({"task": task, "seed": seed, "difference": far})
    return pd.DataFrame(found)


def ablated(task: str, choice: Mapping, net: Network) -> dict[str, float]:
    """What the single blocks do to a network: `fvu`, `n_leading`, and of each block its mass and ΔFVU."""
    sets = [s for s in SUBSETS if len(s) == 1]
    table = profiles(on_task(net, variant(task, choice)), removed=sets).set_index("removed")
    found = {"fvu": table.score[""], "n_leading": int(table.n_leading.iloc[0])}
    for block in COUPLINGS:
        found |= {f"mass_{block}": table.mass[block], block: table.delta[block]}
    return found


def _kept(file: Path, make: Callable[[], Network]) -> Network:
    """A network that was trained before, or trained now and kept, so that what was killed goes on."""
    if file.exists():
        return Network.load(file)
    torch.set_num_threads(1)
    net = make()
    aside = file.with_name(f"{os.getpid()}.{file.name}")
    net.save(aside)
    os.replace(aside, file)
    return net


def _one(folder, measure, row):
    choice = choice_of(row)
    file = folder / f"{row['task']}-{row['seed']}.safetensors"
    net = _kept(file, lambda: network(row["task"], choice, row["seed"]))
    return measure(row["task"], choice, net)


def _all(folder, measure, rows, processes):
    """A measure of the network of every row, trained first where it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    jobs = Parallel(n_jobs=processes, batch_size=1, verbose=1)
    return jobs(delayed(_one)(folder, measure, row) for row in rows)


def _longer(folder, seed):
    torch.set_num_threads(1)
    last, rows = folder / f"longer-{seed}.csv", []
    if last.exists():
        return read(last)
    for step, net in continued(seed):
        table = profiles(on_task(net, tasks.copy()))
        rows.append(table[["removed", "mass", "score", "n_leading"]].assign(seed=seed, steps=step))
    found = pd.concat(rows)[["seed", "steps", "removed", "mass", "score", "n_leading"]]
    _write(found, last)
    return found


def _write(table, file):
    table.round(7).to_csv(file, index=False, na_rep="nan", lineterminator="\n")


def main(arguments=None):
    """Draw and calibrate; ablate what was accepted; follow copy networks for longer."""
    parser = argparse.ArgumentParser(prog="python -m study.inference", description=main.__doc__)
    parser.add_argument("action", choices=("calibrate", "ablate", "longer", "again"))
    parser.add_argument("--networks", type=Path, help="folder that keeps the trained networks; not for `again`")
    parser.add_argument("--rows", type=int, default=10, help="how many networks `again` trains")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    chosen = parser.parse_args(arguments)
    if chosen.action != "again" and chosen.networks is None:
        parser.error(f"{chosen.action} needs --networks, a folder that keeps the trained networks")
    files = [FOLDER / f"{name}.csv" for name in TABLES]
    if chosen.action == "calibrate":  # the tables that are not there
        for i, file in enumerate(files):
            if file.exists():
                continue
            seeds = range(DRAWS * i, DRAWS * (i + 1))
            rows = [{"task": task, "seed": s, **draw(task, s)} for s in seeds for task in PRINTED]
            found = _all(chosen.networks, intact, rows, chosen.processes)
            fvu = {task: {} for task in PRINTED}
            for row, value in zip(rows, found, strict=True):
                fvu[row["task"]][row["seed"]] = value
            freeze(calibrated(fvu), file)
    elif chosen.action == "ablate":  # the tables that are not ablated
        for file in files:
            if ablations_of(file).exists():
                continue
            rows = rows_to_ablate(frozen(file))
            found = pd.DataFrame(_all(chosen.networks, ablated, rows.to_dict("records"), chosen.processes))
            _write(pd.concat([rows[["task", "drawn", "seed"]], found], axis=1), ablations_of(file))
    elif chosen.action == "again":
        print(again(chosen.rows).to_string(index=False))
    else:
        chosen.networks.mkdir(parents=True, exist_ok=True)
        jobs = Parallel(n_jobs=chosen.processes, batch_size=1, verbose=1)
        _write(pd.concat(jobs(delayed(_longer)(chosen.networks, s) for s in range(COPIES))), FOLDER / "longer.csv")


if __name__ == "__main__":
    main()
