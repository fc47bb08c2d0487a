"""The controls of the book for anyone's network: what the report shows, from an `Evaluation` alone.

Harm is how much worse a score becomes, in units of the metric: positive where it does worse.
"""

import numpy as np
import pandas as pd
import torch

from schur_lib.dynamics import hidden_states
from schur_lib.metrics import NEGLIGIBLE_MASS
from schur_lib.schur import COUPLINGS, SUBSETS, ordered_schur
from schur_lib.subjects import Evaluation, profile_of
from study.probes.activity import SHARE, active_mass, activity_basis
from study.probes.nulls import changes
from study.statistics import dominance

NULLS = ("isotropic", "same entries")
DOSES = tuple(round(0.1 * i, 1) for i in range(21))
NUDGE = 1e-3  # relative size of a small change of W
POWERS = 100


def harms(trials: Evaluation, matrices, whole: float) -> np.ndarray:
    """(K,) float64: how much worse each matrix does than the score `whole`."""
    scores = trials.scores(torch.as_tensor(M) for M in matrices).numpy()
    return whole - scores if trials.higher_is_better else scores - whole


def profile_with_nulls(
    trials: Evaluation, few: Evaluation, alpha: float = 0.9, draws: int = 100, seed: int = 0
) -> pd.DataFrame:
    """The profile of the eight subsets, with random changes of the same norm beside each.

    Args:
        trials: the network on all trials, for the profile.
        few: the same network on the trials for the nulls, which are many runs.
        alpha: splits the leading sector from its complement, in (0, 1].
        draws: random changes of each kind.
        seed: of the changes.

    Returns:
        `profile_of(trials)`, and for each kind of null in NULLS, with _ for a blank: `<kind>_low`,
        `<kind>_median`, `<kind>_high` (harm: 5 %, median, 95 % of the draws), `<kind>_p` =
        (1 + #{null at least as mild as the removal}) / (1 + draws) and `<kind>_effect` (Cliff's δ, 1
        where every null does more harm). NaN where there is nothing to remove.
    """
    table = profile_of(trials, alpha)
    form = ordered_schur(trials.W_hh)
    masks, rng = form.couplings(alpha), np.random.default_rng(seed)
    couplings = np.any(list(masks.values()), axis=0)
    whole = float(few.scores([few.W_hh])[0])
    rows = []
    for removed, s in zip(table.removed, SUBSETS, strict=True):
        row = {"removed": removed}
        if form.removed_mass(s, alpha) > NEGLIGIBLE_MASS:
            mask = np.any([masks[name] for name in s], axis=0)
            done = harms(few, [form.ablate(s, alpha)], whole)[0]
            for kind in NULLS:
                dT = changes(form.T, mask, couplings, kind, draws, rng)
                drawn = harms(few, (form.Q @ (form.T - d) @ form.Q.T for d in dT), whole)
                low, median, high = np.quantile(drawn, (0.05, 0.5, 0.95), method="nearest")
                name = kind.replace(" ", "_")
                row |= {f"{name}_low": low, f"{name}_median": median, f"{name}_high": high}
                row[f"{name}_p"] = (1 + int((drawn <= done).sum())) / (1 + draws)
                row[f"{name}_effect"] = dominance(drawn, done)
        rows.append(row)
    parts = ("low", "median", "high", "p", "effect")
    columns = [f"{kind.replace(' ', '_')}_{part}" for kind in NULLS for part in parts]
    nulls = pd.DataFrame(rows).reindex(columns=["removed", *columns])
    return table.merge(nulls, on="removed")


def doses(few: Evaluation, alpha: float = 0.9) -> pd.DataFrame:
    """Each block scaled by 1 − s: W(s) = W − s ΔW, from s = 0 over 1 (removed) to 2 (negated).

    Args:
        few: the network on some trials.
        alpha: splits the leading sector from its complement, in (0, 1].

    Returns:
        One row a block that is there and a dose: `removed`, `dose`, `harm`.
    """
    form = ordered_schur(few.W_hh)
    W = few.W_hh.numpy()
    whole = float(few.scores([few.W_hh])[0])
    tables = []
    for name in COUPLINGS:
        if form.removed_mass({name}, alpha) > NEGLIGIBLE_MASS:
            dW = W - form.ablate({name}, alpha)
            harm = harms(few, (W - s * dW for s in DOSES), whole)
            tables.append(pd.DataFrame({"removed": name, "dose": DOSES, "harm": harm}))
    empty = pd.DataFrame({"removed": [], "dose": [], "harm": []})
    return pd.concat(tables, ignore_index=True) if tables else empty


def halves(trials: Evaluation, alpha: float = 0.9, share: float = SHARE) -> pd.DataFrame:
    """Each block removed whole, only where it acts on the activity (ΔW P_V), or only elsewhere.

    V holds the leading eigenvectors of E[h hᵀ] that carry `share` of it (see `subspace.halves`).

    Args:
        trials: a plain network on some trials.
        alpha: splits the leading sector from its complement, in (0, 1].
        share: of the activity.

    Returns:
        One row a block that is there and part: `removed`, `part` ("whole", "on", "off"), `k`
        (dimensions of V), `mass` ‖ΔW‖_F/‖W‖_F of the part, `active_mass`, `harm`.

    Raises:
        ValueError: the evaluation is not of a plain network, so that its states are not known.
    """
    if trials.network is None:
        raise ValueError("the activity is only known of a plain network, with trials.network")
    net, form = trials.network, ordered_schur(trials.W_hh)
    states = hidden_states(net, trials.inputs)[:-1].double().flatten(0, 1).numpy()
    start = np.zeros(net.hidden_size) if net.h0 is None else net.h0.double().numpy()
    n_start = trials.inputs.shape[1]
    C = states.T @ states + n_start * np.outer(start, start)
    C /= len(states) + n_start
    V = activity_basis(C, share)
    W, whole, rows, matrices = trials.W_hh.numpy(), float(trials.scores([trials.W_hh])[0]), [], []
    for name in COUPLINGS:
        if form.removed_mass({name}, alpha) <= NEGLIGIBLE_MASS:
            continue
        dW = W - form.ablate({name}, alpha)
        on = dW @ V @ V.T
        for part, d in (("whole", dW), ("on", on), ("off", dW - on)):
            mass = np.linalg.norm(d) / np.linalg.norm(W)
            rows.append((name, part, V.shape[1], mass, active_mass(d, W, C)))
            matrices.append(W - d)
    columns = ["removed", "part", "k", "mass", "active_mass"]
    return pd.DataFrame(rows, columns=columns).assign(harm=harms(trials, matrices, whole))


def steadiness(trials: Evaluation, alpha: float = 0.9, draws: int = 20, seed: int = 0):
    """What small changes of W (relative size 1e-3) do to the blocks and to the harm of removing them.

    Args:
        trials: the network on some trials.
        alpha: splits the leading sector from its complement, in (0, 1].
        draws: small changes.
        seed: of the changes.

    Returns:
        DataFrame, one row a block: `removed`, `mass`, `mass_low`, `mass_high` and `harm`, `harm_low`,
        `harm_high` (the lowest and the highest over the changes), and `n_low`, `n_high`: of n_R.
    """
    W, rng = trials.W_hh.numpy(), np.random.default_rng(seed)
    size = NUDGE * np.linalg.norm(W)
    rows = []
    for draw in range(draws + 1):
        E = rng.standard_normal(W.shape)
        V = W + size / np.linalg.norm(E) * E if draw else W
        form = ordered_schur(V)
        whole = float(trials.scores([torch.from_numpy(V)])[0])
        harm = harms(trials, [form.ablate({name}, alpha) for name in COUPLINGS], whole)
        for name, h in zip(COUPLINGS, harm, strict=True):
            rows.append((draw, name, form.removed_mass({name}, alpha), h, form.n_leading(alpha)))
    table = pd.DataFrame(rows, columns=["draw", "removed", "mass", "harm", "n"])
    summary = []
    for name, part in table.groupby("removed", sort=False):
        row = {"removed": name, "mass": part.mass.iloc[0], "harm": part.harm.iloc[0]}
        for column in ("mass", "harm", "n"):
            row |= {f"{column}_low": part[column].min(), f"{column}_high": part[column].max()}
        summary.append(row)
    return pd.DataFrame(summary)


def nonnormality(W, powers: int = POWERS) -> dict:
    """How far a matrix is from normal.

    Args:
        W: (N, N) real.
        powers: how many powers of W/ρ are looked at.

    Returns:
        `henrici`: departure from normality (‖W‖_F² − Σ|λ|²)^(1/2) / ‖W‖_F (Henrici 1962), 0 for a
        normal matrix; `numerical_radius` over ρ (1 for a normal matrix); `growth`: (powers + 1,),
        ‖Wᵏ‖₂/ρᵏ for k = 0, 1, …; `peak` and `peak_at`: its largest value and k. NaN and an empty
        growth for a nilpotent matrix.
    """
    W = np.asarray(W, dtype=float)
    form = ordered_schur(W)
    moduli = np.abs(form.eigenvalues)
    rho, size = moduli.max(), np.linalg.norm(W)
    henrici = np.sqrt(max(size**2 - np.square(moduli).sum(), 0)) / size if size else 0.0
    if not rho > 0:
        none = float("nan")
        return {"henrici": henrici, "numerical_radius": none, "growth": np.array([]),
                "peak": none, "peak_at": 0}  # fmt: skip
    angles = np.exp(1j * np.linspace(0, np.pi, 180, endpoint=False))
    radius = max(
        np.abs(np.linalg.eigvalsh((a * W + np.conj(a) * W.T) / 2)[[0, -1]]).max() for a in angles
    )
    growth, P = [], np.eye(len(W))
    for _ in range(powers + 1):
        growth.append(np.linalg.norm(P, 2))
        P = P @ W / rho
    growth = np.array(growth)
    return {
        "henrici": float(henrici),
        "numerical_radius": float(radius / rho),
        "growth": growth,
        "peak": float(growth.max()),
        "peak_at": int(growth.argmax()),
    }


def findings(
    table: pd.DataFrame,
    steady: pd.DataFrame,
    halved: pd.DataFrame,
    stable: pd.DataFrame,
    normal: dict,
    gap: float,
    hidden_size: int,
) -> list[str]:
    """The report's findings in plain sentences (Markdown), every number and verdict computed.

    Args:
        table: from `profile_with_nulls`.
        steady: from `steadiness`.
        halved: from `halves`.
        stable: from `stabilisers`, with the kind "blocks".
        normal: from `nonnormality`.
        gap: of the cut, NaN where the complement is empty.
        hidden_size: N_h.
    """
    whole, metric = table.iloc[0], table.metric[0]
    accuracy = metric in ("accuracy", "replay_accuracy")
    sign = -1 if accuracy else 1
    said = []
    done = whole.score >= 0.9 if accuracy else whole.score <= 0.1 if metric == "fvu" else None
    score = (
        f"The whole network scores {text(whole.score)} ({NAMES[metric]}) on {whole.n_trials} trials"
    )
    if done is False:
        score += ": it does not do the task well, so that what a removal changes says little"
    said.append(score + ".")
    if np.isnan(gap):
        said.append(
            f"The leading sector holds all {hidden_size} dimensions: there is no complement, "
            "and T<sub>CR</sub> and T<sub>CC</sub> are empty. A larger α may split the spectrum."
        )
    else:
        n_low, n_high = int(steady.n_low.min()), int(steady.n_high.max())
        moves = n_low != n_high
        cut = f"The leading sector holds {whole.n_leading} of {hidden_size} dimensions"
        if moves:
            cut += (
                f", but under changes of W by {NUDGE:.1%} this number varies from {n_low} to {n_high}: "
                "the cut is not well posed, and another α should be tried beside this one"
            )
        else:
            cut += f", and changes of W by {NUDGE:.1%} leave this number as it is"
        said.append(cut + ".")
    single = table[table.removed.isin(COUPLINGS) & (table.mass > NEGLIGIBLE_MASS)]
    single = single.assign(harm=sign * single.delta)
    if single.empty:
        said.append("No block holds more than rounding: W is normal, and nothing can be removed.")
    else:
        ordered = single.sort_values("harm", kind="stable")
        worst, mildest = ordered.iloc[-1], ordered.iloc[0]
        said.append(_effect(worst, "does the most harm"))
        if len(ordered) > 1:
            said.append(_effect(mildest, "does the least"))
        kind = NULLS[0]
        for row in (mildest, worst) if len(ordered) > 1 else (worst,):
            median, p = row[f"{kind}_median"], row[f"{kind}_p"]
            effect = row[f"{kind}_effect"]
            versus = (
                "less harm than its size lets expect"
                if effect > 0.9
                else "more harm than its size lets expect"
                if effect < -0.9
                else "about the harm that its size lets expect"
            )
            said.append(
                f"Isotropic random changes as large as {sub(row.removed)} do a harm of {text(median)} (median; "
                f"p = {p:.3f} for a change as mild as the removal): removing it does {versus}."
            )
        parts = halved.pivot(index="removed", columns="part", values="harm")
        if worst.removed in parts.index:
            part = parts.loc[worst.removed]
            k = int(halved.k.iloc[0])
            said.append(
                f"The activity fills {k} of {hidden_size} dimensions (to {SHARE:.0%}). Of "
                f"{sub(worst.removed)}, the part that reads them does a harm of {text(part.on)} when "
                f"removed alone, the rest {text(part.off)}, the whole {text(part.whole)}."
            )
    blocks = stable[stable.kind == "blocks"]
    if len(blocks):
        row = blocks.iloc[0]
        names = ", ".join(sub(name) for name in row.removed.split("+")) if row.removed else "none"
        check = "This holds" if row.holds else "This does **not** hold"
        found = f"Blocks that can go at once within a harm of {text(row.allowed)}: {names}"
        if row.removed:
            found += (
                f" (Schur mass {row.mass:.3f}). {check} on other trials "
                f"(harm {text(row.held_out_harm)} of {text(row.held_out_allowed)})"
            )
        said.append(f"{found}.")
    for row in stable[stable.kind != "blocks"].itertuples():
        check = "holds" if row.holds else "does **not** hold"
        said.append(
            f"In {'groups between eigenvalue blocks' if row.kind == 'groups' else 'single entries'}, "
            f"{row.share:.0%} of all couplings (Schur mass {row.mass:.3f}) were found to be removable "
            f"at once; this {check} on other trials (harm {text(row.held_out_harm)} of "
            f"{text(row.held_out_allowed)})."
        )
    said.append(
        f"W departs from normality by {normal['henrici']:.3f} (Henrici, 0 to 1); its powers, without "
        f"the growth of ρᵏ, reach a norm of {text(normal['peak'])} at k = {normal['peak_at']}."
    )
    return said


NAMES = {
    "fvu": "fraction of variance unexplained; lower is better",
    "accuracy": "share of right classes; higher is better",
    "cross_entropy": "cross-entropy in nats; lower is better",
    "replay_accuracy": "share of right signs; higher is better",
}


def text(value: float) -> str:
    """A number for prose: three significant digits, infinity in words."""
    if not np.isfinite(value):
        return "without bound" if value > 0 else "undefined"
    if value == 0:
        return "0"
    if 1e-4 <= abs(value) < 1e5:
        return f"{value:.3g}".replace("-", "−")
    digits, exponent = f"{value:.1e}".split("e")
    power = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{digits}·10{power}".replace("-", "−")


def sub(name: str) -> str:
    """A block's name with its subscript in HTML."""
    return f"T<sub>{name}</sub>"


def _effect(row, what):
    between = (
        f" (95 % over trials {text(row.low)} to {text(row.high)})" if np.isfinite(row.low) else ""
    )
    return (
        f"Of the single blocks, removing {sub(row.removed)} {what}: it holds {row.mass:.3f} of the "
        f"Schur mass, and without it the score is {text(row.score)}, a change of {text(row.delta)}"
        f"{between}."
    )
