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
# # Many networks of one recipe
#
# {cite:t}`drager2026` trains three networks for each task. Networks of one recipe differ in their seed alone, and yet a block that one of them can do without another needs. How do these differences distribute, and what do they hang on?

# %% tags=["parameters"]
networks = "reference"   # "reference": shipped in data/; "trained": the store, training what is missing
profile = "paper"        # "paper": the paper's setting; "quick": tiny, to exercise the code only

# %%
import matplotlib.pyplot as plt

from schur_lib.schur import COUPLINGS
from study import cache, catalogue
from study.answers import hundred as answers
from study.cache import measured
from study.figures.trials import against_n_leading
from study.probes.profiles import profiles
from study.words import show, tell

copies, others = catalogue.figure_1(profile, networks), catalogue.figure_2(profile, networks)
copy_nets, other_nets = catalogue.networks(copies, networks), catalogue.networks(others, networks)
sets = [*([name] for name in COUPLINGS), COUPLINGS]
figure_1 = measured("figure_1", profiles, copies, copy_nets)
figure_2 = measured("figure_2", profiles, others, other_nets, removed=sets)
found = answers.harms(figure_1, figure_2)
tell(answers.answer(found), "answer")

# %% mystnb={"figure": {"caption": "ΔFVU without each block against the size of the leading sector, one point for each network. The vertical axis is linear between −0.1 and 0.1 and logarithmic beyond; the blocks of one network stand side by side.", "name": "fig-hundred"}, "image": {"alt": "Three scatter plots, flip-flop, sine generation and context integration: change in FVU without RR, CR and CC against the number of leading dimensions, a point for each network and block."}}
against_n_leading(figure_2)
plt.show()

# %%
tell(answers.two_kinds(found), "two_kinds")

# %% [markdown]
# ## The harm of each block over networks
#
# Harm is lost accuracy on the copy task, and ΔFVU elsewhere. The interval of a median is exact, whatever the distribution; ε is 5 % more error, where an error below 1 % of chance counts as 1 % of chance. In some networks a block is empty (one leading dimension leaves nothing among leading ones to ablate).

# %%
table = answers.distributions(found)
cache.save(table, "distributions")
show(answers.shown(table))

# %% [markdown]
# ## What it hangs on
#
# The size of the leading sector, $n_R$, is what differs most between networks of one recipe. Medians of the harm by $n_R$, with their exact 95 % intervals where there are at least six networks:

# %%
show(answers.by_size(found), reading=answers.follows_size(found))

# %% [markdown]
# What is dear to measure (nulls, doses, parts of trials and the like) is measured on the networks of seeds 0 to 9 in the other chapters; profiles, predictions and verdicts rest on all.
