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
# # How many symmetries?
#
# The paper speaks of symmetries of recurrent weight space that a task leaves, and measures three blocks. How many such directions are there, how do the blocks lie among them, and what remains of a block's effect once they are used up?

# %% tags=["parameters"]
networks = "reference"   # "reference": shipped in data/; "trained": the store, training what is missing
profile = "paper"        # "paper": the paper's setting; "quick": tiny, to exercise the code only

# %%
import matplotlib.pyplot as plt

from study import catalogue
from study.answers import symmetries as answers
from study.cache import measured
from study.figures import style
from study.figures.symmetries import cost_spectrum, paths
from study.probes.smallest import equals
from study.probes.symmetries import finite, symmetries
from study.words import show, tell

quick = profile == "quick"
n_trials, iterations = (2, 2) if quick else (48, 30)
specs = [s for s in catalogue.of_all_tasks(profile, networks) if s.seed < (1 if quick else 10)]
sizes = [s for s in catalogue.sizes(profile) if s.seed == 0 and s.hidden_size in (16, 32, 128)]
nets = catalogue.networks(specs, networks)
size_nets = catalogue.networks(sizes, networks if quick else "reference")
neuro = [(s, n) for s, n in zip(specs, nets, strict=True) if s.task != "copy" and s.seed < 5]
copies = [(s, n) for s, n in zip(specs, nets, strict=True) if s.task == "copy" and s.seed < 2]
firsts = [(s, n) for s, n in neuro if s.seed == 0]
on = {"n_trials": n_trials, "metric": "fvu", "exact": True}
fit = [on | {"n_trials": 4 if quick else 96, "seed": 1}, {"n_trials": 32 if quick else 512}]

# %%
found = measured("symmetries", symmetries, specs, nets, on=on)
equal = answers.together(
    measured("symmetries_equals", equals, *zip(*neuro, strict=True), on=fit, iterations=iterations),
    measured(
        "symmetries_equals_copy", equals, *zip(*copies, strict=True),
        on=fit, iterations=iterations // 2, linear=True,
    ),
)
tell(answers.answer(found, equal), "answer")

# %% mystnb={"figure": {"caption": "What a change of the recurrent weights by 10 % of their norm costs, to first order, along each of the orthogonal directions that the task tells apart, in order; one line for each network. Triangles at the right edge: along the three blocks, scaled to the same size. Dotted: the cost up to which a direction is called free.", "name": "fig-cost-spectrum"}, "image": {"alt": "Four panels on logarithmic axes. In each the cost falls from above 1 to 0.00001 within some hundred directions, on the copy task within some two thousand. The triangles of the blocks are high up among the costly directions."}}
figure = cost_spectrum(found)
plt.show()

# %% tags=["nbval-ignore-output"]
style.quote(figure, "spectrum", "What directions of weight space cost on each task.")

# %% [markdown]
# ## Counting
#
# Let $J$ be the derivative of all scored outputs by the $N_h^2$ entries of $W$. A small change $\delta W$ moves the outputs by $J \operatorname{vec} \delta W$, with
#
# $$e_t = D_t\,(W e_{t-1} + \delta W\, h_{t-1}), \qquad \delta y_t = W_{hy}\, e_t, \qquad \Delta\mathrm{FVU} \approx \operatorname{vec}(\delta W)^\top G \operatorname{vec}(\delta W), \quad G = \frac{E[J^\top J]}{E\lVert y - \bar y \rVert^2}.$$
#
# The eigenvectors of $G$ are orthogonal directions of weight space, and its eigenvalues what they cost. Up to 96 units $J$ is written out by adjoints, a row a step, output and trial (on the copy task random mixtures of them); above, $G$ would have more than $10^8$ entries, and Lanczos finds the 200 dearest directions from products with $J$ and $J^\top$. Medians over networks of the number of directions along which a change of 10 % of $\lVert W \rVert_F$ costs more than a given ΔFVU:

# %%
of_sizes = measured("symmetries_sizes", symmetries, sizes, size_nets, on=on)
show(answers.counts(answers.together(found, of_sizes)), reading=answers.of_rank(found))

# %% [markdown]
# ```{admonition} Proposition 7 (what an exact symmetry of a linear network is)
# Let a linear network $h_t = W h_{t-1} + W_{xh} x_t$, $y_t = W_{hy} h_t$ be minimal: the input reaches all states, and the readout sees all of them. The matrices $W'$ that give the same outputs with the same $W_{xh}$ and $W_{hy}$ are exactly $S W S^{-1}$ with $S W_{xh} = W_{xh}$ and $W_{hy} S = W_{hy}$, no two $S$ give the same $W'$, and they form a manifold of $(N_h - \operatorname{rank} W_{xh})(N_h - \operatorname{rank} W_{hy})$ dimensions. $W$ is unique only if one of the two maps has rank $N_h$. On trials that show all lags, $G$ has therefore rank $N_h^2 - (N_h - \operatorname{rank} W_{xh})(N_h - \operatorname{rank} W_{hy})$.
#
# *Proof.* $W'$ with the same response is minimal too, because minimality is the rank of the Hankel matrix of the response. Two minimal realisations are similar by exactly one $S$, which maps $W^m W_{xh}$ to $W'^m W_{xh}$; $m = 0$ says $S W_{xh} = W_{xh}$, and $W_{hy} = W_{hy} S$ holds by the same similarity. Conversely these $S$ keep $W_{hy} W^m W_{xh}$. With $S = I + X$ the conditions are linear, $X W_{xh} = 0$ and $W_{hy} X = 0$. If $X = 0$ is the only solution, $W' = W$; that is so if and only if one of the ranks is $N_h$. The derivative of the outputs vanishes along $\delta W$ if and only if $\sum_{p+q=m-1} W_{hy} W^p\, \delta W\, W^q W_{xh} = 0$ for all $m$, which says that $\left(\begin{smallmatrix} W & \delta W \\ 0 & W \end{smallmatrix}\right)$ with the maps $\left(\begin{smallmatrix} 0 \\ W_{xh} \end{smallmatrix}\right)$ and $(W_{hy}, 0)$ has no response; its reachable states then lie in the graph of some $X$ with $\delta W = X W - W X$, $X W_{xh} = 0$, and unobservability gives $W_{hy} X = 0$. If $X W = W X$ and $X W_{xh} = 0$, then $X W^m W_{xh} = 0$ for all $m$ and $X = 0$: the dimensions are those of the $X$. ∎
# ```
#
# This is proposition 6 of [the predictor's chapter](predictor.ipynb) with its converse. Given input and readout alone, the recurrent weights of a linear network are thus *not* determined by what it computes, as one might think from the theorem that minimal realisations are similar. What fixes them further is an activation that does not commute with $S$.
#
# ## Where the blocks lie
#
# In Schur coordinates every entry of $T$ is a direction, so that each block is a place with so many dimensions. *Free* are those that cost at most 0.001 at 10 % of $\lVert W \rVert$. Beside the place stands what training has put there. A random change of weights is the null: it has the mean share of the whole space, and its mean cost is its squared norm times $\operatorname{tr} G / N_h^2$. *Off the activity* is $W (I - P_V)$ with 99.99 % of the activity in $V$.

# %%
show(answers.places(found), reading=answers.of_places(found))

# %% [markdown]
# First order is not the whole. What do random changes of a finite size do, anywhere and within the free space? The space bends: it has to be followed, not extrapolated.

# %%
others = on | {"n_trials": 32 if quick else 512, "seed": 2}
changes = measured("symmetries_finite", finite, *zip(*firsts, strict=True), on=[on, others])
show(answers.of_finite(changes))

# %% [markdown]
# ## Followed to its end: the smallest network that does the task as well
#
# With $W_{xh}$ and $W_{hy}$ fixed, $\mathrm{FVU}(W) + \mu\,\lVert W \rVert^2 / \lVert W_0 \rVert^2$ with $\mu = 0.001$ is minimised from the trained $W_0$, by damped Gauss–Newton steps whose systems are solved by conjugate gradients with products with $J$ and $J^\top$. The copy networks are followed without their tanh, as the linear networks that they nearly are; all ablations are run on networks with it, on other trials than those that are fitted. Harm of an ablation is the loss of accuracy (copy) or ΔFVU.

# %% mystnb={"figure": {"caption": "The harm of each block on the way to the smallest network, against what is left of the squared norm of the recurrent weights; a dot where the way was stopped, a line style a network.", "name": "fig-smallest"}, "image": {"alt": "Four panels, one a task."}}
paths(equal)
plt.show()

# %%
show(answers.ends(equal), reading=answers.of_ends(equal))

# %% [markdown]
# A linear copy network has an end that is known. By [proposition 2](predictor.ipynb) a perfect replay takes 64 dimensions, on which the eigenvalues are the eighth roots of unity, eight times each: the minimal realisation. A constructed copy network with idle dimensions comes to exactly that, with no coupling left (it is among the tests of the project); balanced truncation {cite:p}`moore1981` would find the same dimensions, but changes $W_{xh}$ and $W_{hy}$ with them.
#
# ## Three ways of being equal
#
# Two networks can have *the same function exactly*, the same function *within ε* (the paper's stabiliser), or do *the task as well*. The smallest and the largest harm met in each of these sets say what an ablation tells of the task, and what of one solution. They were looked for along two ways, the one above and one that keeps the outputs themselves, and among random similarities of proposition 7. *The same function* means here: to $10^{-6}$ of the variance, of the copy networks without their tanh; a network with tanh has no exact symmetries that are known but signs and permutations, which no ablation notices, so that its column holds the networks themselves. The copy networks are called as good without their tanh too.

# %%
show(answers.side_by_side(equal))
tell(answers.of_bounds(equal), "spans")

# %% [markdown]
# ## Beside other methods
#
# $G$ is the Gauss–Newton part of the Hessian of the squared error, and up to the scale of the noise the Fisher information of a network whose outputs carry Gaussian noise. That most of its eigenvalues are nearly zero has been found in many networks {cite:p}`sagun2017`; the loss's own Hessian adds the second derivative of the outputs times the error, which is small where the task is done well. New is what is read from it here: where the blocks of an ordered Schur form lie in it, and where its null space leads.
#
# Balanced truncation {cite:p}`moore1981` orders the *states* of a linear network by how well they are reached and seen, $G$ orders *changes of weights*: the first needs two Gramians of size $N_h$, the second one of size $N_h^2$, and it holds with tanh and on the trials of the task. Parameter decomposition looks for components of the weights that add up to them, of which few are needed on any one input and each is simple: by attribution {cite:p}`braun2025`, or by causal masks that are drawn at random {cite:p}`bushnaq2025`. A direction that is free here would be inactive on every input there. The eigenvectors of $G$ are means over inputs and orthogonal, and so are no mechanisms; a decomposition of these networks was not run.
#
# ## What is left open
#
# The ways were followed in few networks, those of the copy task not to their end, with one $\mu$, and a first order that is taken on the task alone: off the task [the predictor's chapter](predictor.ipynb) follows single candidates. The bounds are those that were met: that an interval is narrow proves nothing, that it is wide does.
