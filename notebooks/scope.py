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
# # Time course and scope
#
# {cite:t}`drager2026` studies the end of training, in tanh networks of 56 to 72 units. When does the profile of the blocks arise, how far does it reach to other sizes and cells, and does the closest peer, the operative dimensions of {cite:t}`krause2022`, see the same structure?

# %% tags=["parameters"]
networks = "reference"   # "reference": the networks shipped in data/; "trained": the store, training what is missing
profile = "paper"        # "paper": the paper's setting; "quick": tiny, to exercise the code only

# %% tags=["hide-input"]
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from myst_nb import glue

from schur_lib.schur import COUPLINGS
from schur_lib.subjects import on_task
from study import cache, catalogue, cells, words
from study.cache import KEYS, measured
from study.figures import scope as figures
from study.figures import style
from study.probes import fixed_points, operative
from study.probes.cells import leaky_profile
from study.probes.profiles import profiles
from study.statistics import NETWORK

quick = profile == "quick"
source = networks if quick else "reference"
trials = 16 if quick else 256
on = {"n_trials": trials}
blocks = [[name] for name in COUPLINGS]
course = [s for *_, s in catalogue.time_course(profile)]
along = measured("scope_time_course", profiles, course, catalogue.networks(course, source), on=on, keys=(*KEYS, "steps"), removed=blocks)

# %% [markdown]
# ## Along training
#
# The start is an orthogonal matrix, which is normal: all couplings are zero. {numref}`fig-course` follows the same networks (same seed, trained for fewer steps). The paper profile always uses the shipped networks here, because training them takes longer than all others together.

# %% mystnb={"figure": {"caption": "Effect of removing a block (left) and its Schur mass (right) along training: median over networks, shaded from the lowest to the highest.", "name": "fig-course"}, "image": {"alt": "A row of two panels for each task. The masses rise from near zero with the training steps; the effects appear as the task is learnt."}} tags=["hide-input"]
single = along[along.removed != ""]
single = single.assign(harm=single.delta.where(single.metric == "fvu", -single.delta))
figures.time_course(single)
plt.show()

# %% mystnb={"markdown_format": "myst"} tags=["hide-input"]
rows = []
for (task, steps), part in along.groupby(["task", "steps"], sort=False):
    row = {"task": style.NAMES[task], "steps": int(steps), "score": f"{part.score[part.removed == ''].median():.3f}"}
    rows.append(row | {f"Δ −{n}": words.signed(part.delta[part.removed == n].median()) for n in COUPLINGS})
words.show(pd.DataFrame(rows))

# %% tags=["remove-cell"]
worst = single.loc[single.groupby([*NETWORK, "steps"]).harm.idxmax()]
last = worst.steps == worst.groupby("task").steps.transform("max")
final = worst[last].set_index(NETWORK).removed
settled = worst[~last].join(final.rename("final"), on=NETWORK)
same = settled.removed == settled.final
late = settled.steps >= 0.2 * settled.task.map(worst.groupby("task").steps.max())
n_late, n_same = int(late.sum()), int((same & late).sum())
glue("n_late", n_late, display=False)
glue("n_same", n_same, display=False)
first_mass = float(single[single.steps == single.steps.min()].mass.max())
glue("first_mass", first_mass, display=False)

# %% [markdown]
# After one step no block holds more than {glue:text}`first_mass:.3f` of the mass. From a fifth of the training on, the block whose removal does most harm is already that of the end in {glue:text}`n_same` of {glue:text}`n_late` network and time pairs.
#
# ## Hidden size
#
# Flip-flop networks trained by the paper's recipe, three a size (one of 512 units).

# %% mystnb={"figure": {"caption": "Effect of removing a block on the flip-flop and its mass, against the hidden size: median and range over networks.", "name": "fig-sizes"}, "image": {"alt": "Two panels: change of the FVU and Schur mass of the three blocks against hidden sizes from 16 to 512."}} tags=["hide-input"]
chosen = catalogue.sizes(profile)
by_size = measured("scope_sizes", profiles, chosen, catalogue.networks(chosen, source), on=on, keys=(*KEYS, "steps"), removed=blocks)
figures.sizes(by_size[by_size.removed != ""])
plt.show()

# %% mystnb={"markdown_format": "myst"} tags=["hide-input"]
rows, order = [], {}
for size, part in by_size.groupby("hidden_size"):
    effects = {n: part.delta[part.removed == n].median() for n in COUPLINGS}
    order[size] = max(effects, key=effects.get)
    rows.append({"N_h": size, "n": part.seed.nunique(), "FVU": f"{part.score[part.removed == ''].median():.4f}", "n_R": f"{part.n_leading.median():.0f}"} | {f"Δ −{n}": words.signed(v) for n, v in effects.items()})
words.show(pd.DataFrame(rows))
glue("worst_by_size", ", ".join(f"{name} at {size}" for size, name in order.items()), display=False)

# %% [markdown]
# Median over networks, the most harmful removal is that of {glue:text}`worst_by_size`.
#
# On the copy task $s \cdot d = 64$ numbers have to be held. Below, at and above this capacity (dense orthogonal networks):

# %% mystnb={"markdown_format": "myst"} tags=["hide-input"]
edge = [s for s in catalogue.specs("copy", profile, networks) if s.construction == "dense_orthogonal"]
edges = measured("scope_capacity", profiles, edge, catalogue.networks(edge, networks), on=on, keys=(*KEYS, "steps"), removed=blocks)
rows = []
for size, part in edges.groupby("hidden_size"):
    row = {"N_h": size, "n": part.seed.nunique(), "accuracy": f"{part.score[part.removed == ''].mean():.3f}", "n_R": f"{part.n_leading.mean():.0f}"}
    rows.append(row | {f"Δ −{n}": words.signed(part.delta[part.removed == n].mean()) for n in COUPLINGS})
words.show(pd.DataFrame(rows))

# %% [markdown]
# ## Other cells
#
# The flip-flop in cells that are not the paper's, trained by its recipe in plain PyTorch (64 units). Gated cells have a recurrent matrix for each gate. A leaky cell's linear part $(1 - a) I + a W$ has the Schur vectors of $W$, but orders them otherwise; it is cut in both orders ($a = 0.5$). The low-rank network has rank 3.

# %% mystnb={"figure": {"caption": "Effect of removing a block of each recurrent matrix of other cells, a point a network; linear below 0.01.", "name": "fig-cells"}, "image": {"alt": "Rows of points for ReLU, biases, leaky in two orders, low rank, and the gates of GRU and LSTM; blocks in three colours."}} tags=["hide-input"]
models = [(k, 0, cells.train_one(k, 0, steps=3)) for k in cells.LAYERS] if quick else [(k, i, cells.load(k, i)) for k, i in cells.shipped()]
profile_tables = []
for k, i, model in models:
    for matrix, held_out in cells.evaluations(k, model, trials):
        profile_tables.append(profiles(held_out, removed=blocks).assign(cell=k, matrix=matrix, seed=i))
        if k == "leaky":
            profile_tables.append(leaky_profile(held_out, cells.LEAK).assign(cell=k, matrix="(1 − a) I + a W", seed=i))
table = pd.concat(profile_tables, ignore_index=True)[["cell", "matrix", "removed", "mass", "score", "delta", "n_leading", "seed"]]
cache.save(table, "scope_cells")
figures.cells(table[table.removed != ""])
plt.show()

# %% mystnb={"markdown_format": "myst"} tags=["hide-input"]
rows, most = [], []
for (cell, matrix), part in table.groupby(["cell", "matrix"], sort=False):
    effects = {n: part.delta[part.removed == n].median() for n in COUPLINGS}
    most.append(max(effects, key=effects.get))
    rows.append({"cell": cell, "matrix": matrix, "n": part.seed.nunique(), "FVU": f"{part.score[part.removed == ''].median():.4f}", "n_R": f"{part.n_leading.median():.0f}"} | {f"Δ −{n}": words.signed(v) for n, v in effects.items()})
words.show(pd.DataFrame(rows))
glue("n_matrices", len(most), display=False)
glue("most", ", ".join(f"{name} in {most.count(name)}" for name in COUPLINGS), display=False)

# %% [markdown]
# Of {glue:text}`n_matrices` cuts (the leaky cell in two orders) the most harmful block, as a median over networks, is {glue:text}`most`.
#
# ## Gated cells at their fixed points
#
# The matrix of one gate is not what carries a gated cell's state on: all of them do, through the gates. Near a point $x^*$ that the cell leaves where it is without input, $x^* = F(x^*, 0)$, one matrix does: the Jacobian $J = \partial F/\partial x$ at $x^*$. Its ordered Schur form is that of the cell there. (The state $x$ is $h$ for tanh and GRU, $(h, c)$ for the LSTM. The points here are those where the cell comes to rest when it is left alone after held-out trials, brought to rounding by Newton's method, and $x = 0$ where it is one. What no trial comes to is left out, such as saddles between two memories: the usual search, least squares on the speed {cite:p}`golub2018`, finds some of them, but which ones depends on where it starts.)
#
# To see what a block of $J$ does, it is deleted from $J$ and the rest of $F$ is left alone: $x_{t+1} = F(x_t, u_t) + (\tilde J - J)(x_t - x^*)$, with the $x^*$ nearest to $x_t$. This is our choice. It leaves each of these points where it is and as stable as it was, since $\tilde J$ has the spectrum of $J$; it is exact to first order near the fixed points and an extrapolation elsewhere. Around $x^* = 0$ of the paper's tanh network the answer is known, $J = W_{hh}$: there it must show the blocks of $W_{hh}$.

# %% mystnb={"figure": {"caption": "Left: Schur mass of the blocks of the Jacobian at the fixed points, a point each. Right: effect of deleting a block around the nearest fixed point, or around the origin alone, a point a network; ticks: the median of random changes of equal norm. Linear below 0.01.", "name": "fig-fixed-points"}, "image": {"alt": "Two panels of points for the tanh network, GRU and LSTM. At the memories of the gated cells CC holds most of the norm and RR next to nothing; deleting CC there does less than random changes of its norm. At the origin of the tanh network CR does more than CC."}} tags=["hide-input"]
ours = [s for s in catalogue.specs("flip_flop", profile, networks) if s.seed < cells.SEEDS]
n_trials, draws = (16, 3) if quick else (128, 50)
at_rest = [("tanh", s.seed, on_task(n, s.make_task(), n_trials)) for s, n in zip(ours, catalogue.networks(ours, networks), strict=True)]
at_rest += [(k, i, next(cells.evaluations(k, m, n_trials))[1]) for k, i, m in models if k in cells.GATES]
tables = [[part.assign(cell=k, seed=i) for part in fixed_points.linearised(held_out, draws)] for k, i, held_out in at_rest]
points, changed = (pd.concat(part, ignore_index=True) for part in zip(*tables, strict=True))
cache.save(points, "scope_fixed_points")
cache.save(changed, "scope_fixed_point_effects")
figures.fixed_points(points, changed)
plt.show()

# %% mystnb={"markdown_format": "myst"} tags=["hide-input"]
rows = []
for (cell, point), part in points.groupby(["cell", "point"], sort=False):
    row = {"cell": cell, "point": point, "points": len(part), "stable": int((part.n_unstable == 0).sum()), "ρ(J)": f"{part.rho.median():.2f}", "n_R": f"{part.n_leading.median():.0f} of {part['size'].iloc[0]}", "Henrici": f"{part.henrici.median():.2f}"}
    rows.append(row | {n: f"{part[n].median():.3f} ({part[f'share_{n}'].median():.2f})" for n in COUPLINGS})
words.show(pd.DataFrame(rows))

# %% [markdown]
# Medians over points: spectral radius of $J$, dimensions of the leading sector, Henrici's departure over the norm of $J$, and for each block its Schur mass with its share of the squared departure in brackets. "Stable" counts points without an eigenvalue beyond the unit circle; away from 0 they are called memories here. ({glue:text}`n_marginal` points have an eigenvalue within 10⁻³ of the circle, where "stable" would say little.) After {glue:text}`settled` of the trials the cell comes to rest; the others have no part in the points.

# %% mystnb={"markdown_format": "myst"} tags=["hide-input"]
rows = []
for (cell, case, removed), part in changed.groupby(["cell", "points", "removed"], sort=False):
    rows.append({"cell": cell, "changed around": "the origin" if case == "origin" else "the nearest point", "block": removed, "ΔFVU": words.signed(part.delta.median()), "random change": words.signed(part.null_median.median()), "milder than random": f"{int((part.p <= 0.05).sum())} of {len(part)}", "deleted from W": "–" if part.from_W.isna().all() else words.signed(part.from_W.median())})
words.show(pd.DataFrame(rows))

# %% tags=["remove-cell"]
memories = points[(points.point != "origin") & points.cell.isin(cells.GATES)]
gated = changed[(changed.points == "nearest") & changed.cell.isin(cells.GATES)]
def median_at(part, column):
    return float(part[column].median()) if len(part) else float("nan")


n_gated = sum(k in cells.GATES for k, *_ in at_rest)
largest = gated.loc[gated.groupby(["cell", "seed"]).delta.idxmax()] if len(gated) else gated
harmful = ", ".join(f"{n} in {int((largest.removed == n).sum())}" for n in COUPLINGS)
milder = gated[gated.removed == "CC"].p <= 0.05
rest = changed[(changed.points == "origin") & (changed.cell == "tanh")]
order_kept = sum(list(part.sort_values("delta").removed) == list(part.sort_values("from_W").removed) for _, part in rest.groupby("seed"))
glue("n_marginal", int((points.point == "marginal").sum()), display=False)
glue("settled", f"{points.reached.sum() / len(at_rest):.1%}".replace(".0%", "%").replace("%", " %"), display=False)
glue("n_memories", len(memories), display=False)
glue("n_stable", int((memories.n_unstable == 0).sum()), display=False)
glue("n_gated", n_gated, display=False)
held = memories.groupby(["cell", "seed"])[["bit_1", "bit_2", "bit_3"]]
glue("n_eight", sum(len(bits) == 8 == len(bits[bits.abs().all(axis=1)].drop_duplicates()) for _, bits in held), display=False)
glue("memory_n_R", median_at(memories, "n_leading"), display=False)
glue("memory_CC", median_at(memories, "share_CC"), display=False)
glue("harmful", harmful, display=False)
glue("n_milder", int(milder.sum()), display=False)
glue("n_CC", len(milder), display=False)
glue("order_kept", order_kept, display=False)
glue("n_rest", rest.seed.nunique(), display=False)
glue("rest_ratio", float((rest.delta / rest.from_W)[rest.from_W >= 0.01].median()) if (rest.from_W >= 0.01).any() else float("nan"), display=False)

# %% [markdown]
# The {glue:text}`n_gated` gated networks rest at {glue:text}`n_memories` fixed points away from 0, of which {glue:text}`n_stable` are stable; {glue:text}`n_eight` networks have exactly eight, one for each state of the three bits. The leading sector there has {glue:text}`memory_n_R:.0f` dimensions in the median, and $T_{CC}$ holds {glue:text}`memory_CC:.2f` of the squared departure from normality. Of the three blocks the one whose deletion does most harm is {glue:text}`harmful` networks, and in {glue:text}`n_milder` of {glue:text}`n_CC` networks deleting $T_{CC}$ is milder than nearly all random changes of its norm ($p \le 0.05$).
#
# The check: around the origin of the tanh network the blocks are those of $W_{hh}$, and their harms have the order of those of the paper's deletion in {glue:text}`order_kept` of {glue:text}`n_rest` networks. Their size differs ({glue:text}`rest_ratio:.1f` times, as a median), because the change acts outside the tanh, which would have bounded it. So these effects rank blocks; they are no measure of what retouched weights would do.
#
# ## Operative dimensions
#
# {cite:t}`krause2022` rank directions $d$ by how far the next state moves when they are taken away, at states $h$ of the task. From the *columns*, $(I - dd^\top)W_{hh}$, it moves by $|d^\top W_{hh} h|$: what the matrix writes. From the *rows*, $W_{hh}(I - dd^\top)$, it moves by $|d^\top h|\,\lVert W_{hh} d\rVert$: what it reads. The global dimensions put those of all states together, each times its effect. (Where they search numerically for the rows, `study.probes.operative` solves for them. Our choice: states are those of held-out trials, all for the columns, 128 for the rows; the state is the preactivation without the input.) {numref}`fig-operative` keeps the first $k$ alone, and removes blocks except for their part on the first $k$.

# %% mystnb={"figure": {"caption": "Dashed: W with its first k operative dimensions alone. Lines: a block removed except for its part that writes into the first k columns (top) or reads from the first k rows (bottom). Medians and range over networks; linear below 0.001.", "name": "fig-operative"}, "image": {"alt": "Two by two panels: columns and rows, sine generation and context integration. The error falls as the number of operative dimensions grows, sooner for columns than for rows when the first k stand alone, and sooner for rows than for columns when blocks keep their part on them."}} tags=["hide-input"]
specs = [s for task in ("sine_generation", "context_integration") for s in catalogue.specs(task, profile, networks)]
operatives = measured("scope_operative", operative.operative_profile, specs, catalogue.networks(specs, networks), on={"n_trials": trials, "metric": "fvu"})
figures.operative(operatives)
plt.show()

# %% mystnb={"markdown_format": "myst"} tags=["hide-input"]
rows, needed = [], {}
for (task, side), part in operatives.groupby(["task", "side"], sort=False):
    alone = part[part.removed == ""].groupby("k").delta.median()
    needed[task, side] = int(min([k for k in alone.index if (alone[alone.index >= k] <= 0.01).all()], default=alone.index.max()))
    for name in COUPLINGS:
        at = part[(part.removed == name) & (part.k == needed[task, side])]
        ratio = (at.delta / at.whole)[at.whole >= 0.01]
        if len(at):
            rows.append({"task": task, "side": side, "k": needed[task, side], "block": name, "overlap": at.overlap.median(), "whole": at.whole.median(), "left": ratio.median() if len(ratio) else np.nan, "n": len(at)})
aligned = pd.DataFrame(rows, columns=["task", "side", "k", "block", "overlap", "whole", "left", "n"])
cache.save(aligned, "scope_operative_blocks")
words.show(pd.DataFrame([{"task": style.NAMES[r.task], "side": r.side, "k": r.k, "block": r.block, "overlap above chance": words.signed(r.overlap, 2), "ΔFVU": words.signed(r.whole), "effect left": words.signed(r.left, 2), "n": r.n} for r in aligned.itertuples()]))

# %% tags=["remove-cell"]
for (task, side), k in needed.items():
    glue(f"needed_{task}_{side}", k, display=False)
left = aligned.dropna(subset=["left"]).groupby("side").left.median().reindex(operative.SIDES)
for side in operative.SIDES:
    glue(f"left_{side}", float(left[side]), display=False)

# %% [markdown]
# The first $k$ alone lose at most 0.01 of FVU from $k =$ {glue:text}`needed_sine_generation_columns` (columns) and {glue:text}`needed_sine_generation_rows` (rows) on sine generation, and from {glue:text}`needed_context_integration_columns` and {glue:text}`needed_context_integration_rows` in context integration (of the measured $k$, as a median over networks; 64 is the whole matrix). At that $k$ the overlap is the share of a block's squared mass in its part on the first $k$, above chance, and "effect left" is what a block's removal still does when that part is kept: {glue:text}`left_columns:.2f` of the effect for the columns and {glue:text}`left_rows:.2f` for the rows, as medians over blocks. (The more dimensions are kept, the less can be left: compare it with the overlap.)
#
# ## Answer

# %% tags=["remove-cell"]
same_size = len(set(order.values())) == 1
sizes_say = f"the most harmful block on the flip-flop is the same at all sizes ({next(iter(order.values()))})" if same_size else "the most harmful block on the flip-flop changes with the hidden size (" + ", ".join(f"{n} at {s}" for s, n in order.items()) + ")"
strays = [f"{r.block} in {style.NAMES[r.task]}, {r.side} ({r.left:.2f})" for r in aligned.itertuples() if r.left > 0.2]
agree = "account for" if len(aligned) and not strays else "only partly account for"
exceptions = f", more for {' and '.join(strays)}" if strays else ""
answer = (
    f"After one step no block holds more than {first_mass:.3f} of the mass, and from a fifth of the training on the most harmful block is that of the end in {n_same} of {n_late} cases; "
    f"{sizes_say}; in the {len(most)} cuts of other cells' recurrent matrices (the leaky one in two orders) it is " + ", ".join(f"{name} in {most.count(name)}" for name in COUPLINGS) + "; "
    f"at the {len(memories)} fixed points where GRU and LSTM come to rest the most harmful block of the Jacobian is {harmful} of {n_gated} networks; "
    f"the operative dimensions {agree} the blocks: with a block's part on the leading ones kept, {left['columns']:.2f} of its effect is left for the columns and {left['rows']:.2f} for the rows, as medians over blocks{exceptions}."
)
glue("answer", answer, display=False)

# %% [markdown]
# {glue:text}`answer`
