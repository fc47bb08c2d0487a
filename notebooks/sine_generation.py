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
# # Sine generation: a frequency from a constant
#
# The input is a constant; the output has to be a sine whose frequency the constant names. The network must turn a number into a rotation speed and keep turning. Which couplings does that need? And is it the slow sines or the fast ones that go first?

# %% tags=["parameters"]
networks = "reference"   # "reference": the networks shipped in data/; "trained": the store, training what is missing
profile = "paper"        # "paper": the paper's setting; "quick": tiny, to exercise the code only

# %% tags=["hide-input"]
import inspect

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
from study.probes.parts import part_profile, typical
from study.probes.profiles import profiles

specs = catalogue.specs("sine_generation", profile, networks)
nets = catalogue.networks(specs, networks)
task, recipe = specs[0].make_task(), specs[0].recipe
forms = [ordered_schur(net.W_hh) for net in nets]
table = measured("sine_generation", profiles, specs, nets)
inputs, targets = held_out(task)
divisions = task.parts(inputs, targets)
parts = pd.concat([part_profile(on_task(net, task), divisions).assign(seed=spec.seed) for spec, net in zip(specs, nets, strict=True)], ignore_index=True)
cache.save(parts, "sine_generation_channels")
choice = {name: p.default for name, p in inspect.signature(tasks.sine_generation).parameters.items()}
n_f, dt = choice["n_frequencies"], choice["dt"]
parts["hertz"] = choice["lowest"] + (choice["highest"] - choice["lowest"]) * ((parts.value - choice["cue_offset"]) * n_f).round() / (n_f - 1)
example = typical(table)
form, net = forms[example], nets[example]
glue("n", len(nets), display=False)
glue("example", example, display=False)
glue("steps", task.steps, display=False)
glue("milliseconds", 1000 * dt, display=False)
glue("seconds", dt * task.steps, display=False)
for name in ("lowest", "highest", "n_frequencies"):
    glue(name, choice[name], display=False)
glue("hidden_size", specs[0].hidden_size, display=False)
glue("rate", recipe.learning_rate, display=False)
glue("batch", recipe.batch_size, display=False)
glue("training_steps", recipe.steps, display=False)

# %% mystnb={"figure": {"caption": "Change of the FVU when a set of couplings is deleted and nothing is trained again; an output that is always the mean target has an FVU of 1. Bars: mean over networks, with its standard error; black strokes: median; points: single networks; diamonds: the paper's means.", "name": "fig-sine-profile"}, "image": {"alt": "Horizontal bars of the change in FVU for the eight sets of deleted blocks in sine generation, with single networks as points and the paper's values as diamonds."}} tags=["hide-input"]
published = paper.beside_paper(table, "Figure 2")
published = published[(published.task == "sine_generation") & (published.quantity == "delta_fvu")]
figures.subset_profile(table, published)
plt.show()

# %% [markdown]
# ## The task

# %% mystnb={"figure": {"caption": "Three held-out trials: the slowest sine, a middle and the fastest one.", "name": "fig-sine-task"}, "image": {"alt": "Three columns of two panels: a constant input above, and the target sine below, slow, middle and fast."}} tags=["hide-input"]
by_cue = torch.argsort(inputs[0, :, 0], stable=True)
three = by_cue[[0, len(by_cue) // 2, -1]]
hertz = [choice["lowest"] + (choice["highest"] - choice["lowest"]) * round((float(cue) - choice["cue_offset"]) * n_f) / (n_f - 1) for cue in inputs[0, three, 0]]
figures.task_trials(
    {"input": {"cue": inputs[:, three, 0]}, "output": {"target": targets[:, three, 0]}},
    [f"{f:.1f} Hz" for f in hertz], dt, "s",
)
plt.show()

# %% [markdown]
# The trial has {glue:text}`steps` steps: that is the paper's. The rest of the generator is **our choice**, after {cite:t}`sussillo2013`, whose network generates {glue:text}`n_frequencies` equally spaced frequencies, the highest six times the lowest, from static inputs $j/51 + 0.25$. The frequencies here run from {glue:text}`lowest` to {glue:text}`highest` Hz and each trial draws one at random; a step lasts {glue:text}`milliseconds:.0f` ms, so a trial {glue:text}`seconds` s; the target starts at phase 0, and there is no noise. Range and duration are those of the public code of {cite:t}`krause2022`, where a step lasts 1 ms. What the range of frequencies does to the numbers is measured in [what the paper leaves open](recipe.ipynb). Note how short a trial is: the slowest sine completes half a period.
#
# The training is the paper's {cite:p}`drager2026`: {glue:text}`hidden_size` units, an orthogonal $W_{hh}$ at the start, Adam with learning rate {glue:text}`rate`, batches of {glue:text}`batch` fresh trials, {glue:text}`training_steps:,d` steps. The mean squared error over all steps, no clipping of the gradient, and the start of $W_{xh}$ and $W_{hy}$ (uniform) are our choice.

# %% mystnb={"figure": {"caption": "Training loss, one line a network.", "name": "fig-sine-learning"}, "image": {"alt": "Training loss on a logarithmic axis against the training step, one line for each network."}} tags=["hide-input"]
style.learning_curves(nets)
plt.show()

# %% mystnb={"markdown_format": "myst"} tags=["hide-input"]
full = table[table.removed == ""]
theirs = paper.paper_value("s4_sine_full")
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
without_RR = int((table[table.removed == "RR"].mass < 1e-5).sum())
glue("without_RR", without_RR, display=False)

# %% [markdown]
# The mean FVU is {glue:text}`fvu:.4f` ({glue:text}`fvu_lowest:.4f` to {glue:text}`fvu_highest:.4f`), where the paper has {glue:text}`fvu_paper:.4f` (difference {glue:text}`fvu_difference`).
#
# ## States and spectrum

# %% mystnb={"figure": {"caption": "Hidden states of eight trials, from the slowest sine (dark) to the fastest (light), in the plane of the two leading principal components of the whole network (the example network); a dot marks the last step. The same trials and axes after each deletion.", "name": "fig-sine-states"}, "image": {"alt": "Four panels of trajectories in the plane of two principal components: full network, without RR, without CR, without CC."}} tags=["hide-input"]
def weights(name):
    return torch.from_numpy(form.ablate({name})).to(net.W_hh)


eight = by_cue[torch.linspace(0, len(by_cue) - 1, 8).round().long()]
drawn = inputs[:, torch.cat([eight, by_cue[::4]])]
with torch.no_grad():
    states = {"full": hidden_states(net, drawn)}
    states |= {style.without(name): hidden_states(net, drawn, weights(name)) for name in COUPLINGS}
    outputs = {"full": rollout(net, inputs[:, three])} | {name: rollout(net, inputs[:, three], weights(name)) for name in COUPLINGS}
style.trajectories({title: h.numpy() for title, h in states.items()})
plt.show()

# %% mystnb={"figure": {"caption": "Eigenvalues of $W_{hh}$ by sector, for networks with the smallest to the largest leading sector. The dashed circle is the threshold $|\\lambda| = \\alpha\\rho$ with $\\alpha = 0.9$.", "name": "fig-sine-spectra"}, "image": {"alt": "Panels of eigenvalues in the complex plane with the unit circle and a dashed circle at alpha times the spectral radius, from a network with few leading eigenvalues to one with many."}} tags=["hide-input"]
ranked = sorted(range(len(forms)), key=lambda i: forms[i].n_leading())
shown = list(dict.fromkeys(ranked[round(q * (len(ranked) - 1))] for q in (0, 1 / 3, 2 / 3, 1)))
style.spectra({f"seed {specs[i].seed}, n$_R$ = {forms[i].n_leading()}": forms[i] for i in shown})
plt.show()

# %% tags=["remove-cell"]
flat = states["full"].double().numpy().reshape(-1, net.hidden_size)
variances = np.linalg.svd(flat - flat.mean(0), compute_uv=False) ** 2
glue("explained_2", 100 * float(variances[:2].sum() / variances.sum()), display=False)
outliers = [f for f in forms if abs(f.eigenvalues[0].imag) < 1e-9]
glue("n_real", len(outliers), display=False)
rho = [float(abs(f.eigenvalues[0])) for f in forms]
glue("rho_lowest", min(rho), display=False)
glue("rho_highest", max(rho), display=False)
near_circle = [float((abs(abs(f.eigenvalues) - 1) < 0.1).mean()) for f in forms]
glue("near_circle", 100 * float(np.mean(near_circle)), display=False)

# %% [markdown]
# The two components drawn hold {glue:text}`explained_2:.0f` % of the variance of the states. The leading sector differs in size from network to network: $n_R$ is {glue:text}`n_R`. In {glue:text}`without_RR` of {glue:text}`n` networks $T_{RR}$ is empty or at rounding level: a single eigenvalue or pair leads, there is nothing to couple within the sector, and $S_{\Delta T}$ is undefined.
#
# The reason is in {numref}`fig-sine-spectra`. $W_{hh}$ starts with every eigenvalue on the unit circle, and after training {glue:text}`near_circle:.0f` % of them (mean over networks) are still within 0.1 of it. But the spectral radius, from {glue:text}`rho_lowest:.2f` to {glue:text}`rho_highest:.2f`, is set by few eigenvalues outside; in {glue:text}`n_real` of {glue:text}`n` networks the largest is real, which by itself rotates nothing. The threshold $\alpha\rho$ follows it, and where it passes the circle all the rest, with the many pairs that can rotate, is the complement. So a large effect of $T_{CC}$ does not mean that weak modes matter: here most modes are in $C$.
#
# ## What each deletion does

# %% mystnb={"markdown_format": "myst"} tags=["hide-input"]
words.show(words.effects(table))

# %% tags=["remove-cell"]
mean, median = table.groupby("removed").delta.mean(), table.groupby("removed").delta.median()
for name in COUPLINGS:
    glue(f"delta_{name}", float(mean[name]), display=False)
glue("median_RR", float(median["RR"]), display=False)
glue("delta_all", float(mean["RR+CR+CC"]), display=False)
glue("delta_CR_CC", float(mean["CR+CC"]), display=False)
paper_of = published.set_index("removed").paper
for name in ("CR", "CC"):
    glue(f"paper_{name}", float(paper_of[name]), display=False)
RR = table[table.removed == "RR"].set_index("seed")
glue("most_RR_seed", int(RR.delta.idxmax()), display=False)
glue("most_RR", float(RR.delta.max()), display=False)
glue("most_RR_n_R", int(RR.n_leading[RR.delta.idxmax()]), display=False)

# %% [markdown]
# ΔFVU and, after ±, its standard error over networks; mass is the removed Schur mass $\|\Delta T\|_F/\|T\|_F$ and $S$ the ΔFVU per mass. An FVU of 1 is what the constant mean target gives; an output stuck at 1 or −1 has one of about 3. On average, deleting $T_{CC}$ costs {glue:text}`delta_CC:.2f` (paper {glue:text}`paper_CC:.2f`), $T_{CR}$ {glue:text}`delta_CR:.2f` (paper {glue:text}`paper_CR:.2f`) and $T_{RR}$ {glue:text}`delta_RR:.2f`. The last is a mean that hides its networks: the median is {glue:text}`median_RR:.3f`, and the largest effect, {glue:text}`most_RR:.2f`, is that of seed {glue:text}`most_RR_seed` with $n_R$ = {glue:text}`most_RR_n_R`. $T_{CR}$ and $T_{CC}$ together cost {glue:text}`delta_CR_CC:.2f`, all three {glue:text}`delta_all:.2f`: the effects do not add up. The three tasks side by side, as in the paper, are in [Figure 2](figure_2.ipynb); what this says about the paper's claims is in [paper versus here](paper_versus_here.ipynb).

# %% mystnb={"figure": {"caption": "ΔFVU against the dimension of the leading sector, a point a network and block. The vertical axis is linear up to 0.1 and logarithmic beyond.", "name": "fig-sine-n-leading"}, "image": {"alt": "Scatter of the change in FVU against n_R for the blocks RR, CR and CC."}} tags=["hide-input"]
figures.against_n_leading(table)
plt.show()

# %% [markdown]
# ## What the ablated network does wrong

# %% mystnb={"figure": {"caption": "The three trials of the task's figure: target, the whole network, and the same network without each block (the example network).", "name": "fig-sine-example"}, "image": {"alt": "Three panels, slow, middle and fast sine, with the target as a broad grey line and the outputs of the full network and of the network without RR, CR and CC over time."}} tags=["hide-input"]
style.example_trials(
    targets[:, three, 0], {name: y[:, :, 0] for name, y in outputs.items()}, dt, "s", [f"{f:.1f} Hz" for f in hertz]
)
plt.show()

# %% tags=["remove-cell"]
shape = {name: [] for name in COUPLINGS}
with torch.no_grad():
    for f, other in zip(forms, nets, strict=True):
        for name in COUPLINGS:
            y = rollout(other, inputs, torch.from_numpy(f.ablate({name})).to(other.W_hh)).double()[..., 0]
            t = targets.double()[..., 0]
            around_y, around_t = y - y.mean(0), t - t.mean(0)
            alike = (around_y * around_t).sum(0) / (around_y.norm(dim=0) * around_t.norm(dim=0)).clamp(min=1e-9)
            swing = around_y.norm(dim=0) / around_t.norm(dim=0)
            offset = (y.mean(0) - t.mean(0)).abs()
            late = y[-len(y) // 5 :].std(0) / t[-len(t) // 5 :].std(0)
            shape[name].append([float(x.median()) for x in (alike, swing, offset, late)])
for name in COUPLINGS:
    if name != "RR":
        glue(f"stuck_{name}", int(sum(numbers[3] < 0.1 for numbers in shape[name])), display=False)
    for what, value in zip(("alike", "swing", "offset", "late"), np.median(shape[name], axis=0), strict=True):
        glue(f"{what}_{name}", float(value), display=False)

# %% [markdown]
# Three numbers a trial, then the median over trials and networks. *Correlation* of the output with its target over time: {glue:text}`alike_CR:.2f` without $T_{CR}$, {glue:text}`alike_CC:.2f` without $T_{CC}$, {glue:text}`alike_RR:.2f` without $T_{RR}$. *Swing*, the output's standard deviation over that of the target: {glue:text}`swing_CR:.2f`, {glue:text}`swing_CC:.2f` and {glue:text}`swing_RR:.2f`. *Offset*, the distance of the output's mean from the target's: {glue:text}`offset_CR:.2f`, {glue:text}`offset_CC:.2f` and {glue:text}`offset_RR:.2f`. A correlation near 0 means that the rhythm is lost, a swing below 1 that the output moves too little, an offset that it moves about the wrong place.
#
# Does the output still turn at the end? *Late swing* is the swing over the last fifth of the trial: {glue:text}`late_CR:.3f` without $T_{CR}$, {glue:text}`late_CC:.3f` without $T_{CC}$, {glue:text}`late_RR:.3f` without $T_{RR}$. It is below 0.1, so that the output stands still where a sine should go on, in {glue:text}`stuck_CR` of {glue:text}`n` networks without $T_{CR}$ and in {glue:text}`stuck_CC` without $T_{CC}$.
#
# ## Which frequency breaks first

# %% mystnb={"figure": {"caption": "ΔFVU of each frequency: its definition with both means taken over the trials of that frequency (with the mean target of all). Thin lines: networks; black: their median. The vertical axis is linear up to 0.1 and logarithmic beyond.", "name": "fig-sine-frequencies"}, "image": {"alt": "Three panels, without RR, CR and CC: change in FVU against the frequency in hertz, networks as thin lines and their median in black."}} tags=["hide-input"]
of_frequency = parts.assign(value=parts.hertz)
figures.per_channel(of_frequency, "frequency (Hz)", scale="symlog")
plt.show()

# %% tags=["remove-cell"]
medians = of_frequency.groupby(["removed", "value"]).delta.median()
curve = of_frequency[(of_frequency.removed == "RR") & (of_frequency.seed == RR.delta.idxmax())].set_index("value").delta
for what, at in (("low", curve.idxmin()), ("high", curve.idxmax())):
    glue(f"{what}_RR", float(curve[at]), display=False)
    glue(f"{what}_RR_at", float(at), display=False)
for name in ("CR", "CC"):
    curve = medians[name]
    glue(f"mildest_{name}", float(curve.idxmin()), display=False)
    glue(f"mildest_delta_{name}", float(curve.min()), display=False)
    glue(f"hardest_{name}", float(curve.idxmax()), display=False)
    glue(f"hardest_delta_{name}", float(curve.max()), display=False)
middle = (choice["lowest"] + choice["highest"]) / 2
faster = {}
for name in ("CR", "CC"):
    rows = of_frequency[of_frequency.removed == name]
    slow = rows[rows.value < middle].groupby("seed").delta.mean()
    fast = rows[rows.value >= middle].groupby("seed").delta.mean()
    faster[name] = int((fast > slow).sum())
    glue(f"fast_worse_{name}", faster[name], display=False)
    glue(f"slow_{name}", float(slow.median()), display=False)
    glue(f"fast_{name}", float(fast.median()), display=False)


def tendency(name):
    if faster[name] >= 0.8 * len(nets):
        return f"without {name} the fast sines suffer more"
    if faster[name] <= 0.2 * len(nets):
        return f"without {name} the slow sines suffer more"
    return f"without {name} it depends on the network"


glue("middle", middle, display=False)
glue("answer", "; ".join(map(tendency, ("CC", "CR"))), display=False)

# %% [markdown]
# Without $T_{CC}$ the median ΔFVU is smallest at {glue:text}`mildest_CC:.1f` Hz ({glue:text}`mildest_delta_CC:.2f`) and largest at {glue:text}`hardest_CC:.1f` Hz ({glue:text}`hardest_delta_CC:.2f`). Without $T_{CR}$ it is smallest at {glue:text}`mildest_CR:.1f` Hz ({glue:text}`mildest_delta_CR:.2f`) and largest at {glue:text}`hardest_CR:.1f` Hz ({glue:text}`hardest_delta_CR:.2f`). $T_{RR}$ matters in few networks; in seed {glue:text}`most_RR_seed`, which it hits most, its ΔFVU goes from {glue:text}`low_RR:.2f` at {glue:text}`low_RR_at:.1f` Hz to {glue:text}`high_RR:.2f` at {glue:text}`high_RR_at:.1f` Hz.
#
# **The answer.** Comparing the frequencies below {glue:text}`middle` Hz with those above, network by network: {glue:text}`answer`. The fast half has the larger ΔFVU in {glue:text}`fast_worse_CC` of {glue:text}`n` networks without $T_{CC}$ (medians {glue:text}`slow_CC:.2f` slow, {glue:text}`fast_CC:.2f` fast) and in {glue:text}`fast_worse_CR` without $T_{CR}$ ({glue:text}`slow_CR:.2f` and {glue:text}`fast_CR:.2f`). The example network is seed {glue:text}`example`, the one nearest to the median effects.
