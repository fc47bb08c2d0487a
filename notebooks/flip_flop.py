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
# # Flip-flop: three bits to remember
#
# Three lines each get a pulse of −1 or +1 now and then, and each of three outputs has to hold the sign of its line's last pulse: eight states, and the ways between them. Which couplings of a trained network does this need, and what is lost when they go: the memory, or the way from one state to another?

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
from study.probes.parts import part_profile, typical, worst_parts
from study.probes.profiles import profiles

specs = catalogue.specs("flip_flop", profile, networks)
nets = catalogue.networks(specs, networks)
task, recipe = specs[0].make_task(), specs[0].recipe
forms = [ordered_schur(net.W_hh) for net in nets]
table = measured("flip_flop", profiles, specs, nets)
inputs, targets = held_out(task)
divisions = task.parts(inputs, targets)
parts = pd.concat([part_profile(on_task(net, task), divisions).assign(seed=spec.seed) for spec, net in zip(specs, nets, strict=True)], ignore_index=True)
cache.save(parts, "flip_flop_channels")
example = typical(table)
form, net = forms[example], nets[example]
glue("n", len(nets), display=False)
glue("example", example, display=False)
glue("steps", task.steps, display=False)
glue("pulse_probability", inspect.signature(tasks.flip_flop).parameters["pulse_probability"].default, display=False)
glue("hidden_size", specs[0].hidden_size, display=False)
glue("rate", recipe.learning_rate, display=False)
glue("batch", recipe.batch_size, display=False)
glue("training_steps", recipe.steps, display=False)

# %% mystnb={"figure": {"caption": "Change of the FVU (the fraction of the targets' variance that the output leaves unexplained) when a set of couplings is deleted and nothing is trained again. Bars: mean over networks, with its standard error; black strokes: median; points: single networks; diamonds: the paper's means.", "name": "fig-flip-flop-profile"}, "image": {"alt": "Horizontal bars of the change in FVU for the eight sets of deleted blocks in the flip-flop task, with single networks as points and the paper's values as diamonds."}} tags=["hide-input"]
published = paper.beside_paper(table, "Figure 2")
published = published[(published.task == "flip_flop") & (published.quantity == "delta_fvu")]
figures.subset_profile(table, published)
plt.show()

# %% [markdown]
# ## The task

# %% mystnb={"figure": {"caption": "Two held-out trials: pulses (bars) and targets (grey) of the three lines.", "name": "fig-flip-flop-task"}, "image": {"alt": "Two columns of three panels: pulses of plus or minus one as bars and the target as a grey line that changes to the sign of each pulse."}} tags=["hide-input"]
rows = {f"bit {bit + 1}": {"target": targets[:, :2, bit], "pulse": inputs[:, :2, bit]} for bit in range(3)}
figures.task_trials(rows, ["trial 1", "trial 2"])
plt.show()

# %% [markdown]
# A trial has {glue:text}`steps` steps and the task three lines: both are the paper's. The rest of the generator is **our choice**, after the public code of FixedPointFinder {cite:p}`golub2018`, where each line gets a pulse with a fixed probability at each step, signs are fair, every line gets a pulse at the first step (so that the target is always defined), the target holds from the step of the pulse on, and there is no noise. That code uses a probability of 0.5 in trials of 64 steps; in our short trials we take {glue:text}`pulse_probability`. What this choice does to the numbers is measured in [what the paper leaves open](recipe.ipynb). The task in this form goes back to {cite:t}`sussillo2013`.
#
# The training is the paper's {cite:p}`drager2026`: {glue:text}`hidden_size` units, an orthogonal $W_{hh}$ at the start, Adam with learning rate {glue:text}`rate`, batches of {glue:text}`batch` fresh trials, {glue:text}`training_steps:,d` steps. The mean squared error over all steps, no clipping of the gradient, and the start of $W_{xh}$ and $W_{hy}$ (uniform) are our choice.

# %% mystnb={"figure": {"caption": "Training loss, one line a network.", "name": "fig-flip-flop-learning"}, "image": {"alt": "Training loss on a logarithmic axis against the training step, one line for each network."}} tags=["hide-input"]
style.learning_curves(nets)
plt.show()

# %% mystnb={"markdown_format": "myst"} tags=["hide-input"]
full = table[table.removed == ""]
theirs = paper.paper_value("s4_flipflop_full")
rows = [{"network": f"seed {row.seed}", "FVU": f"{row.score:.5f}", "n_R": row.n_leading} for row in full.itertuples()]
rows.append({"network": "mean ± SD", "FVU": words.mean_sd(full.score, 5), "n_R": words.mean_sd(full.n_leading, 1)})
rows.append({"network": "paper (mean of 3)", "FVU": f"{theirs:.4f}", "n_R": "–"})
words.show(pd.DataFrame(rows))

# %% tags=["remove-cell"]
glue("fvu", float(full.score.mean()), display=False)
glue("fvu_paper", theirs, display=False)
glue("fvu_difference", words.signed(full.score.mean() - theirs, 5), display=False)
glue("fvu_ratio", theirs / float(full.score.mean()), display=False)
glue("n_R", ", ".join(map(str, sorted(set(full.n_leading)))), display=False)

# %% [markdown]
# The networks solve the task: a mean FVU of {glue:text}`fvu:.5f`, where the paper has {glue:text}`fvu_paper:.4f` (difference {glue:text}`fvu_difference`; the paper's is {glue:text}`fvu_ratio:.1f` times ours). So our networks or our trials are not the paper's, and effects need not have its size.
#
# ## States and spectrum

# %% mystnb={"figure": {"caption": "Hidden states of eight trials in the plane of the two leading principal components of the whole network (the example network); a dot marks the last step. The same trials and axes after each deletion.", "name": "fig-flip-flop-states"}, "image": {"alt": "Four panels of trajectories in the plane of two principal components: full network, without RR, without CR, without CC."}} tags=["hide-input"]
def weights(name):
    return torch.from_numpy(form.ablate({name})).to(net.W_hh)


with torch.no_grad():
    states = {"full": hidden_states(net, inputs[:, :256])}
    states |= {style.without(name): hidden_states(net, inputs[:, :256], weights(name)) for name in COUPLINGS}
    outputs = {"full": rollout(net, inputs)} | {name: rollout(net, inputs, weights(name)) for name in COUPLINGS}
style.trajectories({title: h.numpy() for title, h in states.items()})
plt.show()

# %% mystnb={"figure": {"caption": "Eigenvalues of $W_{hh}$ for the first four networks, by sector. The dashed circle is the threshold $|\\lambda| = \\alpha\\rho$ with $\\alpha = 0.9$.", "name": "fig-flip-flop-spectra"}, "image": {"alt": "Panels of eigenvalues in the complex plane with the unit circle and a dashed circle at alpha times the spectral radius; few leading eigenvalues stand outside it."}} tags=["hide-input"]
style.spectra({f"seed {s.seed}, n$_R$ = {f.n_leading()}": f for s, f in zip(specs[:4], forms, strict=False)})
plt.show()

# %% tags=["remove-cell"]
flat = states["full"].double().numpy().reshape(-1, net.hidden_size)
variances = np.linalg.svd(flat - flat.mean(0), compute_uv=False) ** 2
glue("explained_2", 100 * float(variances[:2].sum() / variances.sum()), display=False)
glue("explained_3", 100 * float(variances[:3].sum() / variances.sum()), display=False)
leading = np.concatenate([f.eigenvalues[: f.n_leading()] for f in forms])
glue("n_positive", int(((abs(leading.imag) < 1e-9) & (leading.real > 0)).sum()), display=False)
glue("n_leading_all", len(leading), display=False)
glue("lowest_leading", float(abs(leading).min()), display=False)
glue("highest_leading", float(abs(leading).max()), display=False)
rest = max(float(abs(f.eigenvalues[f.n_leading() :]).max() / abs(f.eigenvalues).max()) if f.n_leading() < len(f.T) else 0 for f in forms)
glue("largest_rest", rest, display=False)

# %% [markdown]
# The two components drawn hold {glue:text}`explained_2:.0f` % of the variance of the states, the first three {glue:text}`explained_3:.0f` %. The dimension of the leading sector, $n_R$, takes these values over the networks: {glue:text}`n_R`. Of the {glue:text}`n_leading_all` leading eigenvalues {glue:text}`n_positive` are real and positive, with moduli from {glue:text}`lowest_leading:.2f` to {glue:text}`highest_leading:.2f`; the largest of the other eigenvalues reaches {glue:text}`largest_rest:.2f` of the spectral radius in one of the networks. A real eigenvalue above 1 is what a bistable unit needs: small activity grows until the tanh stops it, on one side or the other.
#
# ## What each deletion does

# %% mystnb={"markdown_format": "myst"} tags=["hide-input"]
words.show(words.effects(table, 4))

# %% tags=["remove-cell"]
mean = table.groupby("removed").delta.mean()
for name in COUPLINGS:
    glue(f"delta_{name}", float(mean[name]), display=False)
glue("delta_all", float(mean["RR+CR+CC"]), display=False)
glue("delta_CR_CC", float(mean["CR+CC"]), display=False)
mass = table.groupby("removed").mass.mean()
glue("mass_RR", float(mass["RR"]), display=False)
paper_of = published.set_index("removed").paper
for name in ("CR", "CC"):
    glue(f"paper_{name}", float(paper_of[name]), display=False)
    glue(f"ratio_{name}", float(mean[name] / paper_of[name]), display=False)

# %% [markdown]
# ΔFVU and, after ±, its standard error over networks; mass is the removed Schur mass $\|\Delta T\|_F/\|T\|_F$ and $S$ the ΔFVU per mass. On average, deleting $T_{CR}$ costs {glue:text}`delta_CR:.3f` (in the paper {glue:text}`paper_CR:.4f`; ours is {glue:text}`ratio_CR:.1f` times that), $T_{CC}$ {glue:text}`delta_CC:.3f` (paper {glue:text}`paper_CC:.4f`; {glue:text}`ratio_CC:.1f` times) and $T_{RR}$ {glue:text}`delta_RR:.5f`, where there is little to delete: its mass is {glue:text}`mass_RR:.3f`. $T_{CR}$ and $T_{CC}$ together cost {glue:text}`delta_CR_CC:.3f`, all three {glue:text}`delta_all:.3f`. The three tasks side by side, as in the paper, are in [Figure 2](figure_2.ipynb); what this says about the paper's claims is in [paper versus here](paper_versus_here.ipynb).
#
# ## What the ablated network does wrong

# %% mystnb={"figure": {"caption": "One held-out trial: target, the whole network, and the same network without each block (the example network). It is trial 1 of the task's figure above.", "name": "fig-flip-flop-example"}, "image": {"alt": "Three panels, one for each bit, with the target as a broad grey line and the outputs of the full network and of the network without RR, CR and CC over time."}} tags=["hide-input"]
style.example_trials(targets[:, 0], {name: y[:, 0] for name, y in outputs.items()})
plt.show()

# %% tags=["remove-cell"]
wrong = {name: [] for name in COUPLINGS}
with torch.no_grad():
    for f, other in zip(forms, nets, strict=True):
        for name in COUPLINGS:
            y = rollout(other, inputs, torch.from_numpy(f.ablate({name})).to(other.W_hh))
            wrong[name].append(float((torch.sign(y) != targets).double().mean()))
for name in COUPLINGS:
    glue(f"wrong_{name}", 100 * float(np.median(wrong[name])), display=False)

# %% [markdown]
# Wrong signs, median over networks: {glue:text}`wrong_CR:.1f` % of all outputs without $T_{CR}$, {glue:text}`wrong_CC:.1f` % without $T_{CC}$ and {glue:text}`wrong_RR:.1f` % without $T_{RR}$. An output of the right sign and the wrong size costs FVU too; a wrong sign means that the network holds another state. When does that happen?
#
# ## Which bit, and which moment
#
# The FVU of a part of the trials is its definition with both means taken over that part alone (with the mean target of all). First, what the last pulse on the line did: whether it was the line's first one, confirmed the sign that was held, or flipped it.

# %% mystnb={"figure": {"caption": "ΔFVU by what the line's last pulse did. Thin lines: networks; black: their median.", "name": "fig-flip-flop-pulse"}, "image": {"alt": "Three panels, without RR, CR and CC: change in FVU for steps after a first pulse, after a confirming pulse and after a flip. Without CR it is large after flips only."}} tags=["hide-input"]
figure = figures.per_channel(parts[parts.part == "last_pulse"], "what the last pulse did")
for ax in figure.axes:
    ax.set_xticks([0, 1, 2], ["first", "same", "flip"])
plt.show()

# %% mystnb={"figure": {"caption": "ΔFVU by the number of steps since the line's last pulse. Few outputs are as old as the trial is long: the right end rests on lines whose only pulses came at the start.", "name": "fig-flip-flop-since"}, "image": {"alt": "Three panels, without RR, CR and CC: change in FVU against the steps since the last pulse, networks as thin lines and their median in black."}} tags=["hide-input"]
figures.per_channel(parts[parts.part == "since_pulse"], "steps since the line's last pulse")
plt.show()

# %% mystnb={"figure": {"caption": "ΔFVU of each bit.", "name": "fig-flip-flop-bits"}, "image": {"alt": "Three panels, without RR, CR and CC: change in FVU of the three bits, networks as thin lines and their median in black."}} tags=["hide-input"]
figures.per_channel(parts[parts.part == "bit"], "bit")
plt.show()

# %% tags=["remove-cell"]
medians = parts.groupby(["part", "removed", "value"]).delta.median()
for name in ("CR", "CC"):
    for value, kind in enumerate(("first", "same", "flip")):
        glue(f"{kind}_{name}", float(medians["last_pulse", name, value]), display=False)
    since = medians["since_pulse", name]
    glue(f"at_pulse_{name}", float(since[0]), display=False)
    glue(f"largest_since_{name}", int(since.idxmax()), display=False)
    glue(f"largest_since_delta_{name}", float(since.max()), display=False)
after = medians["last_pulse", "CR"]
flips = bool(after[2] > 3 * max(after[0], after[1], 0.01))
glue("flip_times", "–" if after[1] <= 0 else f"{after[2] / after[1]:.0f}", display=False)
glue("headline", "Flips break, memory does not." if flips else "No kind of pulse stands out.", display=False)
glue(
    "answer",
    "holding a sign hardly needs any single block: one that was set mostly stays. What carries a new sign from the complement into "
    "the modes that hold the bits is CR; without it the new sign shows for the step of the pulse and does not take over"
    if flips
    else "deleting CR does not hit flips more than three times as hard as other pulses, so memory and flipping are not told apart",
    display=False,
)
bits = worst_parts(parts[parts.part == "bit"])
for name in ("CR", "CC"):
    glue(f"worst_bit_{name}", ", ".join(map(str, bits.worst[name])), display=False)
    glue(f"bit_ratio_{name}", f"{bits.ratio[name]:.1f}" if bits.n[name] else "–", display=False)
    by_bit = medians["bit", name]
    glue(f"bits_{name}", ", ".join(f"{value:.3f}" for value in by_bit), display=False)

# %% [markdown]
# **{glue:text}`headline`** Without $T_{CR}$ the ΔFVU (median over networks) is {glue:text}`first_CR:.3f` after a first pulse, {glue:text}`same_CR:.3f` after one that confirmed the sign, and {glue:text}`flip_CR:.3f` after one that flipped it: {glue:text}`flip_times` times as much as after a confirming one ({numref}`fig-flip-flop-pulse`). At the step of a pulse itself it is {glue:text}`at_pulse_CR:.3f`, for the input reaches the readout within that step; it is largest at step {glue:text}`largest_since_CR` after the pulse ({glue:text}`largest_since_delta_CR:.3f`; {numref}`fig-flip-flop-since`). Signs as old as the trial are never flipped ones, which is why the curve comes down at its right end. Without $T_{CC}$ the ΔFVU after the three kinds of pulse is {glue:text}`first_CC:.3f`, {glue:text}`same_CC:.3f` and {glue:text}`flip_CC:.3f`, at the step of the pulse {glue:text}`at_pulse_CC:.3f`, and largest at step {glue:text}`largest_since_CC` after it ({glue:text}`largest_since_delta_CC:.3f`).
#
# **Which bit** breaks first differs from network to network: bits 1, 2 and 3 suffer most in {glue:text}`worst_bit_CR` networks without $T_{CR}$, in {glue:text}`worst_bit_CC` without $T_{CC}$. Within a network the worst bit has {glue:text}`bit_ratio_CR` times the ΔFVU of the best without $T_{CR}$ and {glue:text}`bit_ratio_CC` times without $T_{CC}$ (medians); over networks the bits' medians are {glue:text}`bits_CR` and {glue:text}`bits_CC`.
#
# **The answer.** In {glue:text}`n` networks (drawn is seed {glue:text}`example`, the one nearest to the median effects): {glue:text}`answer`. The median network has {glue:text}`wrong_CR:.0f` % wrong signs without $T_{CR}$.
