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
# # Subspace or Schur?
#
# {glue:text}`answer:s`
#
# {cite:t}`drager2026` leaves one question open. A low-dimensional task may use few directions of the hidden space. Is a block of couplings safe because of its *role* among the Schur modes, or only because the activity never goes where it acts? The paper says what would separate the two: how the ablated directions lie to the hidden states, the readout and the input. This chapter does that, and then ablates the two halves of each block separately: the half that acts on the activity, and the rest.

# %% tags=["parameters"]
networks = "reference"   # "reference": shipped in data/; "trained": the store, training what is missing
profile = "paper"        # "paper": the paper's setting; "quick": tiny, to exercise the code only

# %%
import matplotlib.pyplot as plt

from study import cache, catalogue
from study.answers import subspace as answers
from study.answers.predictor import measures, single_blocks
from study.cache import measured
from study.figures import controls as figures
from study.probes import activity, predictor
from study.words import show, tell

quick = profile == "quick"
specs = catalogue.of_all_tasks(profile, networks)
nets = catalogue.networks(specs, networks)
n_trials = 16 if quick else 256
by_fvu = {"n_trials": n_trials, "metric": "fvu"}

# %% [markdown]
# When a block is ablated, the state changes by $-\Delta W\,h$ at each step. So what a block can do depends on $h$, and its size *as the task sees it* is the activity-weighted mass $E\lVert\Delta W\,h\rVert^2 / E\lVert W\,h\rVert^2$ over the states that the network visits. If the subspace account were all, then the effect would follow this number, whatever the block. {numref}`fig-active` shows the single blocks of the copy networks with 72 units (dense orthogonal) and of the networks of each other task. Effects are $\Delta$FVU on all four tasks, so that they have one unit.

# %%
halves = measured("subspace_halves", activity.halves, specs, nets, on=by_fvu)
blocks = halves[halves.part == "whole"]

# %% mystnb={"figure": {"caption": "Effect of each block against its activity-weighted mass (top) and against its Schur mass (bottom), one point for each network and block. On one curve, the mass would be the whole story. Blocks at rounding level are left out.", "name": "fig-active"}, "image": {"alt": "Two scatter plots of the change of the FVU, on logarithmic axes. Effects grow with the activity-weighted mass, with a spread of orders of magnitude at equal mass."}}
figures.effect_of_activity(blocks)
plt.show()

# %% [markdown]
# How much does each account explain? The bars of {numref}`fig-explained` are shares of the variance of the *rank* of $\Delta$FVU (effects span orders of magnitude, and a few are negative), with bootstrap intervals over networks, and the same for networks that were left out of the fit. "Block" is only the name: RR, CR or CC.

# %%
accounts = answers.accounts(blocks)
cache.save(accounts, "subspace_explained")

# %% mystnb={"figure": {"caption": "Share of the variance of the effects' ranks that each account explains, in each task: R² with its 95 % interval over networks, and R² for a network left out of the fit (drawn at −0.05 where it is lower).", "name": "fig-explained"}, "image": {"alt": "Four panels of four bars: activity, Schur mass, block, activity and block."}}
figures.explained_bars(accounts[accounts.of != answers.EVERYWHERE])
plt.show()

# %% [markdown]
# Over all tasks together, with the task as a part of the account; and the same for the copy networks of other starts and sizes:

# %%
others = [s for s in catalogue.specs("copy", profile, networks) if s not in specs and s.construction != "cayley"]
other_nets = catalogue.networks(others, networks)
other_halves = measured("subspace_halves_others", activity.halves, others, other_nets, on=by_fvu)
reading = answers.of_accounts(accounts, other_halves[other_halves.part == "whole"])
show(answers.everywhere(accounts), reading=reading)

# %% [markdown]
# ## On and off the activity
#
# The decisive cut. $V_k$ holds the leading principal directions of the states, $k$ such that they carry 99 % of $E\lVert h\rVert^2$ (our choice; not centred, because a block acts on $h$ and not on its deviation from a mean). With $P_V = V_k V_k^\top$ a block falls into a half that acts on the activity, $\Delta W P_V$, and the rest, $\Delta W (I - P_V)$. Each is ablated alone.

# %% mystnb={"figure": {"caption": "Effect of ablating a whole block (filled), only its half on the activity (squares), only the other half (triangles). Markers are medians over networks, lines run from the lowest to the highest; the axes are linear below 0.0001.", "name": "fig-halves"}, "image": {"alt": "Four panels, one a task. In each, the half on the activity does as much as the whole block, and the half off the activity much less, often nothing."}}
figures.half_effects(halves[(halves.part == "whole") | (halves.share == activity.SHARE)])
plt.show()

# %% [markdown]
# The cut depends on $k$. For three shares of the activity: how much of a block's squared mass lies off it, and which fraction of the block's effect the two halves have when ablated alone. Medians over the blocks with a $\Delta$FVU of at least 0.01.

# %%
ratios, other_ratios = answers.ratios(halves), answers.ratios(other_halves)
show(answers.on_and_off(ratios), reading=answers.through_activity(ratios, other_ratios))

# %% [markdown]
# ## The same reading, other writing
#
# A safe block may meet the activity and still be safe. Replace $\Delta W$ by $U\,\Delta W$ with a random rotation $U$: $\lVert U\,\Delta W\,h\rVert = \lVert\Delta W\,h\rVert$ for every state, so that this change reads the same directions and is as large at every step; it only writes elsewhere. If activity were all that counted, block and rotation would do the same.

# %%
on, draws = {"n_trials": 8 if quick else 64, "metric": "fvu"}, 10 if quick else 100
rotations = measured("subspace_rotations", activity.rotations, specs, nets, on=on, draws=draws)

# %% mystnb={"figure": {"caption": "Effect of each block against that of changes that read the same and write elsewhere (median over random rotations). Above the line a block does more than such changes, below it less.", "name": "fig-rotated"}, "image": {"alt": "A scatter plot on logarithmic axes with a diagonal. Copy networks: blocks CC and RR far below the line, CR above it. Flip-flop: CR above it. Sine generation and context integration scatter around the line."}}
figures.rotated_effects(rotations)
plt.show()

# %% [markdown]
# Cliff's $\delta$ is 1 where every rotation does more harm than the block, −1 where every one does less: mean over networks with its $t$ interval, and the paired test over networks (Holm over the three blocks of a task).

# %%
pooled = answers.pooled(rotations)
cache.save(pooled, "subspace_rotations_pooled")
show(answers.beside_rotations(pooled), reading=answers.of_rotations(rotations, pooled))

# %% [markdown]
# ## Angles
#
# What a block reads are the leading right singular vectors of $\Delta W$, what it writes the left ones, as many as carry 99 % of $\lVert\Delta W\rVert^2$. Their principal angles to three subspaces, $V_k$, the rows of $W_{hy}$ and the columns of $W_{xh}$, are summed up by the mean $\cos^2$, less what two random subspaces of these dimensions have, the larger dimension over $N_h$.

# %%
draws = 5 if quick else 50
angles = measured("subspace_directions", activity.directions, specs, nets, on=by_fvu, draws=draws)

# %% mystnb={"figure": {"caption": "Overlap (mean cos² of the principal angles) of what blocks read (left) and write (right) with the activity, the readout and the drive, above chance: medians over networks and the range. 0 is what random subspaces have.", "name": "fig-overlaps"}, "image": {"alt": "Six panels: input and output directions by activity, readout and drive; four tasks each. Blocks RR and CR write into the activity far more than chance; CC of the copy networks reads and writes away from the activity."}}
figures.overlaps(angles)
plt.show()

# %% [markdown]
# The smallest and the median angle to the activity, in degrees, each beside its median over random subspaces; medians over networks.

# %%
show(answers.to_the_activity(angles))

# %% [markdown]
# ## Is the information still there?
#
# A block may spoil the readout and leave the information. After each ablation a ridge decoder is fitted to the states (one matrix for all steps, as $W_{hy}$ is; its penalty chosen on other trials) and scored on a third set of trials, beside the readout of the network.

# %%
on = [{"n_trials": n_trials, "seed": seed} for seed in (1, 2, 0)]
decoded = measured("subspace_decoders", activity.decoders, specs, nets, on=on)

# %% mystnb={"figure": {"caption": "Score after each ablation with the network's own readout (filled) and with a decoder refitted to the ablated network (open): mean over networks.", "name": "fig-decoders"}, "image": {"alt": "Four panels, one a task. On the copy task the refitted decoder replays almost without error after every ablation; on the other tasks it recovers a part of what is lost."}}
figures.decoder_scores(decoded)
plt.show()

# %%
tell(answers.recovered(decoded), "recovered")

# %% [markdown]
# The rest is gone from the states, or no longer in a linear code that one matrix can read at all steps.
#
# ## Answer
#
# [What predicts a safe block?](predictor.ipynb) follows the path of an effect: what a block reads from the states, how the ablated weights carry on what is missing, and whether the readout sees it. That prediction is fitted to nothing, and the accounts of this chapter can be measured by it.

# %%
on = [{**by_fvu, "exact": True}, {**by_fvu, "seed": 1}]
forms = measured("subspace_forms", predictor.forms, specs, nets, on=on)
path = measures(single_blocks(forms))
tell(answers.answer(accounts, ratios, rotations, path), "answer")
