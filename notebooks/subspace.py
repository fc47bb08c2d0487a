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
# {cite:t}`drager2026` leaves one question open. A low-dimensional task may use few directions of the hidden space. Is a block of couplings safe because of its *role* among the Schur modes, or only because the activity never goes where it acts? The paper says what would separate the two: how the ablated directions lie to the hidden states, the readout and the input. This chapter does that, and then removes the two halves of each block separately: the half that acts on the activity, and the rest.

# %% tags=["parameters"]
networks = "reference"   # "reference": the networks shipped in data/; "trained": the store, training what is missing
profile = "paper"        # "paper": the paper's setting; "quick": tiny, to exercise the code only

# %% tags=["hide-input"]
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from myst_nb import glue

from schur_lib.tasks import TASKS
from study import cache, catalogue, words
from study.cache import measured
from study.figures import controls as figures
from study.figures import style
from study.probes import activity
from study.statistics import NETWORK, explained, holm, interval, sign_flip

quick = profile == "quick"
specs = [s for task in TASKS for s in catalogue.specs(task, profile, networks) if task != "copy" or (s.construction, s.hidden_size) == catalogue.FIGURE_1[0]]
nets = catalogue.networks(specs, networks)
n_trials = 16 if quick else 256
by_fvu = {"n_trials": n_trials, "metric": "fvu"}
half_table = measured("subspace_halves", activity.halves, specs, nets, on=by_fvu)
whole = half_table[half_table.part == "whole"]
n_networks = whole.groupby("task").seed.nunique()
glue("n_copy", int(n_networks["copy"]), display=False)
glue("n_other", int(n_networks["flip_flop"]), display=False)
others = [s for s in catalogue.specs("copy", profile, networks) if s.construction != "cayley" and (s.construction, s.hidden_size) != catalogue.FIGURE_1[0]]
other_halves = measured("subspace_halves_others", activity.halves, others, catalogue.networks(others, networks), on=by_fvu)
glue("n_others", len(others), display=False)

# %% [markdown]
# When a block is removed, the state changes by $-\Delta W\,h$ at each step. So what a block can do depends on $h$, and its size *as the task sees it* is the activity-weighted mass $E\lVert\Delta W\,h\rVert^2 / E\lVert W\,h\rVert^2$ over the states that the network visits. If the subspace account were all, then the effect would follow this number, whatever the block. {numref}`fig-active` shows the single blocks of {glue:text}`n_copy` copy networks (dense orthogonal, 72 units) and {glue:text}`n_other` networks of each other task. Effects are $\Delta$FVU on all four tasks, so that they have one unit.

# %% mystnb={"figure": {"caption": "Effect of each block against its activity-weighted mass (top) and against its Schur mass (bottom), a point a network and block. On one curve, the mass would be the whole story. Blocks at rounding level are left out.", "name": "fig-active"}, "image": {"alt": "Two scatter plots of the change of the FVU, on logarithmic axes. Effects grow with the activity-weighted mass, with a spread of orders of magnitude at equal mass: blocks CC of copy and flip-flop networks lie far below blocks of sine and context networks of the same activity-weighted mass."}} tags=["hide-input"]
figures.effect_of_activity(whole)
plt.show()

# %% [markdown]
# How much does each account explain? The bars of {numref}`fig-explained` are shares of the variance of the *rank* of $\Delta$FVU (effects span orders of magnitude, and a few are negative), with bootstrap intervals over networks, and the same for networks that were left out of the fit. "Block" is only the name: RR, CR or CC.

# %% mystnb={"figure": {"caption": "Share of the variance of the effects' ranks that each account explains, in each task: R² with its 95 % interval over networks, and R² for a network left out of the fit (drawn at −0.05 where it is lower).", "name": "fig-explained"}, "image": {"alt": "Four panels of four bars: activity, Schur mass, block, activity and block. On the copy task the name of the block explains far more than activity or mass; on the flip-flop activity explains about as much as the name; on the others neither explains most."}} tags=["hide-input"]
accounts = {
    "activity": ["active_mass"],
    "Schur mass": ["mass"],
    "block": ["removed"],
    "activity + block": ["active_mass", "removed"],
}
more = {
    "task": ["task"],
    "activity + task": ["active_mass", "task"],
    "block × task": ["removed × task"],
    "activity + block × task": ["active_mass", "removed × task"],
}
found = {style.NAMES[task]: explained(part, "delta", accounts) for task, part in whole.groupby("task", sort=False)}
everywhere = explained(whole, "delta", {**accounts, **more})
figures.explained_bars(found)
plt.show()

# %% [markdown]
# Over all tasks together, with the task as a part of the account:

# %% mystnb={"markdown_format": "myst"} tags=["hide-input"]
found["all tasks"] = everywhere
table = pd.concat([part.assign(of=title) for title, part in found.items()], ignore_index=True)
cache.save(table[["of", "account", "r2", "low", "high", "unseen", "parameters"]], "subspace_explained")


def share(row):
    ends = "" if np.isnan(row.low) else f" [{row.low:.2f}, {row.high:.2f}]"
    return f"{row.r2:.2f}{ends}".replace("-", "−")


words.show(pd.DataFrame([
    {"account": r.account, "R² [95 %]": share(r), "network left out": words.signed(r.unseen, 2).lstrip("+"), "parameters": r.parameters}
    for r in everywhere.itertuples()
]))

# %% tags=["remove-cell"]
r2 = everywhere.set_index("account")
for account, name in (("activity", "activity"), ("Schur mass", "mass"), ("block", "block"), ("activity + task", "activity_task"), ("block × task", "block_task"), ("activity + block × task", "all")):
    glue(f"r2_{name}", float(r2.r2[account]), display=False)
    glue(f"unseen_{name}", float(r2.unseen[account]), display=False)
for task in TASKS:
    part = found[style.NAMES[task]].set_index("account").r2
    glue(f"r2_activity_{task}", float(part["activity"]), display=False)
    glue(f"r2_block_{task}", float(part["block"]), display=False)
elsewhere = explained(other_halves[other_halves.part == "whole"], "delta", accounts).set_index("account").r2
glue("r2_activity_others", float(elsewhere["activity"]), display=False)
glue("r2_block_others", float(elsewhere["block"]), display=False)

# %% [markdown]
# Within the copy task the activity-weighted mass explains {glue:text}`r2_activity_copy:.2f` of the variance and the name of the block {glue:text}`r2_block_copy:.2f`; on the flip-flop {glue:text}`r2_activity_flip_flop:.2f` and {glue:text}`r2_block_flip_flop:.2f`; on sine generation {glue:text}`r2_activity_sine_generation:.2f` and {glue:text}`r2_block_sine_generation:.2f`; in context integration {glue:text}`r2_activity_context_integration:.2f` and {glue:text}`r2_block_context_integration:.2f`. In the {glue:text}`n_others` copy networks of other starts and sizes (Cayley networks have no couplings) they explain {glue:text}`r2_activity_others:.2f` and {glue:text}`r2_block_others:.2f`. A block's name in its task says {glue:text}`r2_block_task:.2f` of all variance, the activity in its task {glue:text}`r2_activity_task:.2f`.

# %% [markdown]
# ## On and off the activity
#
# The decisive cut. $V_k$ holds the leading principal directions of the states, $k$ such that they carry 99 % of $E\lVert h\rVert^2$ (our choice; not centred, because a block acts on $h$ and not on its deviation from a mean). With $P_V = V_k V_k^\top$ a block falls into a half that acts on the activity, $\Delta W P_V$, and the rest, $\Delta W (I - P_V)$. Each is removed alone.

# %% mystnb={"figure": {"caption": "Effect of removing a whole block (filled), only its half on the activity (squares), only the other half (triangles). Markers are medians over networks, lines run from the lowest to the highest; the axes are linear below 0.0001.", "name": "fig-halves"}, "image": {"alt": "Four panels, one a task. In each, the half on the activity does as much as the whole block, and the half off the activity much less, often nothing."}} tags=["hide-input"]
middle = half_table[(half_table.part == "whole") | (half_table.share == activity.SHARE)]
figures.half_effects(middle)
plt.show()

# %% [markdown]
# The cut depends on $k$. For three shares of the activity: how much of a block's squared mass lies off it, and which fraction of the block's effect the two halves have when removed alone. Medians over the blocks with a $\Delta$FVU of at least 0.01.

# %% mystnb={"markdown_format": "myst"} tags=["hide-input"]
keys = [*NETWORK, "removed"]


def ratios_of(table):
    """The halves of the blocks that have an effect, with their effect and squared mass over the block's."""
    reference = table[table.part == "whole"].set_index(keys)[["delta", "mass"]].add_suffix("_whole")
    parts = table[table.part != "whole"].join(reference, on=keys)
    parts = parts[parts.delta_whole >= 0.01]
    return parts.assign(effect=parts.delta / parts.delta_whole, squared=(parts.mass / parts.mass_whole) ** 2)


ratios = ratios_of(half_table)
rows = []
for (task, share), part in ratios.groupby(["task", "share"], sort=False):
    on, off = part[part.part == "on"], part[part.part == "off"]
    rows.append(
        {
            "task": style.NAMES[task], "activity in V": f"{100 * share:.1f} %", "k": f"{on.k.median():.0f}",
            "mass² off": f"{off.squared.median():.2f}", "effect of on": f"{on.effect.median():.2f}".replace("-", "−"),
            "effect of off": f"{off.effect.median():.3f}".replace("-", "−"), "blocks": len(on),
        }
    )
if rows:
    words.show(pd.DataFrame(rows))

# %% tags=["remove-cell"]
at = ratios[ratios.share == activity.SHARE]
on, off = at[at.part == "on"], at[at.part == "off"]


def median_of(values):
    return float(values.median()) if len(values) else float("nan")


on_effect, off_effect, off_mass = median_of(on.effect), median_of(off.effect), median_of(off.squared)
glue("on_effect", on_effect, display=False)
glue("off_effect", off_effect, display=False)
glue("off_mass", off_mass, display=False)
glue("off_high", float(off.effect.quantile(0.9)) if len(off) else float("nan"), display=False)
glue("n_effective", len(off), display=False)
through = "a block acts through the activity" if off_effect <= 0.1 and on_effect >= 0.8 else "most, but not all, of what a block does goes through the leading activity"
glue("through_activity", through, display=False)
for task in TASKS:
    glue(f"off_{task}", median_of(off[off.task == task].effect), display=False)
elsewhere = ratios_of(other_halves).query("share == @activity.SHARE")
glue("others_on", median_of(elsewhere[elsewhere.part == "on"].effect), display=False)
glue("others_off", median_of(elsewhere[elsewhere.part == "off"].effect), display=False)

# %% [markdown]
# Over all {glue:text}`n_effective` blocks with an effect, the half off the activity holds {glue:text}`off_mass:.2f` of the squared mass and has {glue:text}`off_effect:.3f` of the effect (median; {glue:text}`off_high:.2f` is reached by one block in ten); the half on it has {glue:text}`on_effect:.2f`. So, at this cut, {glue:text}`through_activity`. (In the copy networks of other starts and sizes the halves have {glue:text}`others_off:.3f` and {glue:text}`others_on:.2f`.) (With the 1 % of activity that $V_k$ leaves out, "off" is not exactly idle; the table shows how the rest of the effect goes away as $V_k$ grows.)

# %% [markdown]
# ## The same reading, other writing
#
# A safe block may meet the activity and still be safe. Replace $\Delta W$ by $U\,\Delta W$ with a random rotation $U$: $\lVert U\,\Delta W\,h\rVert = \lVert\Delta W\,h\rVert$ for every state, so that this change reads the same directions and is as large at every step; it only writes elsewhere. If activity were all that counted, block and rotation would do the same.

# %% mystnb={"figure": {"caption": "Effect of each block against that of changes that read the same and write elsewhere (median over random rotations). Above the line a block does more than such changes, below it less.", "name": "fig-rotated"}, "image": {"alt": "A scatter plot on logarithmic axes with a diagonal. Copy networks: blocks CC and RR far below the line, CR above it. Flip-flop: CR above it. Sine generation and context integration scatter around the line."}} tags=["hide-input"]
rotated = measured("subspace_rotations", activity.rotations, specs, nets, on={"n_trials": 8 if quick else 64, "metric": "fvu"}, draws=10 if quick else 100)
figures.rotated_effects(rotated)
plt.show()

# %% [markdown]
# Cliff's $\delta$ is 1 where every rotation does more harm than the block, −1 where every one does less: mean over networks with its bootstrap interval, and the paired test over networks (Holm over the three blocks of a task).

# %% mystnb={"markdown_format": "myst"} tags=["hide-input"]
rows = []
for (task, removed), part in rotated.groupby(["task", "removed"], sort=False):
    low, high = interval(np.mean, part.effect)
    rows.append({"task": task, "removed": removed, "n": len(part), "delta": part.delta.median(), "rotated": part.rotated_median.median(), "effect": part.effect.mean(), "low": low, "high": high, "p": sign_flip(part.effect)})
tested = pd.DataFrame(rows)
tested["p_holm"] = tested.groupby("task", sort=False).p.transform(lambda p: holm(p))
cache.save(tested, "subspace_rotations_pooled")
shown = []
for row in tested.itertuples():
    ends = "" if np.isnan(row.low) else f" [{words.signed(row.low, 2)}, {words.signed(row.high, 2)}]"
    shown.append({"task": style.NAMES[row.task], "block": row.removed, "ΔFVU": words.signed(row.delta), "rotated": words.signed(row.rotated), "δ [95 %]": words.signed(row.effect, 2) + ends, "p (Holm)": f"{row.p_holm:.3f}", "n": row.n})
words.show(pd.DataFrame(shown))

# %% tags=["remove-cell"]
unlike = int((rotated.effect.abs() >= 0.9).sum())
glue("n_unlike", unlike, display=False)
glue("n_rotated", len(rotated), display=False)
writes = "So where a block *writes* matters as well" if unlike > 0.1 * len(rotated) else "So where a block *writes* hardly matters"
glue("writes", writes.replace("*", ""), display=False)
by = rotated.assign(unlike=rotated.effect.abs() >= 0.9).groupby("task", sort=False).unlike.agg(["sum", "count"])
for task in TASKS:
    glue(f"unlike_{task}", f"{by['sum'].get(task, 0)} of {by['count'].get(task, 0)}", display=False)
row = tested[(tested.task == "copy") & (tested.removed == "CC")]
glue("copy_CC", median_of(row.delta), display=False)
glue("copy_CC_rotated", median_of(row.rotated), display=False)
row = tested[(tested.task == "copy") & (tested.removed == "CR")]
glue("copy_CR", median_of(row.delta), display=False)
glue("copy_CR_rotated", median_of(row.rotated), display=False)

# %% [markdown]
# $|\delta| \ge 0.9$ in {glue:text}`unlike_copy` blocks of copy networks, {glue:text}`unlike_flip_flop` of flip-flop, {glue:text}`unlike_sine_generation` of sine and {glue:text}`unlike_context_integration` of context networks. On the copy task the removal of $T_{CC}$ gains an FVU of {glue:text}`copy_CC:.3f`, the same reading with other writing {glue:text}`copy_CC_rotated:.3f`; for $T_{CR}$ it is {glue:text}`copy_CR:.3f` and {glue:text}`copy_CR_rotated:.3f`. {glue:text}`writes`. (A rotated change is no coupling any more and moves the spectrum, which the removal of a block does not: that is a part of what the role of a block is.)

# %% [markdown]
# ## Angles
#
# What a block reads are the leading right singular vectors of $\Delta W$, what it writes the left ones, as many as carry 99 % of $\lVert\Delta W\rVert^2$. Their principal angles to three subspaces, $V_k$, the rows of $W_{hy}$ and the columns of $W_{xh}$, are summed up by the mean $\cos^2$, less what two random subspaces of these dimensions have, the larger dimension over $N_h$.

# %% mystnb={"figure": {"caption": "Overlap (mean cos² of the principal angles) of what blocks read (left) and write (right) with the activity, the readout and the drive, above chance: medians over networks and the range. 0 is what random subspaces have.", "name": "fig-overlaps"}, "image": {"alt": "Six panels: input and output directions by activity, readout and drive; four tasks each. Blocks RR and CR write into the activity far more than chance; CC of the copy networks reads and writes away from the activity."}} tags=["hide-input"]
angles = measured("subspace_directions", activity.directions, specs, nets, on=by_fvu, draws=5 if quick else 50)
figures.overlaps(angles)
plt.show()

# %% [markdown]
# The smallest and the median angle to the activity, in degrees, each beside its median over random subspaces; medians over networks.

# %% mystnb={"markdown_format": "myst"} tags=["hide-input"]
rows = []
for (task, removed, side), part in angles[angles.subspace == "activity"].groupby(["task", "removed", "side"], sort=False):
    middle = part.median(numeric_only=True)
    rows.append({"task": style.NAMES[task], "block": removed, "side": "reads" if side == "input" else "writes", "dimensions": f"{middle.n_block:.0f} and {middle.n_subspace:.0f}", "smallest": f"{middle.smallest:.0f} ({middle.smallest_chance:.0f})", "median": f"{middle['median']:.0f} ({middle.median_chance:.0f})", "n": len(part)})
words.show(pd.DataFrame(rows))

# %% [markdown]
# ## Is the information still there?
#
# A block may spoil the readout and leave the information. After each ablation a ridge decoder is fitted to the states (one matrix for all steps, as $W_{hy}$ is; its penalty chosen on other trials) and scored on a third set of trials, beside the readout of the network.

# %% mystnb={"figure": {"caption": "Score after each ablation with the network's own readout (filled) and with a decoder refitted to the ablated network (open): mean over networks.", "name": "fig-decoders"}, "image": {"alt": "Four panels, one a task. On the copy task the refitted decoder replays almost without error after every ablation; on the other tasks it recovers a part of what is lost."}} tags=["hide-input"]
decoded = measured("subspace_decoders", activity.decoders, specs, nets, on=[{"n_trials": n_trials, "seed": seed} for seed in (1, 2, 0)])
figures.decoder_scores(decoded)
plt.show()

# %% tags=["remove-cell"]
error = decoded[["fixed", "refitted"]].where(decoded.metric == "fvu", 1 - decoded[["fixed", "refitted"]])
error = decoded[[*NETWORK, "removed"]].join(error)
full = error[error.removed == ""].set_index(NETWORK)[["fixed", "refitted"]].add_suffix("_full")
lost = error[error.removed != ""].join(full, on=NETWORK)
lost = lost.assign(fixed_loss=lost.fixed - lost.fixed_full, refitted_loss=lost.refitted - lost.refitted_full)
lost = lost[lost.fixed_loss >= 0.01]
recovered = 1 - lost.refitted_loss / lost.fixed_loss
for task in TASKS:
    glue(f"recovered_{task}", median_of(recovered[lost.task == task]), display=False)

# %% [markdown]
# Of the error that an ablation adds (where it adds 0.01 or more), the refitted decoder takes back, as a median, {glue:text}`recovered_copy:.3f` on the copy task, {glue:text}`recovered_flip_flop:.2f` on the flip-flop, {glue:text}`recovered_sine_generation:.2f` on sine generation and {glue:text}`recovered_context_integration:.2f` in context integration. The rest is gone from the states, or no longer in a linear code that one matrix can read at all steps.

# %% [markdown]
# ## Answer

# %% tags=["remove-cell"]
needs_activity = off_effect <= 0.1 and on_effect >= 0.8
activity_suffices = r2.unseen["activity + task"] >= r2.unseen["block × task"] and unlike <= 0.1 * len(rotated)
facts = (
    f"the half of a block off the activity holds {off_mass:.2f} of its squared mass and has {off_effect:.3f} of its effect; "
    f"in networks left out of the fit, activity-weighted mass and task explain {r2.unseen['activity + task']:.2f} of the variance of the ranked effects, "
    f"the name of the block and task {r2.unseen['block × task']:.2f}; "
    f"and changes that read the same and write elsewhere are clearly unlike the block in {unlike} of {len(rotated)} cases"
)
if needs_activity and activity_suffices:
    answer = f"Subspace: {facts}."
elif needs_activity:
    answer = f"Both: a block acts through the activity, but how much it then matters depends on its role; {facts}."
elif not off_effect <= 0.1:
    answer = f"Not the subspace alone: what a block does off the leading activity counts; {facts}."
else:
    answer = f"The two accounts cannot be told apart on these networks: {facts}."
answer = answer.replace("-0.", "−0.")
glue("answer", answer, display=False)

# %% [markdown]
# {glue:text}`answer`
