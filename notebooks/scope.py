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
# {glue:text}`answer:s`
#
# {cite:t}`drager2026` studies the end of training, in tanh networks of 56 to 72 units. When does the profile of the blocks arise, how far does it reach to other sizes and cells, and does the closest peer, the operative dimensions of {cite:t}`krause2022`, see the same structure?

# %% tags=["parameters"]
networks = "reference"   # "reference": shipped in data/; "trained": the store, training what is missing
profile = "paper"        # "paper": the paper's setting; "quick": tiny, to exercise the code only

# %%
import matplotlib.pyplot as plt

from schur_lib.schur import COUPLINGS
from study import cache, catalogue, cells
from study.answers import scope as answers
from study.cache import KEYS, measured, measured_models
from study.figures import scope as figures
from study.probes.cells import cell_profiles, effects_at_rest, points_at_rest
from study.probes.operative import operative_profile
from study.probes.profiles import profiles
from study.words import show, tell

quick = profile == "quick"
source = networks if quick else "reference"
n_trials = 16 if quick else 256
single = {"on": {"n_trials": n_trials}, "keys": (*KEYS, "steps"), "removed": [[name] for name in COUPLINGS]}

# %% [markdown]
# ## Along training
#
# The start is an orthogonal matrix, which is normal: all couplings are zero. {numref}`fig-course` follows the same networks (same seed, trained for fewer steps). The paper profile always uses the shipped networks here, because training them takes longer than all others together.

# %% mystnb={"figure": {"caption": "Effect of ablating a block (left) and its Schur mass (right) along training: median over networks, shaded from the lowest to the highest.", "name": "fig-course"}, "image": {"alt": "A row of two panels for each task. The masses rise from near zero with the training steps; the effects appear as the task is learnt."}}
course = [spec for *_, spec in catalogue.time_course(profile)]
along = measured("scope_time_course", profiles, course, catalogue.networks(course, source), **single)
figures.time_course(answers.harms(along))
plt.show()

# %%
show(answers.course(along), reading=answers.settles(along))

# %% [markdown]
# ## Hidden size
#
# Flip-flop networks trained by the paper's recipe, three a size (one of 512 units).

# %% mystnb={"figure": {"caption": "Effect of ablating a block on the flip-flop and its mass, against the hidden size: median and range over networks.", "name": "fig-sizes"}, "image": {"alt": "Two panels: change of the FVU and Schur mass of the three blocks against hidden sizes from 16 to 512."}}
chosen = catalogue.sizes(profile)
by_size = measured("scope_sizes", profiles, chosen, catalogue.networks(chosen, source), **single)
figures.sizes(by_size[by_size.removed != ""])
plt.show()

# %%
show(answers.sizes(by_size), reading=answers.worst_by_size(by_size))

# %% [markdown]
# On the copy task $s \cdot d = 64$ numbers have to be held. Below, at and above this capacity (dense orthogonal networks):

# %%
edge = [s for s in catalogue.specs("copy", profile, networks) if s.construction == "dense_orthogonal"]
edges = measured("scope_capacity", profiles, edge, catalogue.networks(edge, networks), **single)
show(answers.capacity(edges))

# %% [markdown]
# ## Other cells
#
# The flip-flop in cells that are not the paper's, trained by its recipe in plain PyTorch (64 units). Gated cells have a recurrent matrix for each gate. A leaky cell's linear part $(1 - a) I + a W$ has the Schur vectors of $W$, but orders them otherwise; it is cut in both orders ($a = 0.5$). The low-rank network has rank 3.

# %% mystnb={"figure": {"caption": "Effect of ablating a block of each recurrent matrix of other cells, one point for each network; linear below 0.01.", "name": "fig-cells"}, "image": {"alt": "Rows of points for ReLU, biases, leaky in two orders, low rank, and the gates of GRU and LSTM; blocks in three colours."}}
models = cells.models(quick)
of_cells = measured_models("scope_cells", cell_profiles, models, n_trials=n_trials)
figures.cells(of_cells[of_cells.removed != ""])
plt.show()

# %%
show(answers.cells(of_cells), reading=answers.worst_of_cells(of_cells))

# %% [markdown]
# ## Gated cells at their fixed points
#
# The matrix of one gate is not what carries a gated cell's state on: all of them do, through the gates. Near a point $x^*$ that the cell leaves where it is without input, $x^* = F(x^*, 0)$, one matrix does: the Jacobian $J = \partial F/\partial x$ at $x^*$. Its ordered Schur form is that of the cell there. (The state $x$ is $h$ for tanh and GRU, $(h, c)$ for the LSTM. The points here are those where the cell comes to rest when it is left alone after held-out trials, brought to rounding by Newton's method, and $x = 0$ where it is one. What no trial comes to is left out, such as saddles between two memories: the usual search, least squares on the speed {cite:p}`golub2018`, finds some of them, but which ones depends on where it starts.)
#
# To see what a block of $J$ does, it is ablated in $J$ and the rest of $F$ is left alone: $x_{t+1} = F(x_t, u_t) + (\tilde J - J)(x_t - x^*)$, with the $x^*$ nearest to $x_t$. This is our choice. It leaves each of these points where it is and as stable as it was, since $\tilde J$ has the spectrum of $J$; it is exact to first order near the fixed points and an extrapolation elsewhere. Around $x^* = 0$ of the paper's tanh network the answer is known, $J = W_{hh}$: there it must show the blocks of $W_{hh}$.

# %% mystnb={"figure": {"caption": "Left: Schur mass of the blocks of the Jacobian at the fixed points, a point each. Right: effect of ablating a block around the nearest fixed point, or around the origin alone, one point for each network; ticks: the median of random changes of equal norm. Linear below 0.01.", "name": "fig-fixed-points"}, "image": {"alt": "Two panels of points for the tanh network, GRU and LSTM. Left the mass of each block at each fixed point, right what ablating it does, with ticks for random changes."}}
fewer, draws = (16, 3) if quick else (128, 50)
plain = [s for s in catalogue.specs("flip_flop", profile, networks) if s.seed < cells.SEEDS]
left_alone = [("tanh", s.seed, net) for s, net in zip(plain, catalogue.networks(plain, networks), strict=True)]
left_alone += [(kind, seed, model) for kind, seed, model in models if kind in cells.GATES]
points = measured_models("scope_fixed_points", points_at_rest, left_alone, n_trials=fewer)
effects = measured_models("scope_fixed_point_effects", effects_at_rest, left_alone, n_trials=fewer, draws=draws)
figures.fixed_points(points, effects)
plt.show()

# %% [markdown]
# Medians over points: spectral radius of $J$, dimensions of the leading sector, Henrici's departure over the norm of $J$, and for each block its Schur mass with its share of the squared departure in brackets. "Stable" counts points without an eigenvalue beyond the unit circle; away from 0 they are called memories here.

# %%
show(answers.points(points), reading=answers.at_rest(points, len(left_alone)))

# %%
show(answers.at_points(effects), reading=answers.gated_at_rest(points, effects))

# %% [markdown]
# ## Operative dimensions
#
# {cite:t}`krause2022` rank directions $d$ by how far the next state moves when they are taken away, at states $h$ of the task. From the *columns*, $(I - dd^\top)W_{hh}$, it moves by $|d^\top W_{hh} h|$: what the matrix writes. From the *rows*, $W_{hh}(I - dd^\top)$, it moves by $|d^\top h|\,\lVert W_{hh} d\rVert$: what it reads. The global dimensions put those of all states together, each times its effect. (Where they search numerically for the rows, `study.probes.operative` solves for them. Our choice: states are those of held-out trials, all for the columns, 128 for the rows; the state is the preactivation without the input.) {numref}`fig-operative` keeps the first $k$ alone, and ablates blocks except for their part on the first $k$.

# %% mystnb={"figure": {"caption": "Dashed: W with its first k operative dimensions alone. Lines: a block ablated except for its part that writes into the first k columns (top) or reads from the first k rows (bottom). Medians and range over networks; linear below 0.001.", "name": "fig-operative"}, "image": {"alt": "Two by two panels: columns and rows, sine generation and context integration. The error falls as the number of operative dimensions grows, sooner for columns than for rows when the first k stand alone, and sooner for rows than for columns when blocks keep their part on them."}}
specs = [s for s in catalogue.of_all_tasks(profile, networks) if s.task not in ("copy", "flip_flop")]
nets, on = catalogue.networks(specs, networks), {"n_trials": n_trials, "metric": "fvu"}
operatives = measured("scope_operative", operative_profile, specs, nets, on=on)
figures.operative(operatives)
plt.show()

# %%
aligned = answers.operative_blocks(operatives)
cache.save(aligned, "scope_operative_blocks")
show(answers.accounted(aligned), reading=answers.kept_alone(operatives, aligned))

# %% [markdown]
# ## Answer

# %%
tell(answers.answer(along, by_size, of_cells, points, effects, aligned), name="answer")
