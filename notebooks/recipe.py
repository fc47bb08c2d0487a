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
# # The recipe: what the paper leaves open
#
# {cite:t}`drager2026` does not say how the copy networks were trained, nor which distributions the trials of the three other tasks were drawn from. Somebody who repeats the study has to choose. Here one choice at a time is varied, all else stays as in the other chapters, and the same blocks are ablated. What moves is a property of the recipe as much as of the task.

# %% tags=["parameters"]
networks = "reference"   # "reference": shipped in data/; "trained": the store, training what is missing
profile = "paper"        # "paper": the paper's setting; "quick": tiny, to exercise the code only

# %%
import matplotlib.pyplot as plt
import pandas as pd

from schur_lib.schur import COUPLINGS
from study import cache, catalogue
from study.answers import recipe as answers
from study.figures import style
from study.probes.profiles import profiles
from study.words import show, tell

studies = catalogue.studies(profile)
specs = list(dict.fromkeys(spec for *_, spec in studies))
nets = catalogue.networks(specs, "reference" if profile == "paper" else "trained")
profile_by = {s: cache.measure_one(profiles, s, net, [{}], {}) for s, net in zip(specs, nets, strict=True)}
parts = [profile_by[spec].assign(varied=varied, value=value) for _, varied, value, spec in studies]
table = pd.concat(parts, ignore_index=True)
cache.save(table, "recipe")
published = answers.published()
tell(answers.networks(table, len(specs)))

# %% [markdown]
# Training them takes longer than all else in this book together; so this chapter always reads the networks shipped in `data/networks`, which `python -m study.catalogue studies --reference` trains anew.
#
# ## The copy task
#
# Varied are the training horizon (a fixed number of replayed lags against the curriculum of 10, 20, 40, 60 and 100), the number of training steps, and the size of the first readout weights as a factor on their usual range. The *ancestor recipe, not stated in the paper* is the curriculum, 20,000 steps, factor 1 ([how the networks are trained](copy_task.ipynb)).

# %% mystnb={"figure": {"caption": "Replay accuracy of the copy networks (dense orthogonal, 72 units) against one choice of the recipe a panel: means over seeds (lines) and single networks (points). Dashed: the paper's value, in the colour of its set.", "name": "fig-recipe-copy"}, "image": {"alt": "Three panels of replay accuracy against training horizon, training steps and the scale of the first readout, a line for each ablated set of blocks, with the values of the paper as dashed lines."}}
style.studies(table[table.task == "copy"], "score", published)
plt.show()

# %% [markdown]
# The spectrum depends on the recipe too. Dimensions of the leading sector $n_R$ (lowest to highest network), the replay accuracy of the intact network and without each block, means over seeds.

# %%
show(answers.by_value_of_copy(table))

# %% [markdown]
# ## The three other tasks
#
# Varied are the probability of a pulse in the flip-flop, the highest frequency of the sine generation, and in the context-dependent integration the noise of the streams and their drift. Everything else is the paper's recipe.

# %% mystnb={"figure": {"caption": "ΔFVU of the single blocks in the three other tasks, against one choice of the generator a panel: medians over seeds (lines) and single networks (points). Dashed: the paper's value. The axis is linear up to 0.01 and logarithmic above.", "name": "fig-recipe-tasks"}, "image": {"alt": "Four panels of the change of FVU against pulse probability, highest frequency, noise and drift, a line for each ablated block, with the values of the paper as dashed lines."}}
style.studies(table[(table.task != "copy") & table.removed.isin(COUPLINGS)], "delta", published)
plt.show()

# %%
show(answers.by_value_of_others(table))

# %% [markdown]
# Intact networks: the mean FVU. Ablated blocks: the median ΔFVU over seeds, because single networks run away.
#
# ## Which published numbers depend on the recipe?
#
# For every number that the paper prints for these networks: the lowest and the highest value over all variants that solve the task (means over seeds; medians for ΔFVU and $S_{\Delta T}$). A variant solves its task if its networks replay with a mean accuracy of at least 0.99, or leave a mean FVU of at most 0.05. A number is called *robust* if its values over the variants stay within 0.05 of one another for an accuracy, and within a factor of two, or within 0.01, for an FVU. These limits are our choice.

# %%
numbers = answers.over_variants(table)
show(answers.shown(numbers), reading=answers.solved(table))

# %%
tell(answers.robust(numbers), "robust")

# %% [markdown]
# The paper's statements about which block matters are another matter than its numbers:

# %%
tell(answers.orders(table))
