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
# {glue:text}`answer:s`
#
# A network sees eight symbols, one a step, each a vector of eight signs. Then its input falls silent, and it has to replay the sequence again and again, on its own. To hold the sequence linearly takes $8 \times 8 = 64$ dimensions: a network of 56 units is too narrow, one of 64 just wide enough, one of 72 has room. Which of them learn it, from which starts, and what do their recurrent weights look like in [ordered Schur coordinates](../method.md) once they have?

# %% tags=["parameters"]
networks = "reference"   # "reference": shipped in data/; "trained": the store, training what is missing
profile = "paper"        # "paper": the paper's setting; "quick": tiny, to exercise the code only

# %%
import matplotlib.pyplot as plt
import pandas as pd

from schur_lib import on_task
from schur_lib.schur import COUPLINGS
from study import cache, catalogue
from study.answers import copy_task as answers
from study.cache import measured
from study.figures import style
from study.figures import trials as figures
from study.probes.parts import part_profile, score_when_ablated
from study.probes.profiles import profiles
from study.words import show, tell

specs = catalogue.specs("copy", profile, networks)
nets = catalogue.networks(specs, networks)
task = specs[0].make_task()

# %% [markdown]
# ## How the networks are trained
#
# Four constructions of the recurrent weights are compared, as in {cite:t}`drager2026`. Three leave $W_{hh}$ free and differ in where it starts: *dense default* (uniform entries), *dense orthogonal* (an orthogonal matrix), *dense normal* (a normal matrix). In the fourth, *Cayley*, every iterate is $O(A)\, D\, O(A)^\top$ with an orthogonal $O(A)$: normal by construction, so that it has no couplings at all.
#
# ```{admonition} The recipe is not the paper's
# :class: warning
# The paper does not state how its copy networks were trained. We use the *ancestor recipe*: that of a public code base from which the copy task descends {cite:p}`karuvally2024`. It was chosen because it is public and related, not because the paper states it. The number of steps belongs to the result: the loss goes on falling long after the accuracy has reached 1, as the learning curves below show.
# ```
#
# Each network is scored on 1,024 sequences that none was trained on, over the first 128 lags after the input.

# %%
tell(answers.recipe(specs))

# %% [markdown]
# ## What is learned
#
# Every network is run as it is and without each coupling block. First as it is: the replay accuracy of the intact network and the size of its leading sector ($\alpha = 0.9$), mean ± standard deviation over $n$ networks (a dash where there is one network only). Chance is 0.5.

# %%
table = measured("copy", profiles, specs, nets, removed=[[name] for name in COUPLINGS])
show(answers.learned(table))
tell(answers.solved(table), "answer")

# %% [markdown]
# ## How long the replay lasts
#
# The same accuracy, lag by lag.

# %%
trials = [on_task(net, task) for net in nets]
divisions = task.parts(trials[0].inputs, trials[0].targets)
per_lag = pd.concat(
    part_profile(held_out, divisions, removed=()).assign(**{key: getattr(spec, key) for key in cache.KEYS})
    for spec, held_out in zip(specs, trials, strict=True)
).rename(columns={"value": "lag", "score": "accuracy"})
main = [catalogue.FIGURE_1[0] == (spec.construction, spec.hidden_size) for spec in specs]

# %% mystnb={"figure": {"caption": "Replay accuracy at each lag: mean over networks, shaded from the lowest to the highest network. Chance is 0.5. The training ended with the longest replay length of the curriculum; lags beyond it are never trained.", "name": "fig-lags"}, "image": {"alt": "Three panels, one for each number of hidden units, with the replay accuracy from lag 1 to lag 128 as one line for each construction."}}
style.replay_per_lag(per_lag)
plt.show()

# %%
orthogonal = per_lag[(per_lag.construction == "dense_orthogonal") & (per_lag.hidden_size == 72)]
tell(answers.replay_length(orthogonal, trained=specs[0].recipe.horizons[-1]))

# %% mystnb={"figure": {"caption": "One held-out sequence, replayed by a network of 72 units of each construction (seed 0). Every column is a lag, every row a channel; black dots mark wrong signs.", "name": "fig-replay"}, "image": {"alt": "Five stripes of eight channels by 128 lags: the periodic target, and below it the outputs of the four constructions, with dots where the sign is wrong."}}
first = {s.construction: t for s, t in zip(specs, trials, strict=True) if (s.hidden_size, s.seed) == (72, 0)}
replayed = {style.NAMES[name]: next(held_out.outputs([held_out.W_hh]))[:, 0] for name, held_out in first.items()}
style.replay_example(trials[0].targets[:, 0], replayed)
plt.show()

# %% [markdown]
# ## Learning curves

# %% mystnb={"figure": {"caption": "Mean squared error of the training batch, one line for each network. It is the loss at the replay length that the curriculum has reached.", "name": "fig-learning"}, "image": {"alt": "Three panels, one for each number of hidden units: training loss on a logarithmic axis against the training step, in the colours of the four constructions."}}
style.learning_curves(nets)
plt.show()

# %%
tell(answers.after_solved([net for net, is_main in zip(nets, main, strict=True) if is_main]))

# %% [markdown]
# The weights go on changing while the accuracy no longer shows it. So a recipe that stops elsewhere gives other weights, and may give other numbers in [the paper's Figure 1](figure_1.ipynb); [how far they move](recipe.ipynb) is a question of its own.
#
# ## Spectra

# %% mystnb={"figure": {"caption": "Eigenvalues of $W_{hh}$ for one network of 72 units of each construction (seed 0), by sector.", "name": "fig-spectra"}, "image": {"alt": "Four panels of eigenvalues in the complex plane with the unit circle and a dashed circle at alpha times the spectral radius; leading eigenvalues are green dots, the others blue triangles."}}
style.spectra({style.NAMES[name]: held_out.form for name, held_out in first.items()})
plt.show()

# %% [markdown]
# To replay eight symbols of eight channels for ever takes 64 modes that neither decay nor lose step: modes whose eigenvalue is an eighth root of unity, $\lambda^8 = 1$. Are the leading eigenvalues there ({numref}`fig-spectra`, where many lie on top of one another)? The share of them within 0.02 of an eighth root of unity, and the mean dimension of the leading sector, in the networks of 72 units:

# %%
at_72 = [(s, n) for s, n in zip(specs, nets, strict=True) if s.hidden_size == 72]
show(answers.at_roots(*zip(*at_72, strict=True)), {"at a root, %": ".0f", "n_R": ".1f"})

# %% [markdown]
# ## Couplings

# %% mystnb={"figure": {"caption": "$|T|$ of a dense orthogonal and of a Cayley network (72 units, seed 0). White lines part the leading sector from its complement. The couplings of the Cayley network are at rounding level.", "name": "fig-schur"}, "image": {"alt": "Two heat maps of the absolute Schur matrix on a logarithmic scale, the first with a filled upper triangle, the second with a diagonal only; labels name the blocks RR, CR and CC."}}
style.schur_forms({style.NAMES[name]: first[name].form for name in ("dense_orthogonal", "cayley")})
plt.show()

# %% mystnb={"figure": {"caption": "Schur mass of each block of couplings, relative to the whole of $T$: mean, standard deviation over networks, and single networks as points.", "name": "fig-masses"}, "image": {"alt": "Three panels of bars, one for each number of hidden units: relative mass of the blocks RR, CR and CC for the four constructions."}}
style.masses(table)
plt.show()

# %%
tell(answers.masses(table[table.hidden_size == 72]))

# %% [markdown]
# ## What ablating one block does
#
# Replay accuracy when one block is ablated and nothing trained again: mean ± standard deviation. [The paper's Figure 1](figure_1.ipynb) takes up the two constructions with 72 units that the paper shows, with every set of blocks.

# %%
show(answers.ablated(table), reading=answers.below_chance(table))

# %% [markdown]
# ## Which lag breaks first
#
# An ablation could spoil the replay slowly, so that late lags suffer, or at once. The dense orthogonal networks of 72 units again, lag by lag:

# %%
chosen = [(s.seed, t) for s, t, is_main in zip(specs, trials, main, strict=True) if is_main]
at_lags = pd.concat(part_profile(held_out, divisions).assign(seed=seed) for seed, held_out in chosen)
lags = at_lags.groupby(["removed", "value"]).score.agg(["mean", "min", "max"]).reset_index()
lags.columns = ["removed", "lag", "mean", "lowest", "highest"]
cache.save(lags, "copy_lags")

# %% mystnb={"figure": {"caption": "Replay accuracy at each lag without one block: thin lines are networks, black is their median. Chance is 0.5.", "name": "fig-lags-ablated"}, "image": {"alt": "Three panels, without RR, CR and CC: replay accuracy from lag 1 to lag 128; the curves are almost level, low from the first lag on without CR."}}
figures.per_channel(at_lags, "lag (steps after the input)", column="score")
plt.show()

# %%
show(answers.at_lags(lags))

# %% [markdown]
# Mean over networks, with the lowest and the highest one. A loss that is whole at the first lag may have been made before the replay, while the sequence came in. That can be tested: the block is ablated only while the input lasts, or only afterwards (on 256 of the sequences).

# %%
always = at_lags.groupby(["removed", "seed"]).score.mean().reset_index()
fewer = [on_task(held_out.network, task, n_trials=256) for _, held_out in chosen]
phases = [(block, when) for block in COUPLINGS for when in ("input", "replay")]
only = {(b, when): [score_when_ablated(held_out, {b}, when) for held_out in fewer] for b, when in phases}
show(answers.phases(always, only))

# %%
tell(answers.which_lag(lags, always, only))
