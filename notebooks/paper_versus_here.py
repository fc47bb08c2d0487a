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
# Do the paper's claims and numbers hold for the networks trained here? Every claim of {cite:t}`drager2026` is judged with the parts that decide it, and every number it prints stands beside ours. Nothing on this page is typed: verdicts are computed from the networks, and other pages quote them from here.

# %% tags=["parameters"]
networks = "reference"   # "reference": shipped in data/; "trained": the store, training what is missing
profile = "paper"        # "paper": the paper's setting; "quick": tiny, to exercise the code only

# %%
import matplotlib.pyplot as plt
import pandas as pd

from schur_lib.schur import COUPLINGS
from study import cache, catalogue, claims, folders, paper
from study.answers import paper_versus_here as answers
from study.answers import symmetries
from study.answers.figure_1 import two_values
from study.cache import measured
from study.figures.agreement import agreement
from study.probes.nulls import beside_random_changes
from study.probes.profiles import profiles
from study.words import show, tell

copy = catalogue.figure_1(profile, networks)
others = catalogue.figure_2(profile, networks)
copy_nets, other_nets = catalogue.networks(copy, networks), catalogue.networks(others, networks)
singles = [[name] for name in COUPLINGS]
figure_1 = measured("figure_1", profiles, copy, copy_nets)
table_1 = measured("table_1", profiles, copy, copy_nets, alphas=(0.85, 0.9, 0.95), removed=[["CC"], ["CR"]])
figure_2 = measured("figure_2", profiles, others, other_nets, removed=[*singles, COUPLINGS])

dense = [(s, n) for s, n in zip(copy, copy_nets, strict=True) if s.construction == "dense_orthogonal"]
few = [(s, n) for s, n in zip(others, other_nets, strict=True) if s.seed < catalogue.FEW]
main, on, draws = dense + few, dict(n_trials=256), 3 if profile == "quick" else 20
changes = measured("random_changes", beside_random_changes, *zip(*main, strict=True), on=on, draws=draws)
judged = claims.all_claims(figure_1, table_1, figure_2, changes)
cache.save(claims.as_table(judged), "claims")
tell(answers.counted(judged), "answer")

# %% mystnb={"figure": {"caption": "The paper's independent numbers among the networks trained here. Left: each number alone, on a scale where 0 is our mean and the grey band our 95 % prediction interval. Right: the replay accuracies without RR and without CR as a pair; the ellipse holds 95 % of further networks like ours.", "name": "fig-agreement"}, "image": {"alt": "Left, sixteen diamonds, one a published number, beside a grey band around zero. Right, the accuracies of our networks lie along a rising line, and the pair that the paper prints lies below it, outside the ellipse."}}
compared = paper.beside_paper(pd.concat([figure_1, table_1, figure_2], ignore_index=True))
cache.save(compared, "paper_versus_here")
agreement(compared, figure_1[figure_1.construction == "dense_orthogonal"])
plt.show()

# %%
shipped = cache.read(folders.RESULTS / "claims.csv")
show(answers.beside_shipped(judged, shipped))

# %%
tell(answers.agreement(compared), "agreement")

# %% [markdown]
# ## How a claim is judged
#
# A claim has a few parts, each one number over $n$ networks with an interval: Student's $t$ for a mean, exact order statistics for a median, Clopper and Pearson's for a share. A part is of one of three kinds.
#
# | Kind | holds | refuted | undecided |
# |:--|:--|:--|:--|
# | more: a number is above a limit | the whole 95 % interval is above | the whole is below | it straddles the limit |
# | the same: a number stays within a margin of 0 | the whole 90 % interval is within (two one-sided tests at 5 %) | the whole is outside | it straddles the margin |
# | by structure: proved in the text | no network contradicts | one network contradicts | |
#
# A claim is *reproduced* if all its parts hold, *refuted* if one is refuted, and *undecided* otherwise. Fewer than six networks decide nothing by interval: below six there is no exact interval for a median, and a bootstrap of three covers far less than it says. Only networks that solve their task count: a copy accuracy of at least 0.99, an FVU of at most 0.05. Limits are our choice unless the table says that they are the paper's; the last column but one says what other limits would have decided. The first table shows the part that decides; these are all parts:

# %%
show(claims.as_text(judged))

# %% [markdown]
# Claim 3 is a matter of structure: a Cayley network's $W = O D O^\top$ is normal, so its real Schur form is block diagonal and no coupling is left but rounding. So is claim 4: between two thresholds the profile can only change if the modulus of an eigenvalue lies between them; where none does, the blocks are the same sets of entries. Claims 5–7 compare blocks within each network. Claim 8 asks which blocks a network *can do without*: those with some Schur mass whose ablation raises the task's error by at most 5 %, where an error below 1 % of chance counts as 1 % of chance ([Points raised](points_raised.ipynb) shows other limits). Claim 9 comes from the abstract and has no number there; here the ablation of $T_{CC}$ is set beside isotropic Gaussian changes of $W_{hh}$ with the same Frobenius norm.
#
# The verdicts in the words that other pages quote, and what decides each:

# %%
for claim in judged:
    tell(answers.verdict(claim), f"claim_{claim.number}")
    tell(answers.reason(claim), f"reason_{claim.number}")

# %% [markdown]
# ## Of the task, or of the solution
#
# A verdict tells what an ablation does in the networks that training found. Would it be the same in other networks that compute the same, or do the task as well? [How many symmetries?](symmetries.ipynb) follows such networks; these are the smallest and the largest harm that were met within each set, over the shipped networks followed there. From left to right the sets grow: the function kept to rounding, kept within ε (the outputs' discrepancy over the variance of the targets), and the FVU no worse. Harm is the loss of accuracy (copy) or ΔFVU. An effect whose range goes from none to all says little of the task.

# %%
equal = symmetries.together(
    *(cache.read(folders.shipped(folders.RESULTS / f"symmetries_equals{of}.csv")) for of in ("", "_copy"))
)
show(symmetries.side_by_side(equal), reading=symmetries.of_bounds(equal))

# %% [markdown]
# ## Other thresholds
#
# Six claims are about one threshold $\alpha$, which the paper sets to 0.9. Their verdicts at others, from the same networks:

# %%
alphas, on = (0.8, 0.85, 0.9, 0.93, 0.96, 0.98), {"n_trials": 512}
of_copy = measured("claims_alphas", profiles, *zip(*dense, strict=True), on=on, alphas=alphas)
of_others = measured("claims_alphas_others", profiles, others, other_nets, on=on, alphas=alphas, removed=singles)
over = claims.over_alphas(pd.concat([of_copy, of_others], ignore_index=True))
show(answers.alphas(over), reading=answers.of_alphas(over))

# %% [markdown]
# ## Random changes of the same size
#
# For each network (of the three other tasks, the first ten), the block whose ablation harms least (among blocks with some Schur mass), and random changes of the norm of that block. Medians over networks of the rise of the error (1 − accuracy, or FVU), and the share of random changes that harm no more than the ablation.

# %%
show(answers.beside_random(changes), reading=answers.worse_than_random(changes))

# %% [markdown]
# ## The numbers
#
# One row for each published number: its id in `data/paper_numbers.csv`, the number as printed, our mean ± standard deviation over $n$ networks, the lowest and the highest network, and the difference of our mean from the paper. What *agrees* means depends on the *kind* of number. A *value* agrees if it lies in the 95 % prediction interval of our networks, for a mean over as many networks as the paper used (three in its section 4; unknown on the copy task, where one is assumed). Where the paper says that nothing changes (*preserved*), the 90 % interval of our mean must lie within a margin of the printed number: 0.001 for accuracies, 5 % of the largest effect printed for the task where the paper says "almost no effect" (our choice). A *repeat* prints a measurement again and is not counted. An interval that is wide, because networks differ much, holds many numbers: agreement alone is a weak statement, and the pair in {numref}`fig-agreement` shows that numbers may agree one by one and not together.

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
# FVU of the intact network (`full`), ΔFVU of each block, and the effect per ablated Schur mass (`_S`). Means of the paper are over three seeds; its standard errors are shown where it prints them. Ours are standard deviations over networks. A zero is what the paper calls almost no effect, or little effect.

# %%
show(answers.rows_of(compared[compared.id.str.startswith(("s4_", "f2_"))]))

# %% [markdown]
# ## The answer

# %%
tell(answers.outside(compared))

# %% [markdown]
# Neither the training of the copy networks nor the distributions of the three other tasks are stated in the paper; [the recipe](recipe.ipynb) shows which numbers hang on these choices.
