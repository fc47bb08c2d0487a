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
# # Paper versus here
#
# Every number that {cite:t}`drager2026` prints beside ours, and every claim with the tests that decide it. Nothing on this page is typed: numbers and verdicts are computed from the networks, and other pages quote the verdicts from here. First the claims.

# %% tags=["parameters"]
networks = "reference"   # "reference": shipped in data/; "trained": the store, training what is missing
profile = "paper"        # "paper": the paper's setting; "quick": tiny, to exercise the code only

# %%
import pandas as pd

from schur_lib.schur import COUPLINGS
from study import cache, catalogue, claims, paper
from study.answers import paper_versus_here as answers
from study.answers.figure_1 import two_values
from study.cache import measured
from study.probes.nulls import beside_random_changes
from study.probes.profiles import profiles
from study.words import show, tell

copy = catalogue.figure_1(profile, networks)
others = [spec for task in list(catalogue.TASKS)[1:] for spec in catalogue.specs(task, profile, networks)]
copy_nets, other_nets = catalogue.networks(copy, networks), catalogue.networks(others, networks)
singles = [[name] for name in COUPLINGS]
figure_1 = measured("figure_1", profiles, copy, copy_nets)
table_1 = measured("table_1", profiles, copy, copy_nets, alphas=(0.85, 0.9, 0.95), removed=[["CC"], ["CR"]])
figure_2 = measured("figure_2", profiles, others, other_nets, removed=singles)

main = [(s, n) for s, n in zip(copy, copy_nets, strict=True) if s.construction == "dense_orthogonal"]
main += zip(others, other_nets, strict=True)
on, draws = dict(n_trials=256), 3 if profile == "quick" else 20
changes = measured("random_changes", beside_random_changes, *zip(*main, strict=True), on=on, draws=draws)
judged = claims.all_claims(figure_1, table_1, figure_2, changes)
cache.save(claims.as_table(judged), "claims")

# %%
show(claims.as_text(judged, every_part=False), reading=answers.counted(judged))

# %% [markdown]
# A claim is a few tests of one number each: a mean, median or share over $n$ networks, with a 95 % bootstrap interval. A test holds where the *whole interval* is on the right side of its limit. A claim is *reproduced* if all its tests hold, *partly* if some do, *not reproduced* if none does; on fewer than three networks that solve the task it *cannot be judged*. A network solves the copy task with an accuracy of at least 0.99, another task with an FVU of at most 0.05. Limits are our choice unless the table says that they are the paper's. The table shows the test that decides: the first that fails, or the first of all where all hold. These are all tests:

# %%
show(claims.as_text(judged))

# %% [markdown]
# Claims 5–7 compare blocks within each network. Claim 8 asks which blocks a network *can do without*: those with some Schur mass whose ablation raises the task's error by at most 5 %, where an error below 1 % of chance counts as 1 % of chance ([Points raised](points_raised.ipynb) shows other limits). Claim 9 comes from the abstract and has no number there; here the ablation of $T_{CC}$ is set beside isotropic Gaussian changes of $W_{hh}$ with the same Frobenius norm.
#
# The verdicts in the words that other pages quote:

# %%
for claim in judged:
    tell(answers.verdict(claim), f"claim_{claim.number}")

# %% [markdown]
# ## Random changes of the same size
#
# For each network, the block whose ablation harms least (among blocks with some Schur mass), and random changes of the norm of that block. Medians over networks of the rise of the error (1 − accuracy, or FVU), and the share of random changes that harm no more than the ablation.

# %%
show(answers.beside_random(changes), reading=answers.worse_than_random(changes))

# %% [markdown]
# ## The numbers
#
# One row a published number: its id in `data/paper_numbers.csv`, the number as printed, our mean ± standard deviation over $n$ networks, the lowest and the highest network, and the difference of our mean from the paper. *Within* says whether the published number lies between our lowest and our highest network, give or take the rounding of the printed number. This is our choice, and a lenient one: networks that differ much hold many numbers between them. *SDs* is the difference in standard deviations of our networks.

# %%
compared = paper.beside_paper(pd.concat([figure_1, table_1, figure_2], ignore_index=True))
cache.save(compared.assign(within=compared.within.map({True: "yes", False: "no"})), "paper_versus_here")

# %% [markdown]
# ### Copy task: section 3 and Figure 1
#
# Replay accuracies at $\alpha = 0.9$; `any` is the largest change by any of the eight sets.

# %%
show(answers.rows_of(compared[compared.id.str.startswith("f1_")]))

# %% [markdown]
# ### Copy task: Table 1
#
# At three thresholds: $n_R$, and the replay accuracy of the intact network (`full`), without $T_{CC}$, without $T_{CR}$.

# %%
show(answers.rows_of(compared[compared.id.str.startswith("t1_")]), reading=two_values())

# %% [markdown]
# ### Three more tasks: section 4 and Figure 2
#
# FVU of the intact network (`full`), ΔFVU of each block, and the effect per ablated Schur mass (`_S`). Means of the paper are over three seeds; its standard errors are shown where it prints them. Ours are standard deviations over networks. A zero is what the paper calls almost no effect, or little effect; it counts as within if some network loses at most 5 % of the largest effect that the paper prints for the task.

# %%
show(answers.rows_of(compared[compared.id.str.startswith(("s4_", "f2_"))]))

# %% [markdown]
# ## The answer

# %%
tell(answers.within(compared), "within")

# %%
tell(answers.outside(compared))

# %% [markdown]
# Neither the training of the copy networks nor the distributions of the three other tasks are stated in the paper; [the recipe](recipe.ipynb) shows which numbers hang on these choices.
