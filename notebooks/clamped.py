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
# # Needed by the task, or by this solution?
#
# An ablation says what one trained network needs. Another network may do the same task without it. So train networks in which a block is zero from the first step to the last: which tasks are learned as well? (The copy task, whose training takes ten times as long, is not among them yet.)

# %% tags=["parameters"]
networks = "reference"   # "reference": shipped in data/; "trained": the store, training what is missing
profile = "paper"        # "paper": the paper's setting; "quick": tiny, to exercise the code only

# %%
import matplotlib.pyplot as plt
import pandas as pd

from study import cache, catalogue, clamped
from study.answers import clamped as answers
from study.cache import measured
from study.figures.clamped import errors
from study.probes.profiles import profiles
from study.words import show, tell

quick = profile == "quick"
specs = clamped.specs(quick)
tasks = {s.task for s in specs}
dense = [s for s in catalogue.of_all_tasks(profile, networks) if s.seed < clamped.SEEDS and s.task in tasks]
on = {"n_trials": 16 if quick else 1024}

# %%
nets, keys = clamped.networks(specs, quick), (*cache.KEYS, "held")
of_clamped = measured("clamped_profiles", profiles, specs, nets, on=on, keys=keys)
of_dense = measured("clamped_dense", profiles, dense, catalogue.networks(dense, networks), on=on)
table = pd.concat([of_dense.assign(held=""), of_clamped], ignore_index=True)
tell(answers.answer(table), "answer")

# %% mystnb={"figure": {"caption": "Error of networks trained with couplings clamped to zero, one point for each network, bars at medians; FVU. Grey: nothing is clamped.", "name": "fig-clamped"}, "image": {"alt": "Three panels, one a task, each with six columns of points on a logarithmic axis: networks trained freely, from a chain, in Schur form, and in Schur form without one block or without all couplings."}}
errors(table)
plt.show()

# %% [markdown]
# ## How a block is clamped
#
# The recurrent matrix is trained in its Schur form, as {cite:t}`kerg2019` do it: $W = O(A)\, T\, O(A)^\top$ with $O(A)$ orthogonal (the Cayley transform of a skew matrix), rotations times moduli on the diagonal of $T$, and couplings above. The leading sector is a fixed number of coordinates, that of the median trained network of the task, whose moduli stay between $\alpha\rho$ and $\rho$; those of the complement stay below $\alpha\rho$. So the three blocks are the paper's at every step, and a clamped one is zero and stays zero. Everything else is the recipe of the other networks.

# %%
show(answers.table(table), reading=answers.reading(table))

# %% [markdown]
# ## A start that is all coupling
#
# {cite:t}`orhan2020` start from a chain, in which each unit feeds the next and nothing comes back, and find that it helps a memory for sequences. Trained freely from there, what is left of it?

# %%
tell(answers.chain(table))
