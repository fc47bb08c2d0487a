# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Figure 2: one block at a time, in three tasks
#
# The copy task needs nearly all of its dimensions. What about tasks that need few? {cite:t}`drager2026` deletes each of the three coupling blocks from networks of 64 units that were trained on three tasks known from neuroscience: [flip-flop](flip_flop.ipynb), [sine generation](sine_generation.ipynb) and [context-dependent integration](context_integration.ipynb). A block may be safe in one task and vital in another: is it, and in the way the paper says?

# %% tags=["parameters"]
networks = "reference"   # "reference": the networks shipped in data/; "trained": the store, training what is missing
profile = "paper"        # "paper": the paper's setting; "quick": tiny, to exercise the code only

# %% tags=["hide-input"]
from itertools import combinations

import matplotlib.pyplot as plt
import pandas as pd
from myst_nb import glue

from schur_lib.metrics import NEGLIGIBLE_MASS
from schur_lib.schur import COUPLINGS
from study import catalogue, claims, paper, words
from study.cache import measured
from study.figures import style
from study.probes.profiles import profiles

tasks = list(catalogue.TASKS)[1:]
specs = [spec for task in tasks for spec in catalogue.specs(task, profile, networks)]
nets = catalogue.networks(specs, networks)
table = measured("figure_2", profiles, specs, nets, removed=[[name] for name in COUPLINGS])
glue("n", int(table.groupby("task").seed.nunique().min()), display=False)
glue("hidden_size", specs[0].hidden_size, display=False)

# %% [markdown]
# {glue:text}`n` networks a task, each of {glue:text}`hidden_size` units, scored by the fraction of variance unexplained (FVU): 0 is perfect, 1 is no better than answering the mean. Above, the raw effect of a deletion, ΔFVU; below, the effect per removed Schur mass, $S_{\Delta T}$.

# %% mystnb={"figure": {"caption": "Effects of deleting a single block: bars are the mean over networks with its standard error, white strokes the median, points single networks, diamonds the paper's mean with its standard error where one is printed (zero where the paper speaks of almost no effect). The axes are square-root scaled: mean and median part where a few networks suffer far more than the rest.", "name": "fig-2"}, "image": {"alt": "Six panels of bars for the blocks RR, CR and CC. Columns: flip-flop, sine generation, context integration. Top row: change of the FVU. Bottom row: change per removed Schur mass. Diamonds mark the paper's values, which lie below ours for CR in flip-flop and in context integration."}} tags=["hide-input"]
compared = paper.beside_paper(table, "Figure 2")
style.figure_2(table, compared)
plt.show()

# %% [markdown]
# ## Beside the paper
#
# Every number that the paper prints of its Figure 2, and ours: mean ± standard deviation over networks, median, lowest and highest network, the difference of the means, and whether the published value lies between our lowest and our highest network (*within*, our choice of a yardstick; [Paper versus here](paper_versus_here.ipynb) says it exactly). Where the paper prints 0 it says in words that there is almost no, or little, effect.

# %% mystnb={"markdown_format": "myst"} tags=["hide-input"]
rows = []
for row in compared.itertuples():
    column = paper.COLUMNS[row.quantity]
    ours = table.loc[(table.task == row.task) & (table.removed == row.removed), column].dropna()
    digits = 1 if column == "sensitivity" else 4 if row.task == "flip_flop" else 2
    sem = "" if pd.isna(row.paper_sem) else f" ± {row.paper_sem:g}"
    rows.append(
        {
            "task": style.NAMES[row.task],
            "deleted": style.without(row.removed),
            "quantity": {"delta": "ΔFVU", "sensitivity": "S"}[column],
            "paper ± SEM": f"{row.paper:g}{sem}",
            "ours ± SD": words.mean_sd(ours, digits) if row.n else "–",
            "median": f"{ours.median():.{digits}f}" if row.n else "–",
            "lowest": f"{row.min:.{digits}f}" if row.n else "–",
            "highest": f"{row.max:.{digits}f}" if row.n else "–",
            "n": row.n,
            "difference": words.signed(row.difference, digits),
            "within": "yes" if row.within else "no",
        }
    )
words.show(pd.DataFrame(rows))

# %% tags=["remove-cell"]
def named(row):
    task, what = style.NAMES[row.task], "S" if row.quantity == "normalized_sensitivity" else "ΔFVU"
    digits = 4 if row.task == "flip_flop" else 2
    return f"{task}, {what} {style.without(row.removed)}: {row.mean:.{digits}f} here, {row.paper:g} in the paper"

outside = compared[~compared.within & (compared.n > 0)]
glue("outside", "; ".join(map(named, outside.itertuples())) or "none", display=False)
glue("n_outside", len(outside), display=False)
glue("n_published", len(compared), display=False)
effects = table[table.removed.isin(COUPLINGS)]
for task, short in zip(tasks, ("flip_flop", "sine", "integration"), strict=True):
    part = effects[effects.task == task].pivot(index="seed", columns="removed", values="delta")
    for block in COUPLINGS:
        glue(f"{short}_{block}", float(part[block].mean()), display=False)
        glue(f"{short}_{block}_median", float(part[block].median()), display=False)
    glue(f"{short}_above", int((part.CC > part.CR).sum()), display=False)
flip_flop = compared[(compared.task == "flip_flop") & (compared.removed != "RR")].set_index("removed")
for block in ("CR", "CC"):
    glue(f"ratio_{block}", float(flip_flop["mean"][block] / flip_flop.paper[block]), display=False)
sine = table[table.task == "sine_generation"]
empty = sine[(sine.removed == "RR") & (sine.mass <= NEGLIGIBLE_MASS)].seed
full = sine[(sine.removed == "RR") & ~sine.seed.isin(empty)]
glue("n_empty", len(empty), display=False)
glue("RR_where_any", "–" if full.empty else f"{full.delta.min():.2f} to {full.delta.max():.2f}", display=False)
leading = table[table.removed == ""].groupby("task").n_leading.agg(["min", "max"]).astype(int)
for task, short in zip(tasks, ("flip_flop", "sine", "integration"), strict=True):
    low, high = leading.loc[task]
    glue(f"n_R_{short}", f"{low}" if low == high else f"{low} to {high}", display=False)
worst = effects[effects.task == "context_integration"].groupby("removed").delta.agg(["min", "max"])
glue("integration_CC_low", float(worst["min"]["CC"]), display=False)
glue("integration_CC_high", float(worst["max"]["CC"]), display=False)
trios = [part.loc[list(three)].mean() for three in combinations(part.index, min(3, len(part)))]
glue("trios", len(trios), display=False)
glue("trios_CC", sum(bool(trio.CC > trio.CR) for trio in trios), display=False)
whole = table[(table.removed == "") & (table.task == "flip_flop")]
glue("full_flip_flop", float(whole.score.mean()), display=False)
glue("full_flip_flop_paper", paper.paper_value("s4_flipflop_full"), display=False)

# %% [markdown]
# **Where ours differs.** {glue:text}`n_outside` of the {glue:text}`n_published` published values lie outside the range of our networks: {glue:text}`outside`.
#
# * *Flip-flop.* Without $T_{CR}$ our networks lose {glue:text}`ratio_CR:.1f` times what the paper's lose, without $T_{CC}$ {glue:text}`ratio_CC:.1f` times. The FVU of the whole networks is {glue:text}`full_flip_flop:.4f` here and {glue:text}`full_flip_flop_paper:.4f` in the paper, and the pulse rate, which the paper does not state, is our choice ([recipe](recipe.ipynb)).
# * *Sine.* The leading sector has only {glue:text}`n_R_sine` dimensions. With one leading block there is nothing among leading blocks to delete: in {glue:text}`n_empty` of {glue:text}`n` networks $T_{RR}$ is empty, and "little effect" is true because nothing is done. Where it is not empty, deleting it raises the FVU by {glue:text}`RR_where_any`.
# * *Integration.* Networks differ widely. Without $T_{CC}$ the FVU rises by {glue:text}`integration_CC_low:.2f` in one network and by {glue:text}`integration_CC_high:.2f` in another; the leading sector has {glue:text}`n_R_integration` dimensions. A mean over three networks depends on which three: in {glue:text}`trios_CC` of the {glue:text}`trios` choices of three of our networks the mean effect of $T_{CC}$ is above that of $T_{CR}$, as in the paper.
#
# ## The paper's claims
#
# Each claim is a few tests; a test holds where the whole bootstrap interval over networks is on the right side of a limit (limits are our choice). Differences are taken within a network, and medians because a few networks have very large effects.

# %% mystnb={"markdown_format": "myst"} tags=["hide-input"]
judged = [claims.claim_5(table), claims.claim_6(table), claims.claim_7(table)]
words.show(claims.as_text(judged))
for claim in judged:
    glue(f"verdict_{claim.number}", claim.verdict, display=False)

# %% [markdown]
# **Claim 5**, flip-flop: $T_{CR}$ matters most, then $T_{CC}$, and $T_{RR}$ hardly: **{glue:text}`verdict_5`.** On average the FVU rises by {glue:text}`flip_flop_CR:.3f` without $T_{CR}$, by {glue:text}`flip_flop_CC:.3f` without $T_{CC}$ and by {glue:text}`flip_flop_RR:.4f` without $T_{RR}$.
#
# **Claim 6**, sine: $T_{CC}$ and $T_{CR}$ both destroy the output, $S_{\Delta T}$ is largest for $T_{CR}$, and $T_{RR}$ has little effect: **{glue:text}`verdict_6`.** The FVU rises by {glue:text}`sine_CC:.2f` without $T_{CC}$ and by {glue:text}`sine_CR:.2f` without $T_{CR}$, where an output that always answers the mean target would cost about 1. The mean effect of $T_{RR}$ is {glue:text}`sine_RR:.2f`, its median {glue:text}`sine_RR_median:.2f`.
#
# **Claim 7**, context-dependent integration: $T_{CC}$ dominates $T_{CR}$: **{glue:text}`verdict_7`.** Mean rises are {glue:text}`integration_CC:.2f` without $T_{CC}$ and {glue:text}`integration_CR:.2f` without $T_{CR}$, medians {glue:text}`integration_CC_median:.2f` and {glue:text}`integration_CR_median:.2f`; $T_{CC}$ matters more in {glue:text}`integration_above` of {glue:text}`n` networks.
