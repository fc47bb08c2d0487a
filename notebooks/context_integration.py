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
# # Context integration: which stream to add up
#
# Two noisy streams come in, and a context cue names the one to integrate; the other has to be ignored. The network needs a memory that adds, and a gate. Which couplings hold the integrator, which the gate? And does a deletion break both contexts alike?

# %% tags=["parameters"]
networks = "reference"   # "reference": the networks shipped in data/; "trained": the store, training what is missing
profile = "paper"        # "paper": the paper's setting; "quick": tiny, to exercise the code only

# %% tags=["hide-input"]
import inspect
import itertools

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from myst_nb import glue

from schur_lib import ordered_schur, rollout, tasks
from schur_lib.dynamics import hidden_states
from schur_lib.schur import COUPLINGS
from schur_lib.subjects import on_task
from schur_lib.tasks import held_out
from study import cache, catalogue, paper, words
from study.cache import measured
from study.figures import style
from study.figures import trials as figures
from study.probes.parts import integration_gains, part_profile, typical, worst_parts
from study.probes.profiles import profiles

specs = catalogue.specs("context_integration", profile, networks)
nets = catalogue.networks(specs, networks)
task, recipe = specs[0].make_task(), specs[0].recipe
forms = [ordered_schur(net.W_hh) for net in nets]
table = measured("context_integration", profiles, specs, nets)
inputs, targets = held_out(task)
divisions = task.parts(inputs, targets)
parts = pd.concat([part_profile(on_task(net, task), divisions).assign(seed=spec.seed) for spec, net in zip(specs, nets, strict=True)], ignore_index=True)
cache.save(parts, "context_integration_channels")
example = typical(table)
form, net = forms[example], nets[example]
glue("n", len(nets), display=False)
glue("example", example, display=False)
glue("steps", task.steps, display=False)
for name in ("noise", "bias"):
    glue(name, inspect.signature(tasks.context_integration).parameters[name].default, display=False)
glue("hidden_size", specs[0].hidden_size, display=False)
glue("rate", recipe.learning_rate, display=False)
glue("batch", recipe.batch_size, display=False)
glue("training_steps", recipe.steps, display=False)

# %% mystnb={"figure": {"caption": "Change of the FVU when a set of couplings is deleted and nothing is trained again. Bars: mean over networks, with its standard error; black strokes: median; points: single networks; diamonds: the paper's means. The axis is linear up to 0.1 and logarithmic beyond: single networks differ by orders of magnitude.", "name": "fig-integration-profile"}, "image": {"alt": "Horizontal bars of the change in FVU on a logarithmic axis for the eight sets of deleted blocks in context integration, with single networks as widely spread points and the paper's values as diamonds."}} tags=["hide-input"]
published = paper.beside_paper(table, "Figure 2")
published = published[(published.task == "context_integration") & (published.quantity == "delta_fvu")]
figures.subset_profile(table, published, scale="symlog")
plt.show()

# %% [markdown]
# ## The task

# %% mystnb={"figure": {"caption": "Two held-out trials, one of each context: the two streams, and the target, which is the running sum of the cued one.", "name": "fig-integration-task"}, "image": {"alt": "Two columns of two panels: two noisy streams above, and below the running sum of the first or of the second."}} tags=["hide-input"]
context = inputs[0, :, 2:].argmax(1)
one_each = [int((context == c).nonzero()[0]) for c in (0, 1)]
figures.task_trials(
    {
        "inputs": {"stream 1": inputs[:, one_each, 0], "stream 2": inputs[:, one_each, 1]},
        "output": {"target": targets[:, one_each, 0]},
    },
    ["context 1", "context 2"],
)
plt.show()

# %% [markdown]
# Four inputs (two streams, two context cues) and {glue:text}`steps` steps are the paper's. The rest of the generator is **our choice**; the task is that of {cite:t}`mante2013`, in the simple form in which it is often trained: streams of independent Gaussian noise, a context that is drawn with equal odds and shown as a constant one-hot cue, and as target the running sum of the cued stream from the first step on. The standard deviation of the noise is {glue:text}`noise` divided by the square root of the number of steps, so that the last target has variance 1; a constant drift in each trial, which some versions of the task add, has a standard deviation of {glue:text}`bias` on the same scale. What noise and drift do to the numbers is measured in [what the paper leaves open](recipe.ipynb).
#
# The training is the paper's {cite:p}`drager2026`: {glue:text}`hidden_size` units, an orthogonal $W_{hh}$ at the start, Adam with learning rate {glue:text}`rate`, batches of {glue:text}`batch` fresh trials, {glue:text}`training_steps:,d` steps. The mean squared error over all steps, no clipping of the gradient, and the start of $W_{xh}$ and $W_{hy}$ (uniform) are our choice.

# %% mystnb={"figure": {"caption": "Training loss, one line a network.", "name": "fig-integration-learning"}, "image": {"alt": "Training loss on a logarithmic axis against the training step, one line for each network."}} tags=["hide-input"]
style.learning_curves(nets)
plt.show()

# %% mystnb={"markdown_format": "myst"} tags=["hide-input"]
full = table[table.removed == ""]
theirs = paper.paper_value("s4_cdi_full")
rows = [{"network": f"seed {row.seed}", "FVU": f"{row.score:.5f}", "n_R": row.n_leading} for row in full.itertuples()]
rows.append({"network": "mean ± SD", "FVU": words.mean_sd(full.score, 5), "n_R": words.mean_sd(full.n_leading, 1)})
rows.append({"network": "paper (mean of 3)", "FVU": f"{theirs:.4f}", "n_R": "–"})
words.show(pd.DataFrame(rows))

# %% tags=["remove-cell"]
glue("fvu", float(full.score.mean()), display=False)
glue("fvu_lowest", float(full.score.min()), display=False)
glue("fvu_highest", float(full.score.max()), display=False)
glue("fvu_paper", theirs, display=False)
glue("fvu_difference", words.signed(full.score.mean() - theirs, 4), display=False)
sizes = full.n_leading.sort_values()
glue("n_R", ", ".join(map(str, sizes)), display=False)
glue("n_R_smallest", int(sizes.iloc[0]), display=False)
glue("n_R_largest", int(sizes.iloc[-1]), display=False)

# %% [markdown]
# The mean FVU is {glue:text}`fvu:.4f` ({glue:text}`fvu_lowest:.4f` to {glue:text}`fvu_highest:.4f`), where the paper has {glue:text}`fvu_paper:.4f` (difference {glue:text}`fvu_difference`).
#
# ## States and spectrum

# %% mystnb={"figure": {"caption": "Hidden states of eight trials, four of each context, from the lowest final target (dark) to the highest (light), in the plane of the two leading principal components of the whole network (the example network); a dot marks the last step. The same trials and axes after each deletion.", "name": "fig-integration-states"}, "image": {"alt": "Four panels of trajectories in the plane of two principal components: full network, without RR, without CR, without CC."}} tags=["hide-input"]
def weights(name):
    return torch.from_numpy(form.ablate({name})).to(net.W_hh)


picked = []
for c in (0, 1):
    trials = (context == c).nonzero()[:, 0]
    trials = trials[torch.argsort(targets[-1, trials, 0])]
    picked += [int(trials[round(q * (len(trials) - 1))]) for q in (0.05, 0.35, 0.65, 0.95)]
picked = sorted(picked, key=lambda trial: float(targets[-1, trial, 0]))
drawn = torch.cat([inputs[:, picked], inputs[:, :256]], dim=1)
with torch.no_grad():
    states = {"full": hidden_states(net, drawn)}
    states |= {style.without(name): hidden_states(net, drawn, weights(name)) for name in COUPLINGS}
    outputs = {"full": rollout(net, inputs[:, one_each])} | {name: rollout(net, inputs[:, one_each], weights(name)) for name in COUPLINGS}
style.trajectories({title: h.numpy() for title, h in states.items()})
plt.show()

# %% mystnb={"figure": {"caption": "Eigenvalues of $W_{hh}$ by sector, for networks with the smallest to the largest leading sector. The dashed circle is the threshold $|\\lambda| = \\alpha\\rho$ with $\\alpha = 0.9$.", "name": "fig-integration-spectra"}, "image": {"alt": "Panels of eigenvalues in the complex plane with the unit circle and a dashed circle at alpha times the spectral radius, from a network with few leading eigenvalues to one with many."}} tags=["hide-input"]
ranked = sorted(range(len(forms)), key=lambda i: forms[i].n_leading())
shown = list(dict.fromkeys(ranked[round(q * (len(ranked) - 1))] for q in (0, 1 / 3, 2 / 3, 1)))
style.spectra({f"seed {specs[i].seed}, n$_R$ = {forms[i].n_leading()}": forms[i] for i in shown})
plt.show()

# %% tags=["remove-cell"]
flat = states["full"].double().numpy().reshape(-1, net.hidden_size)
variances = np.linalg.svd(flat - flat.mean(0), compute_uv=False) ** 2
glue("explained_2", 100 * float(variances[:2].sum() / variances.sum()), display=False)
rho = [float(abs(f.eigenvalues[0])) for f in forms]
glue("rho_lowest", min(rho), display=False)
glue("rho_highest", max(rho), display=False)
near_cut = [f.cut_report().n_near_cut for f in forms]
glue("near_cut", float(np.mean(near_cut)), display=False)
near_circle = [float((abs(abs(f.eigenvalues) - 1) < 0.1).mean()) for f in forms]
glue("near_circle", 100 * float(np.mean(near_circle)), display=False)

# %% [markdown]
# The two components drawn hold {glue:text}`explained_2:.0f` % of the variance of the states. The leading sector is of very different size in networks that all solve the task: $n_R$ is {glue:text}`n_R`. {numref}`fig-integration-spectra` shows why. The eigenvalues start on the unit circle, and {glue:text}`near_circle:.0f` % of them (mean over networks) end within 0.1 of it; the spectral radius ends between {glue:text}`rho_lowest:.2f` and {glue:text}`rho_highest:.2f`, so that the threshold $\alpha\rho$ passes through the crowd. On average {glue:text}`near_cut:.0f` eigenvalues lie within 5 % of the threshold: a little more or less of $\alpha$ or $\rho$ moves many dimensions from one sector to the other. The names RR, CR and CC then stand for different parts of the weights in different networks.
#
# ## What each deletion does

# %% mystnb={"markdown_format": "myst"} tags=["hide-input"]
words.show(words.effects(table))

# %% tags=["remove-cell"]
effects = table.groupby("removed").delta
for name in COUPLINGS:
    glue(f"mean_sd_{name}", words.mean_sd(effects.get_group(name), 2), display=False)
    glue(f"median_{name}", float(effects.median()[name]), display=False)
glue("lowest_CC", float(effects.min()["CC"]), display=False)
glue("highest_CC", float(effects.max()["CC"]), display=False)
paper_of = published.set_index("removed").paper
for name in ("CR", "CC"):
    glue(f"paper_{name}", float(paper_of[name]), display=False)
wide = table[table.removed.isin(COUPLINGS)].pivot(index="seed", columns="removed", values="delta")
largest = wide.idxmax(axis=1).value_counts()
glue("largest", ", ".join(f"{name} in {int(largest.get(name, 0))}" for name in COUPLINGS), display=False)
glue("CC_above_CR", int((wide.CC > wide.CR).sum()), display=False)
threes = pd.DataFrame([wide.loc[list(seeds)].mean() for seeds in itertools.combinations(wide.index, 3)], columns=wide.columns)
for name in ("CR", "CC"):
    for what, value in (("lowest", threes[name].min()), ("highest", threes[name].max())):
        glue(f"triple_{what}_{name}", f"{value:.2f}" if len(threes) > 1 else "–", display=False)
glue("triples", f"{100 * (threes.CC > threes.CR).mean():.0f}" if len(threes) > 1 else "–", display=False)
by_size = full.set_index("seed").n_leading
for name in COUPLINGS:
    few = len(wide) < 4 or by_size.nunique() < 2
    rank = "–" if few else words.signed(wide[name].corr(by_size, method="spearman"), 2)
    glue(f"rank_{name}", rank, display=False)

# %% [markdown]
# ΔFVU and, after ±, its standard error over networks; mass is the removed Schur mass $\|\Delta T\|_F/\|T\|_F$ and $S$ the ΔFVU per mass. The effects have heavy tails. As mean ± standard deviation over networks, deleting $T_{CC}$ costs {glue:text}`mean_sd_CC` (paper: mean {glue:text}`paper_CC:.2f`), $T_{CR}$ {glue:text}`mean_sd_CR` (paper {glue:text}`paper_CR:.2f`) and $T_{RR}$ {glue:text}`mean_sd_RR`; the medians are {glue:text}`median_CC:.2f`, {glue:text}`median_CR:.2f` and {glue:text}`median_RR:.2f`. Without $T_{CC}$ single networks lose from {glue:text}`lowest_CC:.2f` to {glue:text}`highest_CC:.2f`. Three networks, as the paper has, say little here: taken from ours, three have a mean ΔFVU anywhere from {glue:text}`triple_lowest_CC` to {glue:text}`triple_highest_CC` without $T_{CC}$ and from {glue:text}`triple_lowest_CR` to {glue:text}`triple_highest_CR` without $T_{CR}$, and in {glue:text}`triples` % of all threes $T_{CC}$ has the larger mean.
#
# The block with the largest effect is, of {glue:text}`n` networks: {glue:text}`largest`. $T_{CC}$ costs more than $T_{CR}$ in {glue:text}`CC_above_CR` of them. The three tasks side by side, as in the paper, are in [Figure 2](figure_2.ipynb); what this says about the paper's claims is in [paper versus here](paper_versus_here.ipynb).

# %% mystnb={"figure": {"caption": "ΔFVU against the dimension of the leading sector, a point a network and block. The vertical axis is linear up to 0.1 and logarithmic beyond.", "name": "fig-integration-n-leading"}, "image": {"alt": "Scatter of the change in FVU against n_R for the blocks RR, CR and CC."}} tags=["hide-input"]
figures.against_n_leading(table)
plt.show()

# %% [markdown]
# Much of the spread goes with the size of the leading sector ({numref}`fig-integration-n-leading`). The rank correlation of ΔFVU with $n_R$ over networks is {glue:text}`rank_CC` without $T_{CC}$, {glue:text}`rank_CR` without $T_{CR}$ and {glue:text}`rank_RR` without $T_{RR}$: what counts as complement decides what its couplings are worth.
#
# ## What the ablated network does wrong

# %% mystnb={"figure": {"caption": "The two trials of the task's figure: target, the whole network, and the same network without each block (the example network).", "name": "fig-integration-example"}, "image": {"alt": "Two panels, one for each context, with the target as a broad grey line and the outputs of the full network and of the network without RR, CR and CC over time."}} tags=["hide-input"]
style.example_trials(targets[:, one_each, 0], {name: y[:, :, 0] for name, y in outputs.items()}, titles=["context 1", "context 2"])
plt.show()

# %% [markdown]
# The last output of every trial is fitted by least squares as a gain times the integral of the cued stream, plus a gain times the integral of the other, plus an offset for each context. A perfect integrator has gains 1 and 0 and no offset.

# %% mystnb={"markdown_format": "myst"} tags=["hide-input"]
gains = pd.concat(
    pd.DataFrame([integration_gains(on_task(other, task), inputs[..., :2], context, s) for other in nets]).assign(removed="".join(s))
    for s in ((), ("RR",), ("CR",), ("CC",))
)
gains["offset"] = gains[["offset_1", "offset_2"]].abs().max(axis=1)
middle = gains.groupby("removed", sort=False)[["cued", "other", "offset", "unexplained"]].median()
words.show(
    pd.DataFrame(
        {
            "deleted": [style.without(removed) for removed in middle.index],
            "gain, cued": [f"{x:.2f}" for x in middle.cued],
            "gain, other": [words.signed(x, 2) for x in middle.other],
            "larger offset": [f"{x:.2f}" for x in middle.offset],
            "SD of the rest": [f"{x:.2f}" for x in middle.unexplained],
        }
    )
)

# %% tags=["remove-cell"]
for name in COUPLINGS:
    for column in ("cued", "other", "offset"):
        glue(f"{column}_{name}", float(middle.loc[name, column]), display=False)
glue("cued_full", float(middle.loc["", "cued"]), display=False)
leaks = gains[gains.removed == "CR"].other.to_numpy() > gains[gains.removed == "CC"].other.to_numpy()
glue("leaks", int(leaks.sum()), display=False)

# %% [markdown]
# Medians over networks. Without $T_{CR}$ the gain of the cued stream falls from {glue:text}`cued_full:.2f` to {glue:text}`cued_CR:.2f`, and the stream that should be ignored comes through with {glue:text}`other_CR:.2f`; without $T_{CC}$ the gains are {glue:text}`cued_CC:.2f` and {glue:text}`other_CC:.2f`, without $T_{RR}$ {glue:text}`cued_RR:.2f` and {glue:text}`other_RR:.2f`. The other stream leaks more without $T_{CR}$ than without $T_{CC}$ in {glue:text}`leaks` of {glue:text}`n` networks. In all three cases the output also runs to a wrong level that depends on the context: {glue:text}`offset_CR:.2f`, {glue:text}`offset_CC:.2f` and {glue:text}`offset_RR:.2f` in the worse context. The last targets have a standard deviation of 1, so an offset alone costs its square in FVU, or more: this is how an FVU far above 1 comes about.
#
# ## Which context, and which step

# %% mystnb={"figure": {"caption": "ΔFVU in each context. Thin lines: networks; black: their median. The vertical axis is linear up to 0.1 and logarithmic beyond.", "name": "fig-integration-contexts"}, "image": {"alt": "Three panels, without RR, CR and CC: change in FVU in context 1 and in context 2, one line for each network; many lines are steep, up or down."}} tags=["hide-input"]
figures.per_channel(parts[parts.part == "context"], "context", scale="symlog")
plt.show()

# %% mystnb={"figure": {"caption": "ΔFVU at each step: error over variance of the targets at that step (about the mean target of all), which grows with time.", "name": "fig-integration-steps"}, "image": {"alt": "Three panels, without RR, CR and CC: change in FVU against the step, networks as thin lines and their median in black; the curves rise from zero within a few steps."}} tags=["hide-input"]
figures.per_channel(parts[parts.part == "step"], "step", scale="symlog")
plt.show()

# %% tags=["remove-cell"]
contexts = worst_parts(parts[parts.part == "context"])
medians = parts.groupby(["part", "removed", "value"]).delta.median()
for name in COUPLINGS:
    glue(f"worst_{name}", " and ".join(map(str, contexts.worst[name])), display=False)
    glue(f"unequal_{name}", f"{contexts.ratio[name]:.1f}" if contexts.n[name] else "–", display=False)
    curve = medians["step", name]
    above = curve[curve > 0.1]
    glue(f"breaks_{name}", f"at step {int(above.index[0])}" if len(above) else "at no step", display=False)
    glue(f"step_worst_{name}", int(curve.idxmax()), display=False)
    glue(f"step_worst_delta_{name}", float(curve.max()), display=False)
    glue(f"last_{name}", float(curve.iloc[-1]), display=False)
glue(
    "answer",
    "a network loses mainly one of its contexts, and which one differs from network to network: the mean over contexts hides it"
    if contexts.ratio.max() > 2
    else "both contexts suffer alike",
    display=False,
)

# %% [markdown]
# **Which context.** The task treats both alike, and yet {glue:text}`answer`. Without $T_{CR}$ the ΔFVU is larger in context 1 and in context 2 in {glue:text}`worst_CR` networks, without $T_{CC}$ in {glue:text}`worst_CC`, without $T_{RR}$ in {glue:text}`worst_RR` (networks whose ΔFVU stays below 0.01 left out). The worse context has {glue:text}`unequal_CR`, {glue:text}`unequal_CC` and {glue:text}`unequal_RR` times the ΔFVU of the better (medians).
#
# **Which step.** At the first step nothing is lost: the recurrent weights have not acted yet. The median ΔFVU passes 0.1 (our choice) {glue:text}`breaks_CR` without $T_{CR}$, {glue:text}`breaks_CC` without $T_{CC}$ and {glue:text}`breaks_RR` without $T_{RR}$; it is largest at step {glue:text}`step_worst_CR` ({glue:text}`step_worst_delta_CR:.2f`), {glue:text}`step_worst_CC` ({glue:text}`step_worst_delta_CC:.2f`) and {glue:text}`step_worst_RR` ({glue:text}`step_worst_delta_RR:.2f`), and {glue:text}`last_CR:.2f`, {glue:text}`last_CC:.2f` and {glue:text}`last_RR:.2f` at the last step.
#
# **The answer.** No one block holds the integrator or the gate in all {glue:text}`n` networks: the largest effect is that of {glue:text}`largest`, and $n_R$ runs from {glue:text}`n_R_smallest` to {glue:text}`n_R_largest`. What the losses have in common is an output that runs to a level of its own in each context. The example network is seed {glue:text}`example`, the one nearest to the median effects.
