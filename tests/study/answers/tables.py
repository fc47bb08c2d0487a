"""Small tables and matrices with known answers."""

import numpy as np
import pandas as pd
import torch

from schur_lib import ordered_schur

SETS = ("", "CC", "RR", "RR+CC", "CR", "CR+CC", "RR+CR", "RR+CR+CC")


def profile(task, intact, n_leading, masses=None, **deltas):
    """The profile of some networks: a list over networks for each set; plus signs as underscores."""
    deltas = {name.replace("_", "+"): values for name, values in deltas.items()}
    rows = [
        (
            task,
            "dense_orthogonal",
            64,
            seed,
            removed,
            (masses or {}).get(removed, 0.2),
            delta,
            n_leading[seed],
        )
        for removed in SETS
        for seed, delta in enumerate(deltas.get(removed, [0.0] * len(intact)))
    ]
    columns = [
        "task",
        "construction",
        "hidden_size",
        "seed",
        "removed",
        "mass",
        "delta",
        "n_leading",
    ]
    table = pd.DataFrame(rows, columns=columns).assign(alpha=0.9, metric="fvu")
    table["score"] = table.delta + table.seed.map(dict(enumerate(intact)))
    table["sensitivity"] = table.delta / table.mass
    return table


def parts(name, curves):
    """`part` … `seed` from ΔFVU by block: a list over networks of {value: ΔFVU}."""
    return pd.DataFrame(
        (name, value, removed, delta, seed)
        for removed, networks in curves.items()
        for seed, curve in enumerate(networks)
        for value, delta in curve.items()
    ).set_axis(["part", "value", "removed", "delta", "seed"], axis=1)


def form(*eigenvalues):
    """The Schur form of a normal matrix; a complex number stands for itself and its conjugate."""
    blocks = [
        torch.tensor([[z.real, -z.imag], [z.imag, z.real]]) if isinstance(z, complex) else torch.tensor([[z]])
        for z in eigenvalues
    ]
    return ordered_schur(torch.block_diag(*blocks).double())


def states(*variances):
    """(T, 1, N) with these variances along the axes, uncorrelated."""
    n = len(variances)
    steps = np.concatenate([np.eye(n), -np.eye(n)]) * np.sqrt(variances)
    return steps[:, None, :]
