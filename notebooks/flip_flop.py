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
# {glue:text}`answer:s`
#
# Three lines each get a pulse of −1 or +1 now and then, and each of three outputs has to hold the sign of its line's last pulse, and 0 before the first: states, and the ways between them. Which couplings of a trained network does this need, and what is lost when they go: the memory, or the way from one state to another?

# %% tags=["parameters"]
networks = "reference"   # "reference": shipped in data/; "trained": the store, training what is missing
profile = "paper"        # "paper": the paper's setting; "quick": tiny, to exercise the code only

# %%
import matplotlib.pyplot as plt
import pandas as pd

from schur_lib import on_task
from schur_lib.schur import COUPLINGS
from study import cache, catalogue
from study.answers import flip_flop as answers
from study.answers import neuroscience
from study.cache import measured
from study.figures import style
from study.figures import trials as figures
from study.probes.parts import part_profile, typical
from study.probes.profiles import profiles
from study.words import effects, show, tell

specs = catalogue.specs("flip_flop", profile, networks)
nets = catalogue.networks(specs, networks)
task = specs[0].make_task()
trials = [on_task(net, task) for net in nets]
inputs, targets = trials[0].inputs, trials[0].targets
table = measured("flip_flop", profiles, specs, nets)

# %% mystnb={"figure": {"caption": "Change of the FVU (the fraction of the targets' variance that the output leaves unexplained) when a set of coupling blocks is ablated and nothing is trained again. Points: single networks; coloured strokes: their median; black: the mean with its standard error; diamonds: the paper's means.", "name": "fig-flip-flop-profile"}, "image": {"alt": "Rows of points of the change in FVU for the eight sets of ablated blocks in the flip-flop task, one point for each network, and the paper's values as diamonds."}}
figures.subset_profile(table, neuroscience.published(table))
plt.show()

# %% [markdown]
# ## The task

# %% mystnb={"figure": {"caption": "Two held-out trials: pulses (bars) and targets (grey) of the three lines.", "name": "fig-flip-flop-task"}, "image": {"alt": "Two columns of three panels: pulses of plus or minus one as bars and the target as a grey line that changes to the sign of each pulse."}}
rows = {f"bit {bit + 1}": {"target": targets[:, :2, bit], "pulse": inputs[:, :2, bit]} for bit in range(3)}
figures.task_trials(rows, ["trial 1", "trial 2"])
plt.show()

# %% [markdown]
# The length of a trial and the number of lines are the paper's {cite:p}`drager2026`. The rest of the generator is **our choice**: each line gets a pulse with a fixed probability at each step, signs are fair, the target holds from the step of the pulse on and is 0 before a line's first one, and there is no noise. In the public code of FixedPointFinder {cite:p}`golub2018` every line gets a pulse at the first step, so that there is always a sign to hold, and the first edition of this book did the same; the probability there is 0.5 in trials of 64 steps. **What stands here was chosen because its numbers come near the paper's**, those of ablated networks among them: what that means, and what other choices do, is told in [the recipe](recipe.ipynb) and on the page [Editions](../editions.md). The task in this form goes back to {cite:t}`sussillo2013`.

# %%
tell(answers.setting(specs))

# %% mystnb={"figure": {"caption": "Training loss, one line for each network.", "name": "fig-flip-flop-learning"}, "image": {"alt": "Training loss on a logarithmic axis against the training step, one line for each network."}}
style.learning_curves(nets)
plt.show()

# %%
show(neuroscience.intact(table), reading=neuroscience.solved(table, digits=5))

# %% [markdown]
# ## States and spectrum
#
# The network in the figures is the one whose effects are nearest to the medians over networks. It runs as it is and without each coupling block.

# %% mystnb={"figure": {"caption": "Hidden states of eight trials in the plane of the two leading principal components of the intact network; a dot marks the last step. The same trials and axes after each ablation.", "name": "fig-flip-flop-states"}, "image": {"alt": "Four panels of trajectories in the plane of two principal components: intact network, without RR, without CR, without CC."}}
example = trials[typical(table)]
matrices = {"": example.W_hh} | {block: example.form.ablate({block}) for block in COUPLINGS}
states = {style.without(block): example.states(W)[:, :256].numpy() for block, W in matrices.items()}
style.trajectories(states)
plt.show()

# %% mystnb={"figure": {"caption": "Eigenvalues of $W_{hh}$ for the first four networks, by sector. The dashed circle is the threshold $|\\lambda| = \\alpha\\rho$ with $\\alpha = 0.9$.", "name": "fig-flip-flop-spectra"}, "image": {"alt": "Panels of eigenvalues in the complex plane with the unit circle and a dashed circle at alpha times the spectral radius; few leading eigenvalues stand outside it."}}
forms = [held_out.form for held_out in trials]
style.spectra({f"seed {i}, n$_R$ = {form.n_leading()}": form for i, form in enumerate(forms[:4])})
plt.show()

# %%
tell(answers.spectrum(states[style.without("")], forms))

# %% [markdown]
# A real eigenvalue above 1 is what a bistable unit needs: small activity grows until the tanh stops it, on one side or the other.
#
# ## What each ablation does
#
# ΔFVU and, after ±, its standard error over networks; mass is the ablated Schur mass $\|\Delta T\|_F/\|T\|_F$ and $S$ the ΔFVU per mass. The three tasks side by side, as in the paper, are in [the paper's Figure 2](figure_2.ipynb); what this says about the paper's claims is in [paper versus here](paper_versus_here.ipynb).

# %%
show(effects(table, 4), reading=answers.harms(table))

# %% [markdown]
# ## What the ablated network does wrong

# %% mystnb={"figure": {"caption": "One held-out trial: target, the intact network, and the same network without each block. It is trial 1 of the task's figure above.", "name": "fig-flip-flop-example"}, "image": {"alt": "Three panels, one for each bit, with the target as a broad grey line and the outputs of the intact network and of the network without RR, CR and CC over time."}}
outputs = dict(zip(matrices, example.outputs(matrices.values()), strict=True))
style.example_trials(targets[:, 0], {block: y[:, 0] for block, y in outputs.items()})
plt.show()

# %% [markdown]
# An output of the right sign and the wrong size costs FVU too; a wrong sign means that the network holds another state. The share of outputs with a wrong sign, from a line's first pulse on, over networks:

# %%
signs = pd.concat(profiles(answers.by_sign(held_out)) for held_out in trials)
show(answers.wrong_signs(signs))

# %% [markdown]
# When does that happen?
#
# ## Which bit, and which moment
#
# The FVU of a part of the trials is its definition with both means taken over that part alone (with the mean target of all). First, what the last pulse on the line did: whether it was the line's first one, confirmed the sign that was held, or flipped it. What comes before a line's first pulse is in none of these parts: there the target does not vary.

# %%
divisions = task.parts(inputs, targets)
parts = pd.concat(part_profile(t, divisions).assign(seed=s.seed) for s, t in zip(specs, trials, strict=True))
cache.save(parts, "flip_flop_channels")

# %% mystnb={"figure": {"caption": "ΔFVU by what the line's last pulse did. Thin lines: networks; black: their median.", "name": "fig-flip-flop-pulse"}, "image": {"alt": "Three panels, without RR, CR and CC: change in FVU for steps after a first pulse, after a confirming pulse and after a flip, networks as thin lines and their median in black."}}
figures.per_channel(parts[parts.part == "last_pulse"], "what the last pulse did", names=answers.PULSES)
plt.show()

# %% mystnb={"figure": {"caption": "ΔFVU by the number of steps since the line's last pulse. Few outputs are as old as the trial is long: the right end rests on lines whose only pulses came at the start.", "name": "fig-flip-flop-since"}, "image": {"alt": "Three panels, without RR, CR and CC: change in FVU against the steps since the last pulse, networks as thin lines and their median in black."}}
figures.per_channel(parts[parts.part == "since_pulse"], "steps since the line's last pulse")
plt.show()

# %% [markdown]
# Medians over networks of both figures: after each kind of pulse, at the step of a pulse itself, and at the number of steps after it where the ΔFVU is largest. At the step of the pulse the input reaches the readout within the step, whatever the recurrent weights are. Signs as old as the trial are never flipped ones, which is why the curves of {numref}`fig-flip-flop-since` come down at their right end.

# %%
show(answers.after_pulse(parts), reading=answers.what_breaks(parts))

# %% mystnb={"figure": {"caption": "ΔFVU of each bit.", "name": "fig-flip-flop-bits"}, "image": {"alt": "Three panels, without RR, CR and CC: change in FVU of the three bits, networks as thin lines and their median in black."}}
figures.per_channel(parts[parts.part == "bit"], "bit")
plt.show()

# %% [markdown]
# Which bit breaks first? The median ΔFVU of each bit; in how many networks bits 1, 2 and 3 are the worst; and how many times the ΔFVU of the best bit the worst one has, as a median over networks (those whose ΔFVU stays below 0.01 left out):

# %%
show(answers.bits(parts))

# %%
tell(answers.answer(parts, typical(table)), "answer")
