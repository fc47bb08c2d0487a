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
# # The paper's Figure 2: one block at a time, in three tasks
#
# {glue:text}`answer:s`
#
# The copy task needs nearly all of its dimensions. What about tasks that need few? {cite:t}`drager2026` ablates each of the three coupling blocks from networks of 64 units that were trained on three tasks known from neuroscience: [flip-flop](flip_flop.ipynb), [sine generation](sine_generation.ipynb) and [context-dependent integration](context_integration.ipynb). A block may be safe in one task and vital in another: is it, and in the way the paper says?

# %% tags=["parameters"]
networks = "reference"   # "reference": shipped in data/; "trained": the store, training what is missing
profile = "paper"        # "paper": the paper's setting; "quick": tiny, to exercise the code only

# %%
import matplotlib.pyplot as plt

from schur_lib.schur import COUPLINGS
from study import catalogue, claims
from study.answers import figure_2 as answers
from study.answers.paper_versus_here import counted
from study.cache import measured
from study.figures import style
from study.paper import beside_paper
from study.probes.profiles import profiles
from study.words import show, tell

specs = catalogue.figure_2(profile, networks)
nets = catalogue.networks(specs, networks)
sets = [*([name] for name in COUPLINGS), COUPLINGS]
table = measured("figure_2", profiles, specs, nets, removed=sets)
compared = beside_paper(table, "Figure 2")

# %%
tell(answers.networks(table, specs[0].hidden_size))

# %% mystnb={"figure": {"caption": "Effects of ablating a single block: points are single networks, coloured strokes their median, black strokes the mean with its standard error, diamonds the paper's mean with its standard error where one is printed (zero where the paper speaks of almost no effect). The axes are square-root scaled: mean and median part where a few networks suffer far more than the rest.", "name": "fig-2"}, "image": {"alt": "Six panels of points for the blocks RR, CR and CC. Columns: flip-flop, sine generation, context integration. Top row: change of the FVU. Bottom row: change per ablated Schur mass. Diamonds mark the paper's values."}}
style.figure_2(table, compared)
plt.show()

# %% [markdown]
# ## Beside the paper
#
# Every number that the paper prints of its Figure 2, and ours: mean ± standard deviation over networks, median, lowest and highest network, the difference of the means, and whether the published value *agrees* with our networks, by prediction interval or margin ([Paper versus here](paper_versus_here.ipynb) says it exactly). Where the paper prints 0 it says in words that there is almost no, or little, effect. How the numbers depend on what the paper does not state is measured in [what the paper leaves open](recipe.ipynb).

# %%
show(answers.beside(table, compared), reading=answers.differences(table, compared))

# %% [markdown]
# ## The paper's claims
#
# Each claim has a few parts, and each part *holds*, is *refuted* or stays *undecided* by its interval over networks ([how a claim is judged](paper_versus_here.ipynb)). Differences are taken within a network, and medians because a few networks have very large effects.

# %%
judged = [claims.claim_5(table), claims.claim_6(table), claims.claim_7(table)]
show(claims.as_text(judged), reading=answers.verdicts(judged, table))
tell(counted(judged), "answer")
