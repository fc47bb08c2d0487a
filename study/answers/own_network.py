"""What the chapter on one's own network says: profiles over trials and over networks, gates, what can go."""

from collections.abc import Mapping, Sequence

import pandas as pd

from schur_lib.metrics import NEGLIGIBLE_MASS
from schur_lib.schur import COUPLINGS
from schur_lib.subjects import Evaluation
from study.figures.style import without
from study.words import as_text, between, in_networks, listed, signed

CLEAR = 0.9  # Cliff's δ from which nulls are called different from the ablation (our choice)


def training(steps: int, n_networks: int, networks: str) -> str:
    """Which networks the page shows: the shipped ones ("reference"), or "trained" here."""
    shown = f"{n_networks} RNN{'s' if n_networks > 1 else ''} and one GRU"
    said = f"Each is trained for {steps} steps, which takes seconds. "
    if networks == "trained":
        return f"{said}This page trained {shown} itself; on another type of processor training ends elsewhere."
    return (
        f"{said}Training ends elsewhere on another type of processor, so this page shows {shown} whose weights "
        "lie in `data/own_network`, trained by the code above with the seeds 0, 1, …; with "
        '`networks = "trained"` the page trains them itself.'
    )


def profile(table: pd.DataFrame) -> pd.DataFrame:
    """A profile scored by the FVU, as text; over networks instead of trials where it has their number.

    Args:
        table: from `profile_of` or `over_networks`.
    """
    pooled = "n_networks" in table
    rows = []
    for row in table.itertuples():
        known = row.removed and not pd.isna(row.low)
        ends = between((row.low, row.high)) if known else "–"
        shown = {"ablated": without(row.removed), "Schur mass": as_text(row.mass)}
        shown |= {"FVU": as_text(row.score), "change": signed(row.delta)}
        shown["95 % over networks" if pooled else "95 % over trials"] = ends
        rows.append(shown | ({"n": row.n_networks} if pooled else {}))
    return pd.DataFrame(rows)


def of_profile(table: pd.DataFrame, trials: Evaluation) -> str:
    """Which block matters most, whether that is the largest, and which path the model took.

    Args:
        table: from `profile_of`, scored by the FVU.
        trials: what it was measured on.
    """
    single, worst = _single(table), _worst(table)
    largest = single.mass.idxmax()
    path = "fast" if trials.network is not None else "general"
    needed = "Without any single block the FVU does not rise."
    if worst:
        needed = (
            f"Most depends on {worst}, which holds {single.mass[worst]:.2f} of the Schur mass: without it the FVU "
            f"rises by {as_text(single.delta[worst])}."
        )
    if largest != worst:
        needed += (
            f" Without the block of the largest mass ({largest}, {single.mass[largest]:.2f}) it changes by "
            f"{signed(single.delta[largest])}."
        )
    return (
        f"The intact network leaves {table.score[0]:.3f} of the variance unexplained; its leading sector holds "
        f"{table.n_leading[0]} of {len(trials.W_hh)} dimensions. {needed} Intervals are over {trials.n_trials} "
        "trials of this one network, paired.\n\nA model of one plain tanh or ReLU layer and a linear readout is "
        "recognised and runs through the fused rollout of this library, after a check that it gives the same "
        f"outputs; all other models run as they are. This one took the {path} path."
    )


def beside_nulls(table: pd.DataFrame) -> pd.DataFrame:
    """The single blocks beside isotropic changes of their norm, as text.

    Args:
        table: a profile scored by the FVU with `isotropic_median`, `isotropic_p` and `isotropic_effect`.
    """
    return pd.DataFrame(
        {
            "ablated": without(row.removed),
            "harm": as_text(row.delta),
            "isotropic nulls, median": as_text(row.isotropic_median),
            "p (as mild)": as_text(row.isotropic_p),
            "verdict": _of_its_size(row.isotropic_effect),
        }
        for row in table[table.removed.isin(COUPLINGS)].itertuples()
    )


def agreement(profiles: Sequence[pd.DataFrame]) -> str:
    """In how many networks the block that matters most is that of the first."""
    worst = [_worst(table) for table in profiles]
    how_many = in_networks(worst.count(worst[0]), len(worst)).capitalize()
    if worst[0]:
        return f"{how_many} {worst[0]} is the block that matters most."
    return f"{how_many} the FVU does not rise without any single block."


def of_gates(table: pd.DataFrame, accuracy: float) -> str:
    """How well the GRU does, and which blocks of which gate it needs.

    Args:
        table: profiles of the gates, scored by the cross-entropy, with a column `gate`.
        accuracy: of the intact network.
    """
    single = table[table.removed.isin(COUPLINGS)]
    most = single.loc[single.delta.idxmax()]
    filled = single[single.mass > NEGLIGIBLE_MASS]
    clear = [f"{row.removed} ({row.gate})" for row in filled[filled.low > 0].itertuples()]
    return (
        f"The GRU is right in {accuracy:.3f} of the trials, its cross-entropy is {table.score.iloc[0]:.3f} nats. "
        f"The largest change, {as_text(most.delta)}, comes from {most.removed} of the {most.gate} gate. Of the "
        f"{len(filled)} blocks that hold anything, {listed(clear)} {'do' if len(clear) > 1 else 'does'} harm for "
        "certain: the interval over trials lies above zero."
    )


def stabilisers(found: pd.DataFrame) -> pd.DataFrame:
    """What can go at once, and whether that holds on other trials, as text.

    Args:
        found: from `stabilisers`, of blocks and groups.
    """
    return pd.DataFrame(
        {
            "searched": row.kind,
            "ablated": (row.removed or "none") if row.kind == "blocks" else f"{row.share:.0%} of the couplings",
            "Schur mass": as_text(row.mass),
            "harm (allowed)": f"{signed(row.harm, 4)} ({row.allowed:.4f})",
            "on other trials": f"{signed(row.held_out_harm, 4)} ({row.held_out_allowed:.4f})",
            "verdict": "holds" if row.holds else "does not hold",
        }
        for row in found.itertuples()
    )


def together(profiles: Sequence[pd.DataFrame], gates: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """All profiles of the page as one table.

    Args:
        profiles: of the RNNs, by seed.
        gates: of the GRU, by gate.
    """
    parts = [table.assign(model="rnn", seed=i, gate="") for i, table in enumerate(profiles)]
    parts += [table.assign(model="gru", seed=0, gate=gate) for gate, table in gates.items()]
    columns = "model seed gate removed mass score delta low high n_leading alpha metric n_trials"
    return pd.concat(parts, ignore_index=True)[columns.split()]


def _single(table):
    return table[table.removed.isin(COUPLINGS)].set_index("removed")


def _worst(table):
    """The block whose ablation does most harm; None where none does."""
    delta = _single(table).query("mass > @NEGLIGIBLE_MASS and delta > 0").delta
    return delta.idxmax() if len(delta) else None


def _of_its_size(effect):
    if pd.isna(effect):
        return "–"
    if abs(effect) <= CLEAR:
        return "as its size"
    return f"{'milder' if effect > 0 else 'harsher'} than its size"
