"""Predictions that are made before the ablations are measured, and that nobody can change afterwards.

`freeze` writes a table of predictions and a stamp beside it: the digest of all code that made them, the checksum
of the table, the limits, and the digest of every network. `compare` ablates the same networks on other trials; it
refuses a table, code or networks that are not those of the stamp. So a table that is committed before the
networks are ablated is a prediction, and its comparison can lose. For the packs of the reference set:

    python -m study.predictions freeze flip_flop
    python -m study.predictions compare flip_flop
"""

import argparse
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from joblib import Parallel, delayed

from schur_lib.networks import Network
from schur_lib.provenance import code_digest, library_versions
from schur_lib.schur import SUBSETS, label
from schur_lib.specs import Spec
from schur_lib.subjects import on_task
from schur_lib.tasks import TASKS
from study import catalogue, folders, packs
from study.probes.linear import closed_form, impulse_response
from study.probes.predictor import predict

KEYS = ["task", "construction", "hidden_size", "seed"]
LIMITS = {
    "alpha": 0.9,  # splits the leading sector from its complement
    "epsilon": 0.05,  # a set is safe if its ΔFVU is at most this share of the network's own FVU, …
    "floor": 0.01,  # … which counts as at least this much (of the FVU of an answer that knows nothing, 1)
    "absolute": 0.05,  # a set does little if its ΔFVU is at most this
    "n_trials": 256,  # the predictions see these many trials, …
    "seed": 0,  # … of this seed
    "n_measured": 1024,  # the ablations are measured on these many, …
    "seed_measured": 1,  # … of this one
}


def predictions(specs: Sequence[Spec], networks: Sequence[Network]) -> pd.DataFrame:
    """What each removed set of each network will do, by every form of `predictor.predict`.

    Returns:
        One row a network and removed set: the keys, `removed`, `n_leading`, `mass`, `intact` (FVU of the
        intact network), `active_mass`, one column a form (predicted ΔFVU), `accuracy` (copy task: replay accuracy
        without the set, by `linear.closed_form`; else NaN), and by the two-sided form `safe` and `little`, see
        `LIMITS`.
    """
    jobs = Parallel(n_jobs=-1 if len(specs) > 1 else 1)
    return pd.concat(
        jobs(delayed(_predicted)(s, n) for s, n in zip(specs, networks, strict=True)), ignore_index=True
    )


def freeze(file: Path, specs: Sequence[Spec], networks: Sequence[Network]) -> pd.DataFrame:
    """Write the predictions for some networks, and the stamp beside them, <name>.json.

    Raises:
        ValueError: the file exists: predictions are made once.
    """
    if file.exists():
        raise ValueError(f"{file} exists, and predictions are made once; choose another name")
    table = predictions(specs, networks)
    text = table.to_csv(index=False, na_rep="nan", float_format="%.9g")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8", newline="")
    stamp = {"code": code_digest(__name__ if __name__ != "__main__" else "study.predictions")}
    stamp |= {"table": _checksum(file), "limits": LIMITS, "libraries": library_versions()}
    stamp["networks"] = {s.name: n.digest() for s, n in zip(specs, networks, strict=True)}
    _stamp(file).write_text(json.dumps(stamp, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return table


def frozen(file: Path) -> pd.DataFrame:
    """A table of predictions; ValueError where it is not the one that was stamped."""
    if _checksum(file) != json.loads(_stamp(file).read_text(encoding="utf-8"))["table"]:
        raise ValueError(
            f"{file} is not the table that was frozen: its checksum differs from that in {_stamp(file)}"
        )
    return pd.read_csv(file, keep_default_na=False, na_values=["nan"])


def compare(file: Path, specs: Sequence[Spec], networks: Sequence[Network]) -> pd.DataFrame:
    """The frozen predictions beside what the ablations do, on other trials.

    Returns:
        As `beside`.

    Raises:
        ValueError: the table, the code that predicts, or the networks are not those of the stamp.
    """
    _of_networks(file, specs, networks)
    then, code = json.loads(_stamp(file).read_text(encoding="utf-8"))["code"], code_digest("study.predictions")
    if code != then:
        raise ValueError(f"{file} was predicted by other code: {then} then, {code} now")
    jobs = Parallel(n_jobs=-1 if len(specs) > 1 else 1)
    measured = pd.concat(jobs(delayed(_measured)(s, n) for s, n in zip(specs, networks, strict=True)))
    return beside(file, specs, networks, measured)


def beside(file: Path, specs: Sequence[Spec], networks: Sequence[Network], measured: pd.DataFrame) -> pd.DataFrame:
    """Frozen predictions of some of their networks beside what was measured.

    Args:
        file: the frozen table.
        specs, networks: of the stamp, all or some.
        measured: the keys, `removed`, `delta` (measured ΔFVU), and what else is to stand in the table.

    Returns:
        The rows of these networks: the frozen columns, those of `measured`, `was_safe` and `was_little`.

    Raises:
        ValueError: the table or a network is not that of the stamp.
    """
    table = _of_networks(file, specs, networks)
    table = table.merge(measured, on=[*KEYS, "removed"], validate="one_to_one")
    return table.assign(
        was_safe=table.delta <= _allowed(table.intact), was_little=table.delta <= LIMITS["absolute"]
    )


def _of_networks(file, specs, networks):
    """The frozen table, if it was made for these networks."""
    then = json.loads(_stamp(file).read_text(encoding="utf-8"))["networks"]
    other = sorted(s.name for s, n in zip(specs, networks, strict=True) if then.get(s.name) != n.digest())
    if other:
        raise ValueError(f"{file} was predicted for other networks: {', '.join(other)} differ")
    return frozen(file)


def _predicted(spec, net):
    task = spec.make_task()
    trials = on_task(net.double(), task, LIMITS["n_trials"], LIMITS["seed"], metric="fvu")
    form, W, alpha = trials.form, trials.W_hh.numpy(), LIMITS["alpha"]
    sets = [removed for removed in SUBSETS if removed]
    changes = [form.part(form.mask(removed, alpha)) for removed in sets]
    rows = []
    for removed in sets:
        row = {key: getattr(spec, key) for key in KEYS} | {"removed": label(removed)}
        row |= {"n_leading": form.n_leading(alpha), "mass": form.removed_mass(removed, alpha)}
        rows.append(row | {"intact": trials.intact})
    table = pd.concat([pd.DataFrame(rows), predict(trials, changes)], axis=1)
    table["accuracy"] = [_accuracy(trials, W - dW) if task.free_steps else float("nan") for dW in changes]
    return table.assign(
        safe=table.two_sided <= _allowed(table.intact), little=table.two_sided <= LIMITS["absolute"]
    )


def _measured(spec, net):
    trials = on_task(net, spec.make_task(), LIMITS["n_measured"], LIMITS["seed_measured"], metric="fvu")
    form, sets = trials.form, [removed for removed in SUBSETS if removed]
    matrices = [form.ablate(removed, LIMITS["alpha"]) for removed in sets]
    rows = [{key: getattr(spec, key) for key in KEYS} | {"removed": label(removed)} for removed in sets]
    table = pd.DataFrame(rows).assign(delta=trials.harms(matrices), measured_accuracy=float("nan"))
    if trials.free_steps:
        table["measured_accuracy"] = trials.scored_by("replay_accuracy").scores(matrices).numpy()
    return table


def _accuracy(trials, W):
    n_symbols, net = len(trials.inputs), trials.network
    G = impulse_response(net.W_xh.numpy(), W, net.W_hy.numpy(), n_symbols + trials.free_steps)
    return closed_form(G, n_symbols, trials.free_steps)


def _allowed(intact):
    return LIMITS["epsilon"] * intact.clip(lower=LIMITS["floor"])


def _stamp(file):
    return file.with_suffix(".json")


def _checksum(file):
    return hashlib.sha256(file.read_bytes()).hexdigest()


def place(specs: Sequence[Spec]) -> Path:
    """Where the predictions for a pack are shipped."""
    return folders.DATA / "predictions" / packs.path(specs, folders.DATA).with_suffix(".csv").name


def commits() -> dict[str, dict[str, dict[str, str]]]:
    """Of each edition, `commit` and `time` at which networks, predictions and ablations entered the history."""
    return json.loads(folders.shipped(folders.DATA / "predictions" / "commits.json").read_text(encoding="utf-8"))


def main(arguments=None):
    """Freeze predictions for the packs of a task, or compare frozen ones with the ablations."""
    parser = argparse.ArgumentParser(prog="python -m study.predictions", description=main.__doc__)
    parser.add_argument("action", choices=("freeze", "compare"))
    parser.add_argument("task", choices=tuple(TASKS))
    chosen = parser.parse_args(arguments)
    for specs in catalogue.packed(chosen.task):
        file, networks = place(specs), catalogue.networks(specs)
        if chosen.action == "freeze":
            print(f"{len(freeze(file, specs, networks))} predictions in {file}, with a stamp beside: commit both")
            continue
        table = compare(file, specs, networks)
        right = [(table[call] == table[f"was_{call}"]).sum() for call in ("safe", "little")]
        print(f"{file.name}: right of {len(table)} calls: safe {right[0]}, little {right[1]}")


if __name__ == "__main__":
    main()
