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
# # Coordinates and well-posedness
#
# {glue:text}`answer:s`
#
# A coupling block is a block of $T$, and $T$ depends on choices: real or complex, which eigenvalues come first, in which order near-equal moduli stand, where the cut $\alpha$ falls. **What of an ablation's harm belongs to the network, and what to the choice of coordinates?** The same ablation is made here in other coordinates, under small changes of $W$, at every cut, and in five ways that are wrong.

# %% tags=["parameters"]
networks = "reference"   # "reference": shipped in data/; "trained": the store, training what is missing
profile = "paper"        # "paper": the paper's setting; "quick": tiny, to exercise the code only

# %%
import matplotlib.pyplot as plt

from study import catalogue
from study.answers import coordinates as answers
from study.cache import measured
from study.figures import coordinates as figures
from study.probes import coordinates
from study.words import show, tell

quick = profile == "quick"
specs = catalogue.of_all_tasks(profile, networks)
nets = catalogue.networks(specs, networks)
on = {"n_trials": 16 if quick else 128}
on_few = {"n_trials": 16 if quick else 64, "exact": True}
few = {"draws": 2} if quick else {}

# %% [markdown]
# Throughout, the harm is the accuracy lost (copy) or ΔFVU (the other tasks), and $\alpha = 0.9$ where it is not varied.
#
# ## The same ablation in other coordinates

# %% mystnb={"figure": {"caption": "The harm of ablating one block in six systems of coordinates: single networks (small) and their mean (large). “Other orders” shuffles near-equal moduli (within 5 %) inside each sector; “Schur of Wᵀ” puts the complement first; “eigenvectors” makes oblique eigenvectors orthogonal; “random bases” applies the same mask in a random orthonormal basis.", "name": "fig-bases"}, "image": {"alt": "Four panels, one a task, of the harm of ablating RR, CR and CC in six systems of coordinates. CR does the same in the Schur form, in other orders and in the complex form. In the Schur form of the transposed matrix and in random bases the harm differs."}}
bases = measured("coordinates_bases", coordinates.measure_bases, specs, nets, on=on | {"exact": True}, **few)
figures.bases(bases)
plt.show()

# %%
tell(answers.other_systems(bases))

# %% [markdown]
# ## Where the cut falls
#
# The paper takes $\alpha$ from 0.85 to 0.95. Here α runs from 0.3 to 0.99.

# %% mystnb={"figure": {"caption": "Harm of ablating each block against α: mean over networks, shaded from the lowest to the highest; dashed, the share of dimensions in R. Grey band: the paper's range.", "name": "fig-sweep"}, "image": {"alt": "Four panels, one a task, of the harm of ablating RR, CR and CC against alpha from 0.3 to 0.99, with the share of dimensions in the leading sector as a dashed line. The copy task has a wide plateau; in the other tasks the curves follow the cut."}}
cut = measured("coordinates_cut", coordinates.measure_cut, specs, nets, on=on)
figures.sweep(cut)
plt.show()

# %% [markdown]
# At $\alpha = 0.9$: the range of $n_R$ over networks; then medians of the gap between the sectors over ρ, of the number of eigenvalues whose modulus lies within 5 % of αρ, of SEP (smallest singular value of $X \mapsto T_{RR}X - XT_{CC}$: a change of size ε turns the leading subspace by about ε/SEP) and of LAPACK's reciprocal condition number s of the leading eigenvalues' mean; last, how far the harm of ablating a block moves within the paper's band of α, in the worst network and block.

# %%
show(answers.well_posed(cut), reading=answers.sectors(cut))

# %% [markdown]
# ## Small changes of $W$
#
# Every entry of $W$ gets a Gaussian change, 10⁻³ of ‖W‖ in all, and the form is made again.

# %% mystnb={"figure": {"caption": "Relative change of the block norms, angle of the leading subspace and change of the entries of N (signs left out) when W changes by 10⁻³ of its norm; the median over draws, one point for each network.", "name": "fig-nudges"}, "image": {"alt": "Relative changes on a logarithmic scale for the norms of the three blocks, the leading subspace and the entries of N, in four tasks. Entries move most by far, block norms and subspace by amounts near the change of W."}}
nudges = measured("coordinates_nudges", coordinates.measure_nudges, specs, nets, on=on, **few)
figures.nudges(nudges)
plt.show()

# %%
tell(answers.small_changes(nudges, cut))

# %% [markdown]
# ## Exact symmetries
#
# A signed permutation of the hidden units, $h \to Ph$, changes no output of a tanh network without biases. So it must leave $T$ as it is up to the signs of its blocks, and with it all norms and scores. A random rotation of the same kind is no symmetry, and shows that the check could fail. The largest deviation over all networks and draws, rounded to seven decimals:

# %%
symmetries = measured("coordinates_symmetries", coordinates.measure_symmetries, specs, nets, on=on_few, **few)
show(answers.symmetries(symmetries), reading=answers.rotations(symmetries))

# %% [markdown]
# ## Five ways to get it wrong
#
# Each implementation looks plausible and breaks one property. The number beside it is what it would have reported on the copy task.

# %%
wrong = measured("coordinates_wrong", coordinates.measure_wrong, specs, nets, on=on)
show(answers.implementations(wrong))

# %% [markdown]
# How far the number is from the right one, mean over networks of the largest error over the intact network and the three blocks:

# %%
errors = answers.errors(wrong)
show(errors, dict.fromkeys(errors.columns[1:], ".4f"))

# %% [markdown]
# ## Answer

# %%
tell(answers.answer(bases, cut, nudges), name="answer")
