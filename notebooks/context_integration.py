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
# {glue:text}`answer:s`
#
# Two noisy streams come in, and a context cue names the one to integrate; the other has to be ignored. The network needs a memory that adds, and a gate. Which couplings hold the integrator, which the gate? And does an ablation break both contexts alike?

# %% tags=["parameters"]
networks = "reference"   # "reference": shipped in data/; "trained": the store, training what is missing
profile = "paper"        # "paper": the paper's setting; "quick": tiny, to exercise the code only

# %%
import matplotlib.pyplot as plt
import pandas as pd

from schur_lib import on_task
from schur_lib.schur import COUPLINGS
from study import cache, catalogue
from study.answers import context_integration as answers
from study.answers import neuroscience
from study.cache import measured
from study.figures import style
from study.figures import trials as figures
from study.probes.parts import integration_gains, part_profile, typical
from study.probes.profiles import profiles
from study.words import effects, show, tell

specs = catalogue.specs("context_integration", profile, networks)
nets = catalogue.networks(specs, networks)
task = specs[0].make_task()
trials = [on_task(net, task) for net in nets]
inputs, targets = trials[0].inputs, trials[0].targets
table = measured("context_integration", profiles, specs, nets)

# %% mystnb={"figure": {"caption": "Change of the FVU when a set of coupling blocks is ablated and nothing is trained again. Points: single networks; coloured strokes: their median; black: the mean with its standard error; diamonds: the paper's means. The axis is linear up to 0.1 and logarithmic beyond: single networks differ by orders of magnitude.", "name": "fig-integration-profile"}, "image": {"alt": "Rows of points of the change in FVU on a logarithmic axis for the eight sets of ablated blocks in context integration, with single networks as widely spread points and the paper's values as diamonds."}}
figures.subset_profile(table, neuroscience.published(table), scale="symlog")
plt.show()

# %% [markdown]
# ## The task

# %% mystnb={"figure": {"caption": "Two held-out trials, one of each context: the two streams, and the target, which is the running sum of the cued one.", "name": "fig-integration-task"}, "image": {"alt": "Two columns of two panels: two noisy streams above, and below the running sum of the first or of the second."}}
context = inputs[0, :, 2:].argmax(1)
titles = ["context 1", "context 2"]
one_each = [int((context == c).nonzero()[0]) for c in (0, 1)]
streams = {f"stream {i + 1}": inputs[:, one_each, i] for i in (0, 1)}
figures.task_trials({"inputs": streams, "output": {"target": targets[:, one_each, 0]}}, titles)
plt.show()

# %% [markdown]
# Four inputs (two streams, two context cues) and the length of a trial are the paper's {cite:p}`drager2026`. The rest of the generator is **our choice**; the task is that of {cite:t}`mante2013`, in the simple form in which it is often trained: streams of independent Gaussian noise, a context that is drawn with equal odds and shown as a constant one-hot cue, and as target the running sum of the cued stream from the first step on, so that with our noise the last target has variance 1. What noise and drift do to the numbers is measured in [what the paper leaves open](recipe.ipynb).

# %%
tell(answers.setting(specs))

# %% mystnb={"figure": {"caption": "Training loss, one line for each network.", "name": "fig-integration-learning"}, "image": {"alt": "Training loss on a logarithmic axis against the training step, one line for each network."}}
style.learning_curves(nets)
plt.show()

# %%
show(neuroscience.intact(table), reading=neuroscience.solved(table))

# %% [markdown]
# ## States and spectrum
#
# The network in the figures is the one whose effects are nearest to the medians over networks. It runs as it is and without each coupling block.

# %% mystnb={"figure": {"caption": "Hidden states of eight trials, four of each context, from the lowest final target (dark) to the highest (light), in the plane of the two leading principal components of the intact network; a dot marks the last step. The same trials and axes after each ablation.", "name": "fig-integration-states"}, "image": {"alt": "Four panels of trajectories in the plane of two principal components: intact network, without RR, without CR, without CC."}}
example = trials[typical(table)]
matrices = {"": example.W_hh} | {block: example.form.ablate({block}) for block in COUPLINGS}
drawn = [*answers.examples(context, targets[-1, :, 0], (0.05, 0.35, 0.65, 0.95)), *range(256)]
states = {style.without(block): example.states(W)[:, drawn].numpy() for block, W in matrices.items()}
style.trajectories(states)
plt.show()

# %% mystnb={"figure": {"caption": "Eigenvalues of $W_{hh}$ by sector, for networks with the smallest to the largest leading sector. The dashed circle is the threshold $|\\lambda| = \\alpha\\rho$ with $\\alpha = 0.9$.", "name": "fig-integration-spectra"}, "image": {"alt": "Panels of eigenvalues in the complex plane with the unit circle and a dashed circle at alpha times the spectral radius, from a network with few leading eigenvalues to one with many."}}
forms = [held_out.form for held_out in trials]
style.spectra({f"seed {i}, n$_R$ = {forms[i].n_leading()}": forms[i] for i in neuroscience.ranked(forms)})
plt.show()

# %%
tell(answers.spectrum(states[style.without("")], forms))

# %% [markdown]
# ## What each ablation does
#
# ΔFVU and, after ±, its standard error over networks; mass is the ablated Schur mass $\|\Delta T\|_F/\|T\|_F$ and $S$ the ΔFVU per mass. The three tasks side by side, as in the paper, are in [the paper's Figure 2](figure_2.ipynb); what this says about the paper's claims is in [paper versus here](paper_versus_here.ipynb).

# %%
show(effects(table), reading=answers.harms(table))

# %% mystnb={"figure": {"caption": "ΔFVU against the dimension of the leading sector, one point for each network and block. The vertical axis is linear up to 0.1 and logarithmic beyond.", "name": "fig-integration-n-leading"}, "image": {"alt": "Scatter of the change in FVU against n_R for the blocks RR, CR and CC."}}
figures.against_n_leading(table)
plt.show()

# %%
tell(answers.by_size(table))

# %% [markdown]
# ## What the ablated network does wrong

# %% mystnb={"figure": {"caption": "The two trials of the task's figure: target, the intact network, and the same network without each block.", "name": "fig-integration-example"}, "image": {"alt": "Two panels, one for each context, with the target as a broad grey line and the outputs of the intact network and of the network without RR, CR and CC over time."}}
outputs = dict(zip(matrices, example.outputs(matrices.values()), strict=True))
shown = {block: y[:, one_each, 0] for block, y in outputs.items()}
style.example_trials(targets[:, one_each, 0], shown, titles=titles)
plt.show()

# %% [markdown]
# The last output of every trial is fitted by least squares as a gain times the integral of the cued stream, plus a gain times the integral of the other, plus an offset for each context. A perfect integrator has gains 1 and 0 and no offset. The last targets have a standard deviation of 1, so an offset alone, an output that runs to a wrong level of its own in each context, costs its square in FVU, or more: this is how an FVU far above 1 comes about. Medians over networks:

# %%
fits = pd.DataFrame(
    {"removed": block, "seed": spec.seed}
    | integration_gains(held_out, inputs[..., :2], context, {block} if block else ())
    for block in matrices for spec, held_out in zip(specs, trials, strict=True)
)
show(answers.gains(fits), reading=answers.leaks(fits))

# %% [markdown]
# ## Which context, and which step

# %% mystnb={"figure": {"caption": "ΔFVU in each context. Thin lines: networks; black: their median. The vertical axis is linear up to 0.1 and logarithmic beyond.", "name": "fig-integration-contexts"}, "image": {"alt": "Three panels, without RR, CR and CC: change in FVU in context 1 and in context 2, one line for each network; many lines are steep, up or down."}}
divisions = task.parts(inputs, targets)
parts = pd.concat(part_profile(t, divisions).assign(seed=s.seed) for s, t in zip(specs, trials, strict=True))
cache.save(parts, "context_integration_channels")
figures.per_channel(parts[parts.part == "context"], "context", scale="symlog")
plt.show()

# %% [markdown]
# In how many networks each context has the larger ΔFVU, and how many times that of the better context it is there, as a median over networks (those whose ΔFVU stays below 0.01 left out):

# %%
show(answers.contexts(parts), reading=answers.which_context(parts))

# %% mystnb={"figure": {"caption": "ΔFVU at each step: error over variance of the targets at that step (about the mean target of all), which grows with time.", "name": "fig-integration-steps"}, "image": {"alt": "Three panels, without RR, CR and CC: change in FVU against the step, networks as thin lines and their median in black; the curves rise from zero within a few steps."}}
figures.per_channel(parts[parts.part == "step"], "step", scale="symlog")
plt.show()

# %% [markdown]
# At the first step nothing is lost: the recurrent weights have not acted yet. The median ΔFVU over networks:

# %%
show(answers.steps(parts))
tell(answers.answer(table, typical(table)), "answer")
