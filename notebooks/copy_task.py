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
# # The copy task
#
# A network sees eight symbols, one a step, each a vector of eight signs. Then its input falls silent, and it has to replay the sequence again and again, on its own. To hold the sequence linearly takes $8 \times 8 = 64$ dimensions: a network of 56 units is too narrow, one of 64 just wide enough, one of 72 has room. Which of them learn it, from which starts, and what do their recurrent weights look like in [ordered Schur coordinates](../method.md) once they have?

# %% tags=["parameters"]
networks = "reference"   # "reference": the networks shipped in data/; "trained": the store, training what is missing
profile = "paper"        # "paper": the paper's setting; "quick": tiny, to exercise the code only

# %% tags=["hide-input"]
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from myst_nb import glue

from schur_lib import ordered_schur, rollout
from schur_lib.initialisations import CONSTRUCTIONS
from schur_lib.schur import COUPLINGS
from schur_lib.subjects import on_task
from schur_lib.tasks import held_out
from study import cache, catalogue, words
from study.cache import measured
from study.figures import style
from study.figures import trials as figures
from study.probes.parts import part_profile, score_when_ablated
from study.probes.profiles import profiles

specs = catalogue.specs("copy", profile, networks)
nets = catalogue.networks(specs, networks)
recipe = specs[0].recipe
task = specs[0].make_task()
sizes = sorted({spec.hidden_size for spec in specs})
glue("n_networks", len(nets), display=False)
glue("steps", recipe.steps, display=False)
glue("batch", recipe.batch_size, display=False)
glue("rate", recipe.learning_rate, display=False)
glue("clip", recipe.clip_norm, display=False)
glue("horizons", ", ".join(map(str, recipe.horizons)), display=False)
glue("advance_at", recipe.advance_at, display=False)

# %% [markdown]
# ## How the networks are trained
#
# Four constructions of the recurrent weights are compared, as in {cite:t}`drager2026`. Three leave $W_{hh}$ free and differ in where it starts: *dense default* (uniform entries), *dense orthogonal* (an orthogonal matrix), *dense normal* (a normal matrix). In the fourth, *Cayley*, every iterate is $O(A)\, D\, O(A)^\top$ with an orthogonal $O(A)$: normal by construction, so that it has no couplings at all.
#
# ```{admonition} The recipe is not the paper's
# :class: warning
# The paper does not state how its copy networks were trained. We use the *ancestor recipe*: that of a public code base from which the copy task descends {cite:p}`karuvally2024`. It was chosen because it is public and related, not because the paper states it. Mean squared error on the output steps; Adam with learning rate {glue:text}`rate`, batches of {glue:text}`batch` fresh sequences, the gradient's norm clipped at {glue:text}`clip`; replay lengths {glue:text}`horizons`, moving on when the batch accuracy exceeds {glue:text}`advance_at`; {glue:text}`steps:,d` steps. The number of steps belongs to the result: the loss goes on falling long after the accuracy has reached 1, as the learning curves below show.
# ```
#
# The networks here number {glue:text}`n_networks`. Each is scored on 1,024 sequences that none was trained on, over the first 128 lags after the input.

# %% tags=["hide-input"]
table = measured("copy", profiles, specs, nets, removed=[[name] for name in COUPLINGS])

# %% [markdown]
# ## What is learned
#
# The replay accuracy of the whole network and the size of its leading sector ($\alpha = 0.9$): mean ± standard deviation over $n$ networks (a dash where there is one network only). Chance is 0.5.

# %% mystnb={"markdown_format": "myst"} tags=["hide-input"]
configurations = [(size, name) for size in sizes for name in CONSTRUCTIONS]
rows = []
for size, name in configurations:
    part = table[(table.hidden_size == size) & (table.construction == name)]
    by = {removed: group for removed, group in part.groupby("removed")}
    rows.append(
        {
            "N_h": size,
            "start": style.NAMES[name],
            "n": len(by[""]),
            "full": words.mean_sd(by[""].score),
            "n_R": words.mean_sd(by[""].n_leading, 1),
        }
    )
words.show(pd.DataFrame(rows))

# %% tags=["remove-cell"]
full = table[table.removed == ""]
means = full.groupby(["hidden_size", "construction"]).score.mean()
for size in sizes:
    best = means[size].idxmax()
    glue(f"best_{size}", float(means[size].max()), display=False)
    glue(f"best_name_{size}", style.NAMES[best], display=False)
solved = [f"{style.NAMES[name]} with {size}" for size, name in configurations if means[size, name] >= 0.995]
glue("solved", "; ".join(solved) or "none", display=False)

# %% [markdown]
# Configurations with a mean accuracy of at least 0.995: {glue:text}`solved`. With 56 units the best is {glue:text}`best_name_56` ({glue:text}`best_56:.3f`), with 64 {glue:text}`best_name_64` ({glue:text}`best_64:.3f`), with 72 {glue:text}`best_name_72` ({glue:text}`best_72:.3f`).

# %% [markdown]
# ## How long the replay lasts

# %% tags=["hide-input"]
inputs, targets = held_out(task)
per_lag = []
with torch.no_grad():
    for spec, net in zip(specs, nets, strict=True):
        outputs = rollout(net, inputs, free_steps=task.free_steps)[-len(targets) :]
        right = (torch.sign(outputs) == targets).double().mean((1, 2))
        per_lag.append(
            pd.DataFrame({"lag": range(1, len(right) + 1), "accuracy": right.numpy()}).assign(
                construction=spec.construction, hidden_size=spec.hidden_size, seed=spec.seed
            )
        )
per_lag = pd.concat(per_lag, ignore_index=True)

# %% mystnb={"figure": {"caption": "Replay accuracy at each lag: mean over networks, shaded from the lowest to the highest network. Chance is 0.5. The training ended with the longest replay length of the curriculum; lags beyond it are never trained.", "name": "fig-lags"}, "image": {"alt": "Three panels, one for each number of hidden units, with the replay accuracy from lag 1 to lag 128 as one line for each construction."}} tags=["hide-input"]
style.replay_per_lag(per_lag)
plt.show()

# %% tags=["remove-cell"]
main = per_lag[(per_lag.hidden_size == 72) & (per_lag.construction == "dense_orthogonal")]
at = main.groupby("lag").accuracy.mean()
glue("first_lag", float(at.iloc[0]), display=False)
glue("last_lag", float(at.iloc[-1]), display=False)
glue("trained_lags", recipe.horizons[-1], display=False)

# %% [markdown]
# The training ends at {glue:text}`trained_lags` lags; the score goes to 128. The dense orthogonal networks of 72 units answer with an accuracy of {glue:text}`first_lag:.4f` at the first lag and {glue:text}`last_lag:.4f` at lag 128 ({numref}`fig-lags`).

# %% mystnb={"figure": {"caption": "One held-out sequence, replayed by a network of 72 units of each construction (seed 0). Every column is a lag, every row a channel; black dots mark wrong signs.", "name": "fig-replay"}, "image": {"alt": "Five stripes of eight channels by 128 lags: the periodic target, and below it the outputs of the four constructions, with dots where the sign is wrong."}} tags=["hide-input"]
first = {spec.construction: net for spec, net in zip(specs, nets, strict=True) if spec.hidden_size == 72 and spec.seed == 0}
with torch.no_grad():
    replayed = {
        style.NAMES[name]: rollout(net, inputs[:, :1], free_steps=task.free_steps)[-len(targets) :, 0].numpy()
        for name, net in first.items()
    }
style.replay_example(targets[:, 0].numpy(), replayed)
plt.show()

# %% [markdown]
# ## Learning curves

# %% mystnb={"figure": {"caption": "Mean squared error of the training batch, one line a network. It is the loss at the replay length that the curriculum has reached.", "name": "fig-learning"}, "image": {"alt": "Three panels, one for each number of hidden units: training loss on a logarithmic axis against the training step, in the colours of the four constructions."}} tags=["hide-input"]
style.learning_curves(nets)
plt.show()

# %% tags=["remove-cell"]
reached, factors = [], []
chosen = [n for s, n in zip(specs, nets, strict=True) if (s.construction, s.hidden_size) == ("dense_orthogonal", 72)]
for net in chosen:
    history = pd.DataFrame(net.metadata["history"]["rows"], columns=net.metadata["history"]["columns"])
    done = history[(history.horizon == recipe.horizons[-1]) & (history.replay_accuracy >= 0.999)]
    if len(done):
        reached.append(done.step.iloc[0])
        factors.append(done.loss.iloc[0] / history.loss.iloc[-5:].mean())
sentence = f"{len(reached)} of {len(chosen)} dense orthogonal networks of 72 units reach a batch accuracy of 0.999 at the longest replay"
if reached:
    sentence += (
        f", at step {pd.Series(reached).median():,.0f} (median); from there to the end "
        f"the loss still falls by a factor of {pd.Series(factors).median():.1f} (median)"
    )
glue("after_solved", sentence + ".", display=False)

# %% [markdown]
# {glue:text}`after_solved` The weights go on changing while the accuracy no longer shows it. So a recipe that stops elsewhere gives other weights, and may give other numbers in [Figure 1](figure_1.ipynb); how far they move is not measured here.

# %% [markdown]
# ## Spectra

# %% mystnb={"figure": {"caption": "Eigenvalues of $W_{hh}$ for one network of 72 units of each construction (seed 0), by sector.", "name": "fig-spectra"}, "image": {"alt": "Four panels of eigenvalues in the complex plane with the unit circle and a dashed circle at alpha times the spectral radius; leading eigenvalues are green dots, the others blue triangles."}} tags=["hide-input"]
forms = {name: ordered_schur(net.W_hh) for name, net in first.items()}
style.spectra({style.NAMES[name]: form for name, form in forms.items()})
plt.show()

# %% tags=["remove-cell"]
roots = np.exp(2j * np.pi * np.arange(8) / 8)
for name in CONSTRUCTIONS:
    part = full[(full.hidden_size == 72) & (full.construction == name)]
    glue(f"n_R_{name}", float(part.n_leading.mean()), display=False)
    near = []
    for spec, net in zip(specs, nets, strict=True):
        if (spec.construction, spec.hidden_size) == (name, 72):
            form = ordered_schur(net.W_hh)
            leading = form.eigenvalues[: form.n_leading()]
            near += list(abs(leading[:, None] - roots).min(axis=1) < 0.02)
    glue(f"near_{name}", 100 * float(np.mean(near)), display=False)

# %% [markdown]
# To replay eight symbols of eight channels for ever takes 64 modes that neither decay nor lose step: modes whose eigenvalue is an eighth root of unity, $\lambda^8 = 1$. Are the leading eigenvalues there ({numref}`fig-spectra`, where many lie on top of one another)? Within 0.02 of an eighth root of unity are {glue:text}`near_dense_orthogonal:.0f` % of them in the dense orthogonal networks of 72 units, {glue:text}`near_cayley:.0f` % in the Cayley, {glue:text}`near_dense_default:.0f` % in the dense default and {glue:text}`near_dense_normal:.0f` % in the dense normal ones. With 72 units the leading sector has, on average, {glue:text}`n_R_dense_orthogonal:.1f` dimensions in the dense orthogonal networks, {glue:text}`n_R_cayley:.1f` in the Cayley ones, {glue:text}`n_R_dense_default:.1f` in the dense default ones and {glue:text}`n_R_dense_normal:.1f` in the dense normal ones.

# %% [markdown]
# ## Couplings

# %% mystnb={"figure": {"caption": "$|T|$ of a dense orthogonal and of a Cayley network (72 units, seed 0). White lines part the leading sector from its complement. The couplings of the Cayley network are at rounding level.", "name": "fig-schur"}, "image": {"alt": "Two heat maps of the absolute Schur matrix on a logarithmic scale, the first with a filled upper triangle, the second with a diagonal only; labels name the blocks RR, CR and CC."}} tags=["hide-input"]
style.schur_forms({style.NAMES[name]: forms[name] for name in ("dense_orthogonal", "cayley")})
plt.show()

# %% mystnb={"figure": {"caption": "Schur mass of each block of couplings, relative to the whole of $T$: mean, standard deviation over networks, and single networks as points.", "name": "fig-masses"}, "image": {"alt": "Three panels of bars, one for each number of hidden units: relative mass of the blocks RR, CR and CC for the four constructions."}} tags=["hide-input"]
style.masses(table)
plt.show()

# %% tags=["remove-cell"]
blocks = table[(table.hidden_size == 72) & (table.removed != "")]
for name in CONSTRUCTIONS:
    for block in COUPLINGS:
        part = blocks[(blocks.construction == name) & (blocks.removed == block)]
        glue(f"mass_{name}_{block}", float(part.mass.mean()), display=False)
glue("mass_cayley", words.power_above(blocks[blocks.construction == "cayley"].mass.max()), display=False)

# %% [markdown]
# In the dense orthogonal networks of 72 units $T_{RR}$ holds {glue:text}`mass_dense_orthogonal_RR:.3f` of the Schur mass, $T_{CR}$ {glue:text}`mass_dense_orthogonal_CR:.3f` and $T_{CC}$ {glue:text}`mass_dense_orthogonal_CC:.3f`; in the dense default ones {glue:text}`mass_dense_default_RR:.3f`, {glue:text}`mass_dense_default_CR:.3f` and {glue:text}`mass_dense_default_CC:.3f`, in the dense normal ones, which started without couplings, {glue:text}`mass_dense_normal_RR:.3f`, {glue:text}`mass_dense_normal_CR:.3f` and {glue:text}`mass_dense_normal_CC:.3f`. (These are Frobenius norms: their squares add up.) Every block of a Cayley network of 72 units holds less than {glue:text}`mass_cayley`: the rounding of its single-precision weights. Where a block is at rounding level, effect per removed mass is zero divided by zero: the results leave the sensitivity undefined there.

# %% [markdown]
# ## What deleting one block does
#
# Replay accuracy when one block is deleted and nothing trained again: mean ± standard deviation. [Figure 1](figure_1.ipynb) takes up the two constructions with 72 units that the paper shows, with every set of blocks.

# %% mystnb={"markdown_format": "myst"} tags=["hide-input"]
rows = []
for size, name in configurations:
    part = table[(table.hidden_size == size) & (table.construction == name)]
    by = {removed: group.score for removed, group in part.groupby("removed")}
    scores = {style.without(removed): words.mean_sd(by[removed]) for removed in ("", "CC", "RR", "CR")}
    rows.append({"N_h": size, "start": style.NAMES[name], **scores})
words.show(pd.DataFrame(rows))

# %% tags=["remove-cell"]
lowest = table.groupby(["hidden_size", "construction", "removed"]).score.mean()
below = [key for key, score in lowest.items() if score < 0.49]
glue(
    "below_chance",
    "; ".join(
        f"{style.NAMES[name]} with {size} units without {removed} ({lowest[size, name, removed]:.3f})"
        for size, name, removed in below
    )
    or "none",
    display=False,
)

# %% [markdown]
# Below 0.49, where a network replays wrong signs with some regularity, lie: {glue:text}`below_chance`.

# %% [markdown]
# ## Which lag breaks first
#
# A deletion could spoil the replay slowly, so that late lags suffer, or at once. The dense orthogonal networks of 72 units again, lag by lag:

# %% tags=["hide-input"]
main_networks = [(s, n) for s, n in zip(specs, nets, strict=True) if (s.construction, s.hidden_size) == catalogue.FIGURE_1[0]]
at_lags = pd.concat([part_profile(on_task(n, task), task.parts(inputs, targets)).assign(seed=s.seed) for s, n in main_networks], ignore_index=True)
lags = at_lags.groupby(["removed", "value"]).score.agg(["mean", "min", "max"]).reset_index()
lags.columns = ["removed", "lag", "mean", "lowest", "highest"]
cache.save(lags, "copy_lags")

# %% mystnb={"figure": {"caption": "Replay accuracy at each lag without one block: thin lines are networks, black is their median. Chance is 0.5.", "name": "fig-lags-ablated"}, "image": {"alt": "Three panels, without RR, CR and CC: replay accuracy from lag 1 to lag 128; the curves are almost level, low from the first lag on without CR."}} tags=["hide-input"]
figures.per_channel(at_lags, "lag (steps after the input)", column="score")
plt.show()

# %% mystnb={"markdown_format": "myst"} tags=["hide-input"]
chosen_lags = (1, 8, 9, 32, 64, 128)
curves = lags.pivot(index="lag", columns="removed", values="mean")
low, high = (lags.pivot(index="lag", columns="removed", values=column) for column in ("lowest", "highest"))
rows = []
for lag in chosen_lags:
    cells = {
        style.without(name): f"{curves.loc[lag, name]:.3f} ({low.loc[lag, name]:.3f}–{high.loc[lag, name]:.3f})"
        for name in ("RR", "CR", "CC")
    }
    rows.append({"lag": lag, "full": f"{curves.loc[lag, '']:.3f}", **cells})
words.show(pd.DataFrame(rows))

# %% [markdown]
# Mean over networks, with the lowest and the highest one. A loss that is whole at the first lag may have been made before the replay, while the sequence came in. That can be tested: the block is deleted only while the input lasts, or only afterwards (on 256 of the sequences).

# %% mystnb={"markdown_format": "myst"} tags=["hide-input"]
whole = at_lags.groupby(["removed", "seed"]).score.mean()
phases = {
    (name, when): [score_when_ablated(on_task(n, task, n_trials=256), {name}, when) for _, n in main_networks]
    for name in ("RR", "CR", "CC")
    for when in ("input", "replay")
}
words.show(
    pd.DataFrame(
        {
            "deleted": style.without(name),
            "always": words.mean_sd(whole[name]),
            "while the input lasts": words.mean_sd(phases[name, "input"]),
            "during the replay": words.mean_sd(phases[name, "replay"]),
        }
        for name in ("RR", "CR", "CC")
    )
)

# %% tags=["remove-cell"]
for name in ("RR", "CR"):
    loss = curves[""] - curves[name]
    glue(f"lag_1_{name}", float(loss.loc[1]), display=False)
    glue(f"lag_128_{name}", float(loss.loc[128]), display=False)
    for when in ("input", "replay"):
        glue(f"only_{when}_{name}", float(whole[""].mean() - np.mean(phases[name, when])), display=False)
glue("largest_CC", float((curves[""] - curves["CC"]).max()), display=False)
answers = []
for name in ("CR", "RR"):
    cost_input, cost_replay = (whole[""].mean() - np.mean(phases[name, when]) for when in ("input", "replay"))
    if cost_input > 2 * cost_replay:
        answers.append(f"{name} is needed mainly to take the sequence in")
    elif cost_replay > 2 * cost_input:
        answers.append(f"{name} is needed mainly to replay it")
    else:
        answers.append(f"{name} is needed in both phases")
glue("lag_answer", "; ".join(answers), display=False)
steady = max(abs(float(curves[name].loc[1] - curves[name].loc[128])) for name in ("RR", "CR"))
glue("lag_headline", "No lag breaks first: the loss is there at once." if steady < 0.05 else "The loss changes along the replay.", display=False)

# %% [markdown]
# **{glue:text}`lag_headline`** Without $T_{CR}$ the accuracy is lower by {glue:text}`lag_1_CR:.3f` at lag 1 and by {glue:text}`lag_128_CR:.3f` at lag 128, without $T_{RR}$ by {glue:text}`lag_1_RR:.3f` and {glue:text}`lag_128_RR:.3f`. Without $T_{CC}$ no lag loses more than {glue:text}`largest_CC:.4f` on average. Deleted only while the input lasts, $T_{CR}$ costs {glue:text}`only_input_CR:.3f` and $T_{RR}$ {glue:text}`only_input_RR:.3f`; deleted only during the replay, {glue:text}`only_replay_CR:.3f` and {glue:text}`only_replay_RR:.3f`. So, in these networks (a factor of two decides, our choice): {glue:text}`lag_answer`.
