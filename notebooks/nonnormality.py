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
# # Nonnormality
#
# The couplings are what makes $W$ nonnormal: without them its eigenvectors would be orthogonal, and its eigenvalues would say all. **How nonnormal are the trained networks, on paper and in the states they visit, and does a local expansion of the error foresee what deleting a coupling does?**

# %% tags=["parameters"]
networks = "reference"   # "reference": the networks shipped in data/; "trained": the store, training what is missing
profile = "paper"        # "paper": the paper's setting; "quick": tiny, to exercise the code only

# %% tags=["hide-input"]
import matplotlib.pyplot as plt
import pandas as pd
from myst_nb import glue
from scipy.stats import spearmanr

from schur_lib.schur import COUPLINGS, ordered_schur
from study import catalogue, words
from study.cache import measured
from study.figures import nonnormality as figures
from study.figures import style
from study.probes import nonnormality

specs = [s for task in catalogue.TASKS for s in catalogue.specs(task, profile, networks) if task != "copy" or (s.construction, s.hidden_size) == catalogue.FIGURE_1[0]]
nets = catalogue.networks(specs, networks)
quick = profile == "quick"
on = [{"n_trials": 2 if quick else n} for n in (6, 4)]  # of states, and of products along trials
departure = measured("nonnormality_departure", nonnormality.measure_departure, specs, nets, on=on)
powers = measured("nonnormality_powers", nonnormality.measure_powers, specs, nets, on=on)
sensitivity = measured("nonnormality_sensitivity", nonnormality.measure_sensitivity, specs, nets, on={"n_trials": 8 if quick else 64, "metric": "fvu", "exact": True}, **({"per_block": 2, "draws": 2} if quick else {}))
first_seed = [(s, n) for s, n in zip(specs, nets, strict=True) if s.seed == 0]
spectra = measured("nonnormality_pseudospectra", nonnormality.measure_pseudospectra, *zip(*first_seed, strict=True), on={"n_trials": 6}, **({"step": 0.2} if quick else {}))
tasks = list(dict.fromkeys(departure.task))
glue("n_networks", len(specs), display=False)

# %% [markdown]
# {glue:text}`n_networks` networks, dense orthogonal, all four tasks. $J = \mathrm{diag}(1 - h_t^2)\,W$ is the Jacobian of one step at a state $h_t$ that the network visits on held-out trials.
#
# ## Transient growth
#
# A normal matrix never amplifies by more than ρ a step: its curve is flat at 1. How far a curve rises above 1 is what eigenvalues do not tell.

# %% mystnb={"figure": {"caption": "Norm of the powers of W and of the Jacobian at single states, both without the growth ρᵏ of their eigenvalues, and of the product of Jacobians along a trial, with it: median over networks, shaded from lowest to highest.", "name": "fig-powers"}, "image": {"alt": "Four panels, one a task: the norm of powers of W and of the Jacobian, and of products of Jacobians along trials, against the number of steps. All curves start at one and rise in the first steps."}} tags=["hide-input"]
figures.powers(powers)
plt.show()

# %% mystnb={"markdown_format": "myst"} tags=["hide-input"]
by_network = departure.groupby(["task", "seed", "operator"], sort=False).median(numeric_only=True)
by_task = by_network.groupby(["task", "operator"], sort=False).median()
rows = []
for (task, operator), m in by_task.iterrows():
    rows.append(
        {
            "task": style.NAMES[task],
            "matrix": operator if operator == "W" else "J",
            "ρ": f"{m.rho:.2f}",
            "Henrici": f"{m.henrici:.3f}",
            **{name: f"{m[name]:.3f}" for name in COUPLINGS},
            "pairs": f"{m.pairs:.3f}",
            "radius": f"{m.radius:.2f}",
            "peak": f"{m.peak:.2f}",
            "Kreiss ≥": f"{m.kreiss:.2f}",
        }
    )
words.show(pd.DataFrame(rows))

# %% [markdown]
# Medians over networks (for $J$, of the median over states). *Henrici*: the departure from normality $\sqrt{\|W\|_F^2 - \sum|\lambda|^2}$ over $\|W\|_F$, and its parts: the three blocks, and *pairs*, the 2×2 blocks, which are nonnormal themselves where their off-diagonal entries differ in size. *Radius*: numerical radius over ρ. *Peak*: the largest $\|A^k\|/\rho^k$ for k up to 64. *Kreiss*: a lower bound of the Kreiss constant of $A/\rho$, which no sequence of powers stays below; in {glue:text}`n_kreiss_above` of {glue:text}`n_operators` matrices it is above the peak, because the powers go on growing after k = 64 (leading moduli that are nearly equal).

# %% tags=["remove-cell"]
W = by_task.xs("W", level="operator")
J = by_task.xs("jacobian", level="operator")
for task in tasks:
    glue(f"henrici_{task}", float(W.henrici[task]), display=False)
    glue(f"peak_{task}", float(W.peak[task]), display=False)
    glue(f"trial_{task}", float(W.trial_peak[task]), display=False)
    glue(f"input_R_{task}", float(W.input_R[task]), display=False)
    glue(f"output_R_{task}", float(W.output_R[task]), display=False)
    sizes = departure[(departure.task == task) & (departure.operator == "W")]
    glue(f"chance_R_{task}", float((sizes.n_leading / sizes.hidden_size).median()), display=False)
    glue(f"rho_J_{task}", float(J.rho[task] / W.rho[task]), display=False)
pairs_share = float((by_network.pairs**2 / by_network.henrici**2).xs("W", level="operator").median())
glue("pairs_share", 100 * pairs_share, display=False)
most = W.henrici.idxmax()
least = W.henrici.idxmin()
glue("most", style.NAMES[most], display=False)
glue("least", style.NAMES[least], display=False)
bounded = departure[departure.kreiss > departure.peak * 1.001]
glue("n_kreiss_above", len(bounded), display=False)
glue("n_operators", len(departure), display=False)

# %% [markdown]
# Henrici's departure is largest in {glue:text}`most` and smallest in {glue:text}`least`; the 2×2 blocks, which the paper's ablation leaves alone, hold {glue:text}`pairs_share:.1f` % of its square in the median network. On the copy task the spectral radius of $J$ is {glue:text}`rho_J_copy:.3f` of that of $W$, on the flip-flop {glue:text}`rho_J_flip_flop:.3f`: near 1 the units are far from saturation and the Jacobian is nearly $W$ itself, far below 1 they saturate.
#
# **Where the growth comes from.** The share of the best input of the peak power that lies in the leading subspace is {glue:text}`input_R_copy:.2f` (copy), {glue:text}`input_R_flip_flop:.2f` (flip-flop), {glue:text}`input_R_sine_generation:.2f` (sine generation) and {glue:text}`input_R_context_integration:.2f` (context integration); a random direction would have {glue:text}`chance_R_copy:.2f`, {glue:text}`chance_R_flip_flop:.2f`, {glue:text}`chance_R_sine_generation:.2f` and {glue:text}`chance_R_context_integration:.2f`. Its output lies there with {glue:text}`output_R_copy:.2f`, {glue:text}`output_R_flip_flop:.2f`, {glue:text}`output_R_sine_generation:.2f` and {glue:text}`output_R_context_integration:.2f`. Along a trial, the product of Jacobians peaks at {glue:text}`trial_copy:.2f`, {glue:text}`trial_flip_flop:.2f`, {glue:text}`trial_sine_generation:.2f` and {glue:text}`trial_context_integration:.2f`.

# %% [markdown]
# ## Pseudospectra
#
# The ε-pseudospectrum is where the eigenvalues can get by a change of norm ε. Around the eigenvalues of a normal matrix it is a disc of radius ε each.

# %% mystnb={"figure": {"caption": "Pseudospectra of W/ρ (left, with the eigenvalues) and of a Jacobian in mid-trial over its spectral radius (right), for the first network of each task. Dotted: the unit circle. Contours: ε = 0.01, 0.03, 0.1, 0.3.", "name": "fig-pseudospectra"}, "image": {"alt": "Pseudospectra of W and of a Jacobian for one network of each of the four tasks, as nested contours in the complex plane around the eigenvalues, with the unit circle."}} tags=["hide-input"]
figures.pseudospectra(spectra, {s.task: ordered_schur(n.W_hh) for s, n in first_seed})
plt.show()

# %% [markdown]
# ## Does a local expansion foresee a deletion?
#
# Let $D$ be the part of $W$ that a coupling or a block contributes, and $\mathrm{FVU}(W - sD)$ the error when a share $s$ of it is gone. Its first and second derivative at $s = 0$ predict the error at $s = 1$; the deletion gives it exactly. The error is the FVU for every task, since replay accuracy has no derivative.
#
# Near-equal moduli make single entries of $T$ unstable ([coordinates](coordinates.ipynb)). So the unit is the coupling between two diagonal blocks, and a coupling is shown only if its $D$ moves by less than 10 % (our choice) under each of five changes of $W$ by 10⁻³ of its norm. Of a block's stable couplings up to ten are drawn, at evenly spaced ranks of their size.

# %% mystnb={"figure": {"caption": "Change of the FVU by deleting a coupling (above) or a block (below): predicted to first (left) and second order (right) against exact. Stable couplings only; on the grey line the prediction is right. Scales are linear around 0, logarithmic beyond.", "name": "fig-sensitivity"}, "image": {"alt": "Four scatter plots of predicted against exact change of the FVU. Above, single couplings: the first order scatters, the second order lies near the diagonal. Below, whole blocks: the first order is far too small, the second order far from the diagonal for the largest effects."}} tags=["hide-input"]
figures.sensitivity(sensitivity)
plt.show()

# %% mystnb={"markdown_format": "myst"} tags=["hide-input"]
blocks = sensitivity[sensitivity.unit == "block"]
single = sensitivity[sensitivity.unit == "coupling"]
def share(values):
    return f"{100 * values.mean():.0f} %" if len(values) else "–"

rows = []
for task in tasks:
    for name in COUPLINGS:
        block = blocks[(blocks.task == task) & (blocks.removed == name)]
        part = single[(single.task == task) & (single.removed == name)]
        rows.append(
            {
                "task": style.NAMES[task],
                "block": name,
                "stable couplings": share(block.stable_couplings),
                "stable entries": share(block.stable_entries),
                "shown": len(part),
                "block, exact": f"{block.exact.median():.3f}" if len(block) else "–",
                "1st order": words.signed(block["first"].median()) if len(block) else "–",
                "2nd order": words.signed(block.second.median()) if len(block) else "–",
            }
        )
words.show(pd.DataFrame(rows))

# %% [markdown]
# Shares of stable couplings and entries, mean over networks in which the block is not empty; the number of couplings shown; and for the whole block the exact change of the FVU and its two predictions, medians over networks.

# %% tags=["remove-cell"]
def agreement(part, column):
    """Share of the units predicted within a factor of 1.5, and rank correlation, over units that matter."""
    felt = part[part.exact.abs() > 1e-4]
    if len(felt) < 3:
        return float("nan"), float("nan"), len(felt)
    ratio = felt[column] / felt.exact
    return float(((ratio > 1 / 1.5) & (ratio < 1.5)).mean()), float(spearmanr(felt[column], felt.exact).statistic), len(felt)


for unit, part in (("coupling", single), ("block", blocks)):
    for column in ("first", "second"):
        within, rank, n_felt = agreement(part, column)
        glue(f"{unit}_{column}", 100 * within, display=False)
        glue(f"{unit}_{column}_rank", rank, display=False)
    glue(f"{unit}_felt", n_felt, display=False)
counted = blocks[blocks.removed.isin(COUPLINGS)]
stable_couplings, stable_entries = 100 * counted.stable_couplings.mean(), 100 * counted.stable_entries.mean()
glue("stable_couplings", float(stable_couplings), display=False)
glue("stable_entries", float(stable_entries), display=False)
copy_RR = counted[(counted.task == "copy") & (counted.removed.isin(["RR", "CR"]))]
glue("stable_copy", float(100 * copy_RR.stable_couplings.mean()), display=False)

# %% [markdown]
# {glue:text}`stable_couplings:.0f` % of the couplings of a block and {glue:text}`stable_entries:.0f` % of its entries are stable, on average over blocks and networks; of $T_{RR}$ and $T_{CR}$ on the copy task, {glue:text}`stable_copy:.1f` % of the couplings. For those no per-coupling number means anything, and none is shown.
#
# Of the {glue:text}`coupling_felt` couplings whose deletion changes the FVU by more than 10⁻⁴, the first order predicts {glue:text}`coupling_first:.0f` % within a factor of 1.5, the second order {glue:text}`coupling_second:.0f` % (rank correlations {glue:text}`coupling_first_rank:.2f` and {glue:text}`coupling_second_rank:.2f`). Of the {glue:text}`block_felt` blocks (all three at once included) it is {glue:text}`block_first:.0f` % and {glue:text}`block_second:.0f` % ({glue:text}`block_first_rank:.2f` and {glue:text}`block_second_rank:.2f`). A trained network sits where the gradient nearly vanishes, so the first order has little to say; the deletion of a block is a step so long that what a quadratic says of it is an order at best, not a size.

# %% tags=["remove-cell"]
coupling_second = agreement(single, "second")[0]
block_second = agreement(blocks, "second")[0]
answer = (
    f"The networks depart from normality by {W.henrici.min():.2f} to {W.henrici.max():.2f} of the norm of W (medians of the tasks), "
    f"which lets powers of W grow to {W.peak.min():.1f} to {W.peak.max():.1f} times what their eigenvalues allow; "
    f"the second-order expansion foresees the deletion of a single stable coupling within a factor of 1.5 in {100 * coupling_second:.0f} % of cases, "
    f"that of a whole block in {100 * block_second:.0f} %, and only {stable_entries:.0f} % of the entries of a block are stable enough to be looked at one by one."
)
glue("answer", answer, display=False)

# %% [markdown]
# ## Answer
#
# {glue:text}`answer`
