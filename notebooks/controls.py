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
# # Structure or size?
#
# {glue:text}`answer:s`
#
# A network loses a block of its couplings and does its task all the same. Is that because of *which* weights went, or would any change of that size have been harmless? The abstract of {cite:t}`drager2026` says the former: changes of similar scale can destroy what a structured change preserves. The paper prints no numbers for it. Here each ablated set of each network is set beside random changes of exactly its Frobenius norm; then blocks are ablated by degrees, and in all combinations.

# %% tags=["parameters"]
networks = "reference"   # "reference": shipped in data/; "trained": the store, training what is missing
profile = "paper"        # "paper": the paper's setting; "quick": tiny, to exercise the code only

# %%
import matplotlib.pyplot as plt

from schur_lib.metrics import NEGLIGIBLE_MASS
from schur_lib.schur import COUPLINGS
from study import cache, catalogue
from study.answers import controls as answers
from study.cache import measured
from study.figures import controls as figures
from study.probes.doses import dose_response, dose_summary
from study.probes.interactions import two_cubed
from study.probes.nulls import matched_nulls
from study.words import show, tell

quick = profile == "quick"
specs = catalogue.of_all_tasks(profile, networks)
nets = catalogue.networks(specs, networks)

# %% [markdown]
# ## Random changes of the same norm
#
# {numref}`fig-null-harms` shows the copy networks of the dense orthogonal start with 72 units, and the networks of the other tasks. Harm is the accuracy lost on the copy task and the FVU gained on the others. The open markers are five kinds of random change:
#
# * **isotropic**: a Gaussian matrix;
# * **same entries**: Gaussian numbers in the places of the block in $T$;
# * **shuffled**: the block's own entries, permuted among its places and with random signs (so that the change, and not the weights that are left, has the norm of the block: our choice);
# * **random basis**: the same mask in a random orthogonal basis $U$, the change being what it holds of $U^\top W U$, rescaled;
# * **random couplings**: a random choice of entries of $N$, ablated as the block is; the last one in part, so that the mass is equal.
#
# The second, third and last keep the spectrum, as the ablation of a block does; the others do not.

# %%
draws, n_trials = (10, 8) if quick else (200, 64)
nulls = measured("controls_nulls", matched_nulls, specs, nets, on=dict(n_trials=n_trials), draws=draws)

# %% mystnb={"figure": {"caption": "Harm done by ablating a block (filled) and by random changes of the same norm (open; the median over draws). Markers are medians over networks, lines run from the lowest to the highest network. The axes are linear below 0.001.", "name": "fig-null-harms"}, "image": {"alt": "Four panels, one a task, of harm on a logarithmic axis, for the blocks RR, CR and CC. On the copy task, ablating CC does no harm, and neither do random numbers in its places, while isotropic changes, a random basis and random couplings do much. Ablating CR does more harm than random numbers in its places."}}
figures.null_harms(nulls[nulls.removed.isin(COUPLINGS)])
plt.show()

# %% [markdown]
# Each network gives a p-value, $p = (1 + \#\{\text{null at least as mild}\}) / (1 + n)$, and an effect size, Cliff's $\delta$: the share of nulls that do more harm than the block minus the share that do less. Over networks, which are the unit, the mean $\delta$ has a $t$ interval and a paired test (all sign patterns of the networks' $\delta$, corrected by Holm over the seven ablated sets). The table gives the single blocks; the harm and the nulls' are medians over networks. Sets whose mass is at rounding level have nothing to match and are left out.

# %%
pooled = answers.pooled(nulls)
cache.save(pooled, "controls_pooled")
show(answers.beside_nulls(pooled), reading=answers.drawn(nulls, n_trials))

# %% [markdown]
# All seven ablated sets and all five kinds:

# %% mystnb={"figure": {"caption": "Cliff's $\\delta$, mean over networks. Purple: the ablated set does less harm than changes of its size; orange: more. Ablating all three blocks is the only random choice of all couplings, so that its last entry is 0 by construction.", "name": "fig-null-effects"}, "image": {"alt": "Four tables of colours, one a task: seven ablated sets by five kinds of null."}}
figures.null_effects(nulls)
plt.show()

# %% [markdown]
# ## The abstract's statement, beside five kinds of null
#
# The abstract says that changes of similar scale can destroy what a structured change preserves. [Claim 9](paper_versus_here.ipynb) is judged on the copy task beside isotropic changes alone; here the same is asked of every task and of every kind of null.

# %%
said = answers.safe_blocks(nulls), answers.structure_or_size(nulls, pooled)
show(answers.destroyed(nulls), reading="\n\n".join(said))

# %% [markdown]
# ### The other copy networks
#
# The same for copy networks of other starts and sizes.

# %%
others = [spec for spec in catalogue.specs("copy", profile, networks) if spec not in specs]
coupled = [spec for spec in others if spec.construction != "cayley"]
other_nets = catalogue.networks(coupled, networks)
on = dict(n_trials=n_trials)
other_nulls = measured("controls_nulls_others", matched_nulls, coupled, other_nets, on=on, draws=draws)
reading = answers.safe_elsewhere(other_nulls, n_normal=len(others) - len(coupled))
show(answers.of_other_copies(other_nulls), reading=reading)

# %% [markdown]
# ## Ablation by degrees
#
# A block is scaled by $1 - s$: at $s = 0$ the network is intact, at $s = 1$ the block is gone, at $s = 2$ it has the other sign. The error is the FVU on all four tasks, since the share of wrong signs does not see small changes.

# %%
by_fvu = dict(n_trials=8 if quick else 128, metric="fvu", exact=True)
doses = measured("controls_doses", dose_response, specs, nets, on=by_fvu)

# %% mystnb={"figure": {"caption": "Error against dose, for each block: median over networks, shaded from the lowest to the highest. The vertical line is the ablation.", "name": "fig-doses"}, "image": {"alt": "Four panels, one a task, of the FVU on a logarithmic axis against the dose from zero to two."}}
figures.dose_curves(doses[doses.mass > NEGLIGIBLE_MASS])
plt.show()

# %% [markdown]
# Three numbers a block, as medians over networks with the lowest and the highest: the dose at which the error has grown by 5 %; the exponent of the effect of small doses (0.01 to 0.1, fitted on logarithmic axes; 1 is linear, 2 quadratic); and $S_{\Delta T}$ at a dose of 0.1 relative to $S_{\Delta T}$ of the ablation, which would be 1 if the effect were proportional to the ablated mass.

# %%
summary = dose_summary(doses)
cache.save(summary, "controls_dose_summary")
show(answers.doses(summary), reading=answers.of_doses(summary))

# %% [markdown]
# ## Blocks together
#
# With all eight sets ablated, the effects form a $2^3$ design. Its Möbius transform gives each block's main effect and what sets of blocks do beyond the sum of their parts; interactions vanish where effects add up. A negative interaction says that the second block finds little left to spoil.

# %%
on = dict(n_trials=32 if quick else 512)
interactions = measured("controls_interactions", two_cubed, specs, nets, on=on)

# %% mystnb={"figure": {"caption": "Main effects (coloured) and interactions (grey) of the blocks: mean over networks, networks as points. The axes are linear below 0.01.", "name": "fig-interactions"}, "image": {"alt": "Four panels, one a task, of seven bars: three main effects, three interactions of pairs, one of all three. On the copy task RR and CR have main effects and a negative interaction, CC has none. On sine generation CC and CR interact strongly and negatively."}}
figures.interaction_terms(interactions)
plt.show()

# %% [markdown]
# The Shapley value shares the harm of ablating all three blocks fairly among them: the mean effect of a block over all orders of ablation.

# %%
show(answers.shapley_values(interactions), reading=answers.of_interactions(interactions))

# %% [markdown]
# ## Answer

# %%
tell(answers.answer(nulls, other_nulls), "answer")
