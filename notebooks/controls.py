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
# # Structure or size?
#
# A network loses a block of its couplings and does its task all the same. Is that because of *which* weights went, or would any change of that size have been harmless? The abstract of {cite:t}`drager2026` says the former: changes of similar scale can destroy what a structured change preserves. The paper prints no numbers for it. Here each removed set of each network is set beside random changes of exactly its Frobenius norm; then blocks are removed by degrees, and in all combinations.

# %% tags=["parameters"]
networks = "reference"   # "reference": shipped in data/; "trained": the store, training what is missing
profile = "paper"        # "paper": the paper's setting; "quick": tiny, to exercise the code only

# %% tags=["hide-input"]
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from myst_nb import glue

from schur_lib.schur import COUPLINGS
from schur_lib.tasks import TASKS
from study import cache, catalogue, words
from study.cache import measured
from study.figures import controls as figures
from study.figures import style
from study.probes.doses import dose_response, dose_summary
from study.probes.interactions import two_cubed
from study.probes.nulls import KINDS, matched_nulls
from study.statistics import effect_size, holm, interval, sign_flip

quick = profile == "quick"
specs = [s for task in TASKS for s in catalogue.specs(task, profile, networks) if task != "copy" or (s.construction, s.hidden_size) == catalogue.FIGURE_1[0]]
nets = catalogue.networks(specs, networks)
draws, n_trials = (10, 8) if quick else (200, 64)
null_table = measured("controls_nulls", matched_nulls, specs, nets, on=dict(n_trials=n_trials), draws=draws)
others = [s for s in catalogue.specs("copy", profile, networks) if (s.construction, s.hidden_size) != catalogue.FIGURE_1[0]]
coupled = [s for s in others if s.construction != "cayley"]
other_nulls = measured("controls_nulls_others", matched_nulls, coupled, catalogue.networks(coupled, networks), on=dict(n_trials=n_trials), draws=draws)
n_networks = pd.Series([s.task for s in specs]).value_counts()
glue("n_copy", int(n_networks["copy"]), display=False)
glue("n_other", int(n_networks["flip_flop"]), display=False)
glue("draws", draws, display=False)
glue("trials", n_trials, display=False)

# %% [markdown]
# ## Random changes of the same norm
#
# {numref}`fig-null-harms` shows {glue:text}`n_copy` copy networks (dense orthogonal, 72 units) and {glue:text}`n_other` networks of each other task. Harm is the accuracy lost on the copy task and the FVU gained on the others. The open markers are five kinds of random change, {glue:text}`draws` draws of each for every network and removed set, scored on the same {glue:text}`trials` held-out trials:
#
# * **isotropic**: a Gaussian matrix;
# * **same entries**: Gaussian numbers in the places of the block in $T$;
# * **shuffled**: the block's own entries, permuted among its places and with random signs (so that the change, and not the weights that are left, has the norm of the block: our choice);
# * **random basis**: the same mask in a random orthogonal basis $U$, the change being what it holds of $U^\top W U$, rescaled;
# * **random couplings**: a random choice of entries of $N$, removed as the block is; the last one in part, so that the mass is equal.
#
# The second, third and last keep the spectrum, as the removal of a block does; the others do not.

# %% mystnb={"figure": {"caption": "Harm done by removing a block (filled) and by random changes of the same norm (open; the median over draws). Markers are medians over networks, lines run from the lowest to the highest network. The axes are linear below 0.001.", "name": "fig-null-harms"}, "image": {"alt": "Four panels, one a task, of harm on a logarithmic axis, for the blocks RR, CR and CC. On the copy task, removing CC does no harm, and neither do random numbers in its places, while isotropic changes, a random basis and random couplings do much. Removing CR does more harm than random numbers in its places."}} tags=["hide-input"]
single = null_table[null_table.removed.isin(COUPLINGS)]
figures.null_harms(single)
plt.show()

# %% [markdown]
# Each network gives a p-value, $p = (1 + \#\{\text{null at least as mild}\}) / (1 + n)$, and an effect size, Cliff's $\delta$: the share of nulls that do more harm than the block minus the share that do less. Over networks, which are the unit, the mean $\delta$ has a bootstrap interval (BCa) and a paired test (all sign patterns of the networks' $\delta$, corrected by Holm over the seven removed sets). The table gives the single blocks; the harm and the nulls' are medians over networks. Sets whose mass is at rounding level have nothing to match and are left out.

# %% mystnb={"markdown_format": "myst"} tags=["hide-input"]
rows = []
for (task, kind), part in null_table.groupby(["task", "kind"], sort=False):
    for removed, group in part.groupby("removed", sort=False):
        low, high = interval(np.mean, group.effect)
        rows.append(
            {
                "task": task, "removed": removed, "kind": kind, "n": len(group), "mass": group["mass"].mean(),
                "harm": group.harm.median(), "null_harm": group.null_median.median(),
                "effect": group.effect.mean(), "low": low, "high": high, "d_z": effect_size(group.effect),
                "milder": int((group.p <= 0.05).sum()), "harsher": int((group.p_harsher <= 0.05).sum()),
                "p": sign_flip(group.effect),
            }
        )
pooled = pd.DataFrame(rows)
pooled["p_holm"] = pooled.groupby(["task", "kind"], sort=False).p.transform(lambda p: holm(p))
cache.save(pooled, "controls_pooled")


def with_interval(row):
    ends = "" if np.isnan(row.low) else f" [{words.signed(row.low, 2)}, {words.signed(row.high, 2)}]"
    return words.signed(row.effect, 2) + ends


shown = []
for row in pooled[pooled.removed.isin(COUPLINGS) & pooled.kind.isin(["isotropic", "same entries", "random couplings"])].itertuples():
    shown.append(
        {
            "task": style.NAMES[row.task], "removed": style.without(row.removed), "null": row.kind,
            "harm": words.signed(row.harm), "null's": words.signed(row.null_harm), "δ [95 %]": with_interval(row),
            "p ≤ 0.05": f"{row.milder} of {row.n}", "p (Holm)": f"{row.p_holm:.3f}",
        }
    )
words.show(pd.DataFrame(shown).sort_values(["task", "removed"], kind="stable", key=lambda c: c.map(list(dict.fromkeys(c)).index)))

# %% [markdown]
# "p ≤ 0.05" counts the networks in which the removal is milder than nearly all nulls of the kind. All seven removed sets and all five kinds:

# %% mystnb={"figure": {"caption": "Cliff's $\\delta$, mean over networks. Purple: the removed set does less harm than changes of its size; orange: more. Removing all three blocks is the only random choice of all couplings, so that its last entry is 0 by construction.", "name": "fig-null-effects"}, "image": {"alt": "Four tables of colours, one a task: seven removed sets by five kinds of null. On the copy task most cells are purple, but those of sets with CR against nulls in the same places are orange. On sine generation most cells are orange."}} tags=["hide-input"]
figures.null_effects(null_table)
plt.show()

# %% tags=["remove-cell"]
EPSILON, NOTABLE = 0.05, 0.01
glue("epsilon", EPSILON, display=False)
glue("notable", NOTABLE, display=False)
pairs = single[(single.mass >= NOTABLE)]
safe = pairs[pairs.harm <= EPSILON]
destroyed = safe.assign(destroyed=(safe.null_median > EPSILON) & (safe.p <= 0.05)).groupby("kind", sort=False).destroyed.agg(["sum", "count"]).reindex(list(KINDS)).fillna(0).astype(int)
n_pairs, n_safe = len(pairs) // len(KINDS), len(safe) // len(KINDS)
where = safe[safe.kind == KINDS[0]].groupby(["task", "removed"], sort=False).size()
where = "; ".join(f"{style.NAMES[task]}, {style.without(removed)}: {n}" for (task, removed), n in where.items()) or "none"
glue("n_pairs", n_pairs, display=False)
glue("n_safe", n_safe, display=False)
glue("where_safe", where, display=False)
share = {kind: destroyed["sum"][kind] / n_safe if n_safe else float("nan") for kind in KINDS}
by_task = safe.assign(destroyed=(safe.null_median > EPSILON) & (safe.p <= 0.05)).pivot_table(index="task", columns="kind", values="destroyed", aggfunc="mean", sort=False)
holds = [style.NAMES[task] for task in by_task.index if by_task["isotropic"][task] >= 0.9]
fails = [style.NAMES[task] for task in by_task.index if by_task["isotropic"][task] < 0.9]
nothing = [style.NAMES[task] for task in TASKS if task not in by_task.index]
by_place = n_safe > 0 and share["same entries"] <= 0.1
few = draws < 19  # p cannot reach 0.05
if few:
    verdict = "cannot be judged: too few draws"
elif not n_safe:
    verdict = "cannot be judged: no notable block can go"
elif not holds:
    verdict = "does not hold"
else:
    verdict = f"holds for {' and '.join(holds)}"
    verdict += f", not for {' and '.join(fails)}" if fails else ""
    verdict += f"; for {' and '.join(nothing)} there is no safe block to compare" if nothing else ""
    verdict += "; and it is about where a change stands, since changes within the places of a safe block are as safe" if by_place else ""
glue("verdict_9", verdict, display=False)


def of(task, removed, kind, column):
    part = pooled[(pooled.task == task) & (pooled.removed == removed) & (pooled.kind == kind)]
    return float(part[column].iloc[0]) if len(part) else float("nan")


for removed in ("CC", "CR"):
    for kind in KINDS:
        glue(f"copy_{removed}_{kind.replace(' ', '_')}", of("copy", removed, kind, "null_harm"), display=False)
    glue(f"copy_{removed}", of("copy", removed, "isotropic", "harm"), display=False)
removal, noise = of("copy", "CR", "same entries", "harm"), of("copy", "CR", "same entries", "null_harm")
content = "there the entries themselves count, since taking them away is worse than adding as much noise" if removal > noise else "there noise is no better than nothing"
glue("content", content, display=False)
glue("copy_CC_mass", of("copy", "CC", "isotropic", "mass"), display=False)
for task in ("sine_generation", "context_integration"):
    for removed in ("CC", "CR"):
        glue(f"{task}_{removed}", of(task, removed, "isotropic", "harm"), display=False)
        glue(f"{task}_{removed}_null", of(task, removed, "isotropic", "null_harm"), display=False)

# %% [markdown]
# ## The claim of the abstract
#
# A block is *safe* here if it holds at least {glue:text}`notable` of the Schur mass and its removal does a harm of at most {glue:text}`epsilon` (our choice). That is so for {glue:text}`n_safe` of {glue:text}`n_pairs` blocks of all networks ({glue:text}`where_safe`). A kind of null *destroys* what the removal preserves in a network if its median harm is above that limit and $p \le 0.05$.

# %% mystnb={"markdown_format": "myst"} tags=["hide-input"]
words.show(pd.DataFrame([{"null of equal norm": kind, "destroys": f"{destroyed['sum'][kind]} of {n_safe}"} for kind in KINDS]))

# %% [markdown]
# The claim {glue:text}`verdict_9`.
#
# On the copy task $T_{CC}$ holds {glue:text}`copy_CC_mass:.3f` of the Schur mass, and its removal costs {glue:text}`copy_CC:.4f` of the accuracy. An isotropic change of that norm costs {glue:text}`copy_CC_isotropic:.3f`, the same mask in a random basis {glue:text}`copy_CC_random_basis:.3f`, as much of the other couplings {glue:text}`copy_CC_random_couplings:.3f`. But random numbers *in the places of* $T_{CC}$ cost {glue:text}`copy_CC_same_entries:.4f`. For $T_{CR}$ the removal costs {glue:text}`copy_CR:.3f`, random numbers in its places {glue:text}`copy_CR_same_entries:.3f`: {glue:text}`content`.
#
# A removed block need not be a mild change. On sine generation the removal of $T_{CC}$ gains an FVU of {glue:text}`sine_generation_CC:.2f`, an isotropic change of that norm {glue:text}`sine_generation_CC_null:.2f`; in context integration it is {glue:text}`context_integration_CR:.2f` and {glue:text}`context_integration_CR_null:.2f` for $T_{CR}$ (medians over networks).

# %% [markdown]
# ### The other copy networks
#
# The same for the {glue:text}`n_others` copy networks of other starts and sizes (the {glue:text}`n_cayley` Cayley networks have couplings at rounding level: there is nothing to match). Harm of the block and median harm of each kind of null, medians over networks.

# %% mystnb={"markdown_format": "myst"} tags=["hide-input"]
rows = []
other_single = other_nulls[other_nulls.removed.isin(COUPLINGS)]
for (construction, size, removed), part in other_single.groupby(["construction", "hidden_size", "removed"], sort=False):
    row = {"start": construction.replace("_", " "), "N_h": size, "n": part.seed.nunique(), "block": removed, "mass": f"{part.mass.median():.3f}", "harm": words.signed(part.harm.median())}
    rows.append(row | {kind: words.signed(part.null_median[part.kind == kind].median()) for kind in KINDS})
words.show(pd.DataFrame(rows))

# %% tags=["remove-cell"]
other_safe = other_single[(other_single.mass >= NOTABLE) & (other_single.harm <= EPSILON)]
other_destroyed = ((other_safe.null_median > EPSILON) & (other_safe.p <= 0.05)).groupby(other_safe.kind).sum().reindex(list(KINDS)).fillna(0).astype(int)
n_other_safe = len(other_safe) // len(KINDS)
glue("n_others", len(coupled), display=False)
glue("n_cayley", len(others) - len(coupled), display=False)
glue("n_other_safe", n_other_safe, display=False)
glue("n_other_pairs", int((other_single.mass >= NOTABLE).sum()) // len(KINDS), display=False)
glue("other_safe_where", "; ".join(f"{removed}: {n}" for removed, n in other_safe[other_safe.kind == KINDS[0]].groupby("removed").size().items()) or "none", display=False)
for kind in KINDS:
    glue(f"other_{kind.replace(' ', '_')}", int(other_destroyed[kind]), display=False)

# %% [markdown]
# Of their {glue:text}`n_other_pairs` notable blocks {glue:text}`n_other_safe` are safe ({glue:text}`other_safe_where`). Isotropic changes destroy what the removal preserves in {glue:text}`other_isotropic` of these, the mask in a random basis in {glue:text}`other_random_basis`, random couplings in {glue:text}`other_random_couplings`, the block's entries shuffled in {glue:text}`other_shuffled`, random numbers in its places in {glue:text}`other_same_entries`.

# %% [markdown]
# ## Removal by degrees
#
# A block is scaled by $1 - s$: at $s = 0$ the network is whole, at $s = 1$ the block is gone, at $s = 2$ it has the other sign. The error is the FVU on all four tasks, since the share of wrong signs does not see small changes.

# %% mystnb={"figure": {"caption": "Error against dose, for each block: median over networks, shaded from the lowest to the highest. The vertical line is the removal.", "name": "fig-doses"}, "image": {"alt": "Four panels, one a task, of the FVU on a logarithmic axis against the dose from zero to two. Most curves rise steeply before a dose of 0.1 and then level off; that of CC on the copy task and that of RR on the flip-flop rise little."}} tags=["hide-input"]
dose_table = measured("controls_doses", dose_response, specs, nets, on=dict(n_trials=8 if quick else 128, metric="fvu", exact=True))
figures.dose_curves(dose_table[dose_table["mass"] > 1e-5])
plt.show()

# %% [markdown]
# Three numbers a block, as medians over networks with the lowest and the highest: the dose at which the error has grown by 5 %; the exponent of the effect of small doses (0.01 to 0.1, fitted on logarithmic axes; 1 is linear, 2 quadratic); and $S_{\Delta T}$ at a dose of 0.1 relative to $S_{\Delta T}$ of the removal, which would be 1 if the effect were proportional to the removed mass.

# %% mystnb={"markdown_format": "myst"} tags=["hide-input"]
doses = dose_summary(dose_table)
cache.save(doses, "controls_dose_summary")


def median_range(values, digits):
    values = values.dropna()
    if values.empty:
        return "–"
    ends = f" ({words.signed(values.min(), digits).lstrip('+')} to {words.signed(values.max(), digits).lstrip('+')})"
    return words.signed(values.median(), digits).lstrip("+") + (ends if len(values) > 1 else "")


rows = []
for (task, removed), part in doses.groupby(["task", "removed"], sort=False):
    rows.append(
        {
            "task": style.NAMES[task], "block": removed, "breaks at s": median_range(part.breaks, 3),
            "exponent": median_range(part.slope, 2), "S(0.1) / S(1)": median_range(part.constancy, 2),
            "n": int(part.slope.notna().sum()),
        }
    )
words.show(pd.DataFrame(rows))

# %% tags=["remove-cell"]
fitted = doses.dropna(subset=["constancy"])
constant = int(fitted.constancy.between(0.5, 2).sum())
glue("n_fitted", len(fitted), display=False)
glue("n_constant", constant, display=False)
glue("nearer", "nearer to a quadratic than to a linear effect" if fitted.slope.median() > 1.5 else "nearer to a linear than to a quadratic effect", display=False)
glue("exponent", float(fitted.slope.median()), display=False)
glue("constancy", float(fitted.constancy.median()), display=False)
glue("breaks", float(doses.breaks.median()), display=False)
per_mass = "a number of the network alone" if len(fitted) and constant >= 0.9 * len(fitted) else "a number of the network and the dose together: it can rank removals, but it is no effect per unit of mass"
glue("per_mass", per_mass, display=False)

# %% [markdown]
# The median exponent is {glue:text}`exponent:.2f`, {glue:text}`nearer`; near a minimum of the error it would be 2. The removal is far from a small dose: of the blocks that break behaviour at all, half do so before $s =$ {glue:text}`breaks:.3f`. In {glue:text}`n_constant` of {glue:text}`n_fitted` cases $S_{\Delta T}$ at a tenth of the dose is within a factor of two of that of the removal (median ratio {glue:text}`constancy:.2f`). So $S_{\Delta T}$ is {glue:text}`per_mass`.

# %% [markdown]
# ## Blocks together
#
# With all eight sets removed, the effects form a $2^3$ design. Its Möbius transform gives each block's main effect and what sets of blocks do beyond the sum of their parts; interactions vanish where effects add up. A negative interaction says that the second block finds little left to spoil.

# %% mystnb={"figure": {"caption": "Main effects (coloured) and interactions (grey) of the blocks: mean over networks, networks as points. The axes are linear below 0.01.", "name": "fig-interactions"}, "image": {"alt": "Four panels, one a task, of seven bars: three main effects, three interactions of pairs, one of all three. On the copy task RR and CR have main effects and a negative interaction, CC has none. On sine generation CC and CR interact strongly and negatively."}} tags=["hide-input"]
interaction_table = measured("controls_interactions", two_cubed, specs, nets, on=dict(n_trials=32 if quick else 512))
figures.interaction_terms(interaction_table)
plt.show()

# %% [markdown]
# The Shapley value shares the harm of removing all three blocks fairly among them: the mean effect of a block over all orders of removal.

# %% mystnb={"markdown_format": "myst"} tags=["hide-input"]
rows = []
for task, part in interaction_table.groupby("task", sort=False):
    shares = part[part.removed.isin(COUPLINGS)].pivot(index="seed", columns="removed", values="shapley")
    total = part[part.removed == "RR+CR+CC"].harm
    row = {"task": style.NAMES[task], "all three": words.mean_sd(total)}
    row.update({f"share of {name}": words.mean_sd(shares[name]).replace("-0.000", "0.000").replace("-", "−") for name in COUPLINGS})
    rows.append({**row, "n": len(shares)})
words.show(pd.DataFrame(rows))

# %% tags=["remove-cell"]
terms = interaction_table.assign(order=interaction_table.removed.str.count(r"\+"))
sizes = terms.assign(size=terms.term.abs(), main=terms.order == 0).groupby(["task", "main"]).term.apply(lambda t: t.abs().sum()).unstack()
for task in TASKS:
    glue(f"interaction_{task}", float(sizes.loc[task, False] / sizes.loc[task, True]), display=False)

# %% [markdown]
# The interactions are, summed without sign, {glue:text}`interaction_copy:.2f` times the main effects on the copy task, {glue:text}`interaction_flip_flop:.2f` on the flip-flop, {glue:text}`interaction_sine_generation:.2f` on sine generation and {glue:text}`interaction_context_integration:.2f` in context integration. Where that number is not small, effects of single blocks do not tell what a set of blocks does.

# %% [markdown]
# ## Answer

# %% tags=["remove-cell"]
if n_safe == 0:
    answer = f"None of the {n_pairs} notable blocks can go without harm, so that structure and size cannot be told apart."
else:
    answer = (
        f"Of {n_pairs} notable blocks {n_safe} can go at a harm of at most {EPSILON}; isotropic changes of the same norm destroy the behaviour "
        f"in {destroyed['sum']['isotropic']} of these, random numbers in the block's own places in {destroyed['sum']['same entries']}: "
    )
    if few:
        answer += "too few draws to judge."
    elif share["isotropic"] >= 0.8 and by_place:
        answer += "what makes a change harmless is neither its size nor what stands in the block, but where it stands."
    elif share["isotropic"] >= 0.8:
        answer += "what makes a change harmless is not its size."
    else:
        answer += "size accounts for part of what the structure is credited with."
    if n_other_safe:
        answer = answer.rstrip(".") + f" (in copy networks of other starts and sizes: {other_destroyed['isotropic']} and {other_destroyed['same entries']} of {n_other_safe})."
glue("answer", answer, display=False)

# %% [markdown]
# {glue:text}`answer`
