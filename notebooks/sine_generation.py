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
# {glue:text}`answer:s`
#
# The input is a constant; the output has to be a sine whose frequency the constant names. The network must turn a number into a rotation speed and keep turning. Which couplings does that need? And is it the slow sines or the fast ones that go first?

# %% tags=["parameters"]
networks = "reference"   # "reference": shipped in data/; "trained": the store, training what is missing
profile = "paper"        # "paper": the paper's setting; "quick": tiny, to exercise the code only

# %%
import matplotlib.pyplot as plt
import pandas as pd
import torch

from schur_lib import on_task
from schur_lib.schur import COUPLINGS
from study import cache, catalogue
from study.answers import neuroscience
from study.answers import sine_generation as answers
from study.cache import measured
from study.figures import style
from study.figures import trials as figures
from study.probes.parts import part_profile, sine_shape, typical
from study.probes.profiles import profiles
from study.words import effects, show, tell

specs = catalogue.specs("sine_generation", profile, networks)
nets = catalogue.networks(specs, networks)
task = specs[0].make_task()
trials = [on_task(net, task) for net in nets]
inputs, targets = trials[0].inputs, trials[0].targets
table = measured("sine_generation", profiles, specs, nets)

# %% mystnb={"figure": {"caption": "Change of the FVU when a set of coupling blocks is ablated and nothing is trained again; an output that is always the mean target has an FVU of 1. Points: single networks; coloured strokes: their median; black: the mean with its standard error; diamonds: the paper's means.", "name": "fig-sine-profile"}, "image": {"alt": "Rows of points of the change in FVU for the eight sets of ablated blocks in sine generation, one point for each network, and the paper's values as diamonds."}}
figures.subset_profile(table, neuroscience.published(table))
plt.show()

# %% [markdown]
# ## The task

# %% mystnb={"figure": {"caption": "Three held-out trials: the slowest sine, a middle and the fastest one.", "name": "fig-sine-task"}, "image": {"alt": "Three columns of two panels: a constant input above, and the target sine below, slow, middle and fast."}}
by_cue = torch.argsort(inputs[0, :, 0], stable=True)
three = by_cue[[0, len(by_cue) // 2, -1]]
titles = [f"{f:.1f} Hz" for f in answers.hertz(inputs[0, three, 0], specs[0].task_options)]
time = {"dt": specs[0].task_options["dt"], "unit": "s"}
rows = {"input": {"cue": inputs[:, three, 0]}, "output": {"target": targets[:, three, 0]}}
figures.task_trials(rows, titles, **time)
plt.show()

# %% [markdown]
# The length of a trial is the paper's {cite:p}`drager2026`. The rest of the generator is **our choice**, after {cite:t}`sussillo2013`, whose network generates equally spaced frequencies, the highest six times the lowest, from static inputs $j/51 + 0.25$. Each trial draws its frequency at random; the target starts at phase 0, and there is no noise. Range and duration are those of the public code of {cite:t}`krause2022`, where a step lasts 1 ms. What the range of frequencies does to the numbers is measured in [what the paper leaves open](recipe.ipynb). Note how short a trial is: the slowest sine completes half a period.

# %%
tell(answers.setting(specs))

# %% mystnb={"figure": {"caption": "Training loss, one line for each network.", "name": "fig-sine-learning"}, "image": {"alt": "Training loss on a logarithmic axis against the training step, one line for each network."}}
style.learning_curves(nets)
plt.show()

# %%
show(neuroscience.intact(table), reading=neuroscience.solved(table))

# %% [markdown]
# ## States and spectrum
#
# The network in the figures is the one whose effects are nearest to the medians over networks. It runs as it is and without each coupling block.

# %% mystnb={"figure": {"caption": "Hidden states of eight trials, from the slowest sine (dark) to the fastest (light), in the plane of the two leading principal components of the intact network; a dot marks the last step. The same trials and axes after each ablation.", "name": "fig-sine-states"}, "image": {"alt": "Four panels of trajectories in the plane of two principal components: intact network, without RR, without CR, without CC."}}
example = trials[typical(table)]
matrices = {"": example.W_hh} | {block: example.form.ablate({block}) for block in COUPLINGS}
eight = by_cue[torch.linspace(0, len(by_cue) - 1, 8).round().long()]
drawn = torch.cat([eight, by_cue[::4]])
states = {style.without(block): example.states(W)[:, drawn].numpy() for block, W in matrices.items()}
style.trajectories(states)
plt.show()

# %% mystnb={"figure": {"caption": "Eigenvalues of $W_{hh}$ by sector, for networks with the smallest to the largest leading sector. The dashed circle is the threshold $|\\lambda| = \\alpha\\rho$ with $\\alpha = 0.9$.", "name": "fig-sine-spectra"}, "image": {"alt": "Panels of eigenvalues in the complex plane with the unit circle and a dashed circle at alpha times the spectral radius, from a network with few leading eigenvalues to one with many."}}
forms = [held_out.form for held_out in trials]
style.spectra({f"seed {i}, n$_R$ = {forms[i].n_leading()}": forms[i] for i in neuroscience.ranked(forms)})
plt.show()

# %%
tell(answers.spectrum(states[style.without("")], forms, table))

# %% [markdown]
# ## What each ablation does
#
# ΔFVU and, after ±, its standard error over networks; mass is the ablated Schur mass $\|\Delta T\|_F/\|T\|_F$ and $S$ the ΔFVU per mass. An FVU of 1 is what the constant mean target gives; an output stuck at 1 or −1 has one of about 3. The three tasks side by side, as in the paper, are in [the paper's Figure 2](figure_2.ipynb); what this says about the paper's claims is in [paper versus here](paper_versus_here.ipynb).

# %%
show(effects(table), reading=answers.harms(table))

# %% mystnb={"figure": {"caption": "ΔFVU against the dimension of the leading sector, one point for each network and block. The vertical axis is linear up to 0.1 and logarithmic beyond.", "name": "fig-sine-n-leading"}, "image": {"alt": "Scatter of the change in FVU against n_R for the blocks RR, CR and CC."}}
figures.against_n_leading(table)
plt.show()

# %% [markdown]
# ## What the ablated network does wrong

# %% mystnb={"figure": {"caption": "The three trials of the task's figure: target, the intact network, and the same network without each block.", "name": "fig-sine-example"}, "image": {"alt": "Three panels, slow, middle and fast sine, with the target as a broad grey line and the outputs of the intact network and of the network without RR, CR and CC over time."}}
outputs = dict(zip(matrices, example.outputs(matrices.values()), strict=True))
shown = {block: y[:, three, 0] for block, y in outputs.items()}
style.example_trials(targets[:, three, 0], shown, titles=titles, **time)
plt.show()

# %% [markdown]
# Four numbers a trial, then the median over trials and networks. *Correlation* of the output with its target over time; *swing*, the output's standard deviation over that of the target; *offset*, the distance of the output's mean from the target's. A correlation near 0 means that the rhythm is lost, a swing below 1 that the output moves too little, an offset that it moves about the wrong place. Does the output still turn at the end? *Late swing* is the swing over the last fifth of the trial; below 0.1 (our choice) the output stands still where a sine should go on.

# %%
shapes = pd.DataFrame({"removed": block, **sine_shape(t, {block})} for t in trials for block in COUPLINGS)
show(answers.rhythm(shapes))

# %% [markdown]
# ## Which frequency breaks first

# %% mystnb={"figure": {"caption": "ΔFVU of each frequency: its definition with both means taken over the trials of that frequency (with the mean target of all). Thin lines: networks; black: their median. The vertical axis is linear up to 0.1 and logarithmic beyond.", "name": "fig-sine-frequencies"}, "image": {"alt": "Three panels, without RR, CR and CC: change in FVU against the frequency in hertz, networks as thin lines and their median in black."}}
divisions = task.parts(inputs, targets)
parts = pd.concat(part_profile(t, divisions).assign(seed=s.seed) for s, t in zip(specs, trials, strict=True))
cache.save(parts, "sine_generation_channels")
of_frequency = parts.assign(value=answers.hertz(parts.value, specs[0].task_options))
figures.per_channel(of_frequency, "frequency (Hz)", scale="symlog")
plt.show()

# %% [markdown]
# Medians over networks: at the frequencies where they are smallest and largest, and for the slow and the fast half of the frequencies.

# %%
show(answers.by_frequency(of_frequency))
tell(answers.answer(table, of_frequency, typical(table)), "answer")
