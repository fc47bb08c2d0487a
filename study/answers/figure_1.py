"""What the chapter on Figure 1 says."""

import numpy as np
import pandas as pd

from study import claims, paper
from study.figures.style import NAMES, ORDER, without
from study.words import as_text, at_most, between, listed, mean_sd, power_above, signed

SOLVED = 0.995  # accuracy of a network that replays without fault (our choice)
FAR = 0.01  # difference of a mean from the paper that is worth a word (our choice)
SAME = 1.1  # times its error: up to there outputs count as hardly changed (our choice)
ROUNDED = 5e-8  # what a table of seven decimals takes for 0


def published(table: pd.DataFrame) -> pd.DataFrame:
    """The accuracies of the paper's Figure 1 beside ours, from `paper.beside_paper`, in its order."""
    rows = paper.beside_paper(table, "Figure 1")
    return rows[rows.removed.isin(ORDER)].reset_index(drop=True)


def drawn(table: pd.DataFrame) -> pd.DataFrame:
    """What the paper prints for both panels of its Figure 1: of Cayley, that nothing changes.

    Returns:
        `construction`, `removed`, `paper`.
    """
    unchanged = 1 + paper.paper_value("f1_cayley_any")
    cayley = pd.DataFrame({"construction": "cayley", "removed": ORDER, "paper": unchanged})
    return pd.concat([published(table)[list(cayley)], cayley], ignore_index=True)


def networks(table: pd.DataFrame) -> str:
    """How many networks there are, and how many of them replay without fault."""
    kinds = [f"{part.seed.nunique()} {NAMES[name]}"
             for name, part in table.groupby("construction", sort=False)]  # fmt: skip
    intact = _orthogonal(table).query("removed == ''")
    return (
        f"There are {listed(kinds)} networks of 72 hidden units, which differ in their seed; $\\alpha = 0.9$. "
        f"{(intact.score >= SOLVED).sum()} of {len(intact)} dense orthogonal networks replay with an accuracy "
        f"of at least {SOLVED} when nothing is ablated."
    )


def found(table: pd.DataFrame) -> str:
    """The accuracy without each block in one sentence, which the first page of the book quotes."""
    theirs = published(table).set_index("removed").paper
    ours = _orthogonal(table).groupby("removed").score.mean()
    return (
        f"{_orthogonal(table).seed.nunique()} dense orthogonal networks replay a sequence with a mean accuracy "
        f"of {ours['']:.3f}; without CC it is {ours['CC']:.3f}, without RR {ours['RR']:.3f} (paper: "
        f"{theirs['RR']:.3f}), without CR {ours['CR']:.3f} (paper: {theirs['CR']:.3f})."
    )


def beside_paper(table: pd.DataFrame) -> pd.DataFrame:
    """The dense orthogonal networks beside the paper, set by set, as text.

    Without CR stands in it twice: with the value of the paper's Figure 1 and with that of its Table 1.
    """
    first, second = published(table), paper.beside_paper(table, "Table 1")
    second = second[second.id == "t1_orth_090_CR"]
    both = pd.concat([first.assign(where=""), second.assign(where=" (Table 1)")])
    both = both.sort_values("removed", key=lambda names: names.map(ORDER.index), kind="stable")
    scores = _orthogonal(table).groupby("removed").score
    return pd.DataFrame(
        {
            "ablated": without(row.removed) + row.where,
            "paper": f"{row.paper:.3f}",
            "ours": mean_sd(scores.get_group(row.removed)),
            "lowest": f"{row.min:.3f}",
            "highest": f"{row.max:.3f}",
            "n": row.n,
            "difference": signed(row.difference),
        }
        for row in both.itertuples()
    )


def two_values() -> str:
    """That the paper prints two accuracies without CR."""
    table, text = paper.paper_value("t1_orth_090_CR"), paper.paper_value("f1_orth_CR")
    return (
        f"For −CR the paper prints {table:g} in its Table 1 and {text:g} in its text and Figure 1; both are shown."
    )


def differs(table: pd.DataFrame) -> str:
    """How many published accuracies are within our range, and which means are far from them."""
    rows = published(table)
    far = rows[rows.difference.abs() > FAR]
    far = far.sort_values("difference", key=lambda d: -d.abs().round(3), kind="stable")
    named = "; ".join(f"{without(r.removed)} by {signed(r.difference)}" for r in far.itertuples())
    return (
        f"Of the {len(rows)} accuracies that Figure 1 of the paper prints, {(rows.agrees == 'yes').sum()} agree "
        f"with the networks trained here, each taken alone. {of_the_pair(table)}Sets whose mean is more than "
        f"{FAR} away from the paper: {named or 'none'}."
    )


def of_the_pair(table: pd.DataFrame) -> str:
    """Whether the paper's accuracies without RR and without CR go together as ours do; "" with few networks."""
    (row,) = paper.joint(table).itertuples()
    if np.isnan(row.p):
        return ""
    unlikely = "As a pair they are unlikely" if row.p < 0.05 else "As a pair, too, they are likely"
    return (
        f"{unlikely} (Hotelling's $T^2$ over {row.n} networks, p = {row.p:.2g}): over our networks the accuracy "
        f"without CR follows that without RR (r = {row.r:.2f}), and at the paper's {row.RR:g} without RR ours "
        f"predict {row.predicted:.3f} without CR ({row.low:.3f} to {row.high:.3f}), where the paper has "
        f"{row.CR:g}. "
    )


def two_measures(table: pd.DataFrame, by_fvu: pd.DataFrame) -> pd.DataFrame:
    """What single ablations do to the replay, in signs and in squares, as text.

    Args:
        table: profiles by accuracy.
        by_fvu: of the same networks by FVU.
    """
    rows = []
    scores, errors = (
        _orthogonal(t).pivot(index="seed", columns="removed", values="score") for t in (table, by_fvu)
    )
    for name in ("CC", "RR", "CR"):
        times = errors[name] / errors[""]
        rows.append(
            {
                "ablated": without(name),
                "accuracy lost": mean_sd(scores[""] - scores[name], 4),
                "FVU, intact": mean_sd(errors[""], 4),
                "FVU, ablated": mean_sd(errors[name], 4),
                "times the FVU": _median_range(times),
                "n": len(times),
            }
        )
    return pd.DataFrame(rows)


def of_two_measures(by_fvu: pd.DataFrame) -> str:
    """That what leaves every sign as it is need not leave the outputs as they are."""
    errors = _scores(by_fvu)
    times = errors["CC"] / errors[""]
    return (
        "The accuracy counts signs and does not see how far an output is from ±1. Without $T_{CC}$ the squared "
        f"error is multiplied by {_median_range(times, ' in single networks')}: the replay survives"
        f"{', the outputs are not the same' if times.median() > SAME else ', and the outputs hardly change'}."
    )


def added(table: pd.DataFrame) -> pd.DataFrame:
    """What ablating CC adds to the ablation of other blocks, as text."""
    theirs = published(table).set_index("removed").paper
    rows = []
    for (one, other), change in _changes(table).items():
        spread = f"{change.std():.4f}" if len(change) > 1 else "–"
        rows.append(
            {
                "pair": f"{without(one)} → {without(other)}",
                "paper": signed(theirs[other] - theirs[one]),
                "ours": f"{signed(change.mean(), 4)} ± {spread}",
                "largest": signed(change.loc[change.abs().idxmax()], 4),
                "n": len(change),
            }
        )
    return pd.DataFrame(rows)


def judged(table: pd.DataFrame) -> list[claims.Claim]:
    """The three claims that Figure 1 carries."""
    return [claims.claim_1(table), claims.claim_2(table), claims.claim_3(table)]


def verdicts(table: pd.DataFrame) -> str:
    """What each of the three claims comes to, a paragraph each."""
    first, second, third = (claim.verdict for claim in judged(table))
    alone, *given = _changes(table).values()
    sets = _orthogonal(table).groupby("removed")[["score", "mass", "sensitivity"]].mean()
    lost, mass, per_mass = sets.score[""] - sets.score, sets.mass, -sets.sensitivity
    cayley = table[table.construction == "cayley"]
    largest = power_above(max(cayley.mass.max(), ROUNDED))
    moved = max(change.abs().max() for change in given)
    moved_mean = max(abs(change.mean()) for change in given)
    return (
        f"**Claim 1: {first}.** On its own, $T_{{CC}}$ moves the accuracy by {alone.abs().max():.4f} at most, in "
        f"any network. Given other ablations it moves a network by up to {moved:.4f}, and the mean over networks "
        f"by up to {moved_mean:.4f}, where the paper's pairs differ by 0.001 at most.\n\n"
        f"**Claim 2: {second}.** Ablating $T_{{RR}}$ costs {lost['RR']:.3f}, ablating $T_{{CR}}$ "
        f"{lost['CR']:.3f}. The amounts ablated are others: $T_{{RR}}$ holds {mass['RR']:.3f} of the Schur mass, "
        f"$T_{{CR}}$ {mass['CR']:.3f} and $T_{{CC}}$ {mass['CC']:.3f}. Per ablated Schur mass, $T_{{RR}}$ costs "
        f"{as_text(per_mass['RR'], '.2f')} and $T_{{CR}}$ {as_text(per_mass['CR'], '.2f')}.\n\n"
        f"**Claim 3: {third}.** In a Cayley network every set of blocks holds less than {largest} of the Schur "
        f"mass, and no ablation moves the accuracy by more than {at_most(cayley.delta.abs().max())}. "
        "With nothing to ablate, the effect per ablated mass is undefined: the table of results leaves the "
        "sensitivity of a Cayley network empty."
    )


def _median_range(times, where=""):
    median, ends = as_text(times.median(), ".1f"), between(times, ".1f")
    return median + (f" ({ends}{where})" if ends != median else "")


def _orthogonal(table):
    return table[table.construction == "dense_orthogonal"]


def _scores(table):
    return _orthogonal(table).pivot(index="seed", columns="removed", values="score")


def _changes(table):
    """Change of each network's accuracy when CC is ablated too, by the pair of sets."""
    scores = _scores(table)
    pairs = zip(ORDER[::2], ORDER[1::2], strict=True)
    return {(one, other): scores[other] - scores[one] for one, other in pairs}
