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
# # Nonnormality
#
# {glue:text}`answer:s`
#
# The couplings are what makes $W$ nonnormal: without them its eigenvectors would be orthogonal, and its eigenvalues would say all. **How nonnormal are the trained networks, on paper and in the states they visit, and does a local expansion of the error foresee what ablating a coupling does?**

# %% tags=["parameters"]
networks = "reference"   # "reference": shipped in data/; "trained": the store, training what is missing
profile = "paper"        # "paper": the paper's setting; "quick": tiny, to exercise the code only

# %%
import matplotlib.pyplot as plt

from schur_lib import ordered_schur
from study import catalogue
from study.answers import nonnormality as answers
from study.cache import measured
from study.figures import nonnormality as figures
from study.probes import nonnormality
from study.words import show, tell

quick = profile == "quick"
specs = catalogue.of_all_tasks(profile, networks)
nets = catalogue.networks(specs, networks)
on = [{"n_trials": 2 if quick else n} for n in (6, 4)]  # of states, and of products along trials

# %% [markdown]
# Networks of all four tasks. $J = \mathrm{diag}(1 - h_t^2)\,W$ is the Jacobian of one step at a state $h_t$ that the network visits on held-out trials.
#
# ## Transient growth
#
# A normal matrix never amplifies by more than ρ a step: its curve is flat at 1. How far a curve rises above 1 is what eigenvalues do not tell.

# %% mystnb={"figure": {"caption": "Norm of the powers of W and of the Jacobian at single states, both without the growth ρᵏ of their eigenvalues, and of the product of Jacobians along a trial, with it: median over networks, shaded from lowest to highest.", "name": "fig-powers"}, "image": {"alt": "Four panels, one a task: the norm of powers of W and of the Jacobian, and of products of Jacobians along trials, against the number of steps. All curves start at one and rise in the first steps."}}
powers = measured("nonnormality_powers", nonnormality.measure_powers, specs, nets, on=on)
figures.powers(powers)
plt.show()

# %% [markdown]
# How far from normal: medians over networks (for $J$, of the median over states). *Henrici*: the departure from normality $\sqrt{\|W\|_F^2 - \sum|\lambda|^2}$ over $\|W\|_F$, and its parts: the three blocks, and *pairs*, the 2×2 blocks, which are nonnormal themselves where their off-diagonal entries differ in size. *Radius*: numerical radius over ρ. *Peak*: the largest $\|A^k\|/\rho^k$ for k up to 64. *Kreiss*: a lower bound of the Kreiss constant of $A/\rho$, which no sequence of powers stays below.

# %%
departure = measured("nonnormality_departure", nonnormality.measure_departure, specs, nets, on=on)
show(answers.growth(departure), reading=answers.where_it_grows(departure))

# %% [markdown]
# ## Pseudospectra
#
# The ε-pseudospectrum is where the eigenvalues can get by a change of norm ε. Around the eigenvalues of a normal matrix it is a disc of radius ε each.

# %% mystnb={"figure": {"caption": "Pseudospectra of W/ρ (left, with the eigenvalues) and of a Jacobian in mid-trial over its spectral radius (right), for the first network of each task. Dotted: the unit circle. Contours: ε = 0.01, 0.03, 0.1, 0.3.", "name": "fig-pseudospectra"}, "image": {"alt": "Pseudospectra of W and of a Jacobian for one network of each of the four tasks, as nested contours in the complex plane around the eigenvalues, with the unit circle."}}
firsts = [(spec, net) for spec, net in zip(specs, nets, strict=True) if spec.seed == 0]
spectra = measured(
    "nonnormality_pseudospectra", nonnormality.measure_pseudospectra, *zip(*firsts, strict=True),
    on={"n_trials": 6}, **({"step": 0.2} if quick else {}),
)
figures.pseudospectra(spectra, {spec.task: ordered_schur(net.W_hh) for spec, net in firsts})
plt.show()

# %% [markdown]
# ## Does a local expansion foresee an ablation?
#
# Let $D$ be the part of $W$ that a coupling or a block contributes, and $\mathrm{FVU}(W - sD)$ the error when a share $s$ of it is gone. Its first and second derivative at $s = 0$ predict the error at $s = 1$; the ablation gives it exactly. The error is the FVU for every task, since replay accuracy has no derivative.
#
# Near-equal moduli make single entries of $T$ unstable ([coordinates](coordinates.ipynb)). So the unit is the coupling between two diagonal blocks, and a coupling is shown only if its $D$ moves by less than 10 % (our choice) under each of five changes of $W$ by 10⁻³ of its norm. Of a block's stable couplings up to ten are drawn, at evenly spaced ranks of their size.

# %% mystnb={"figure": {"caption": "Change of the FVU by ablating a coupling (above) or a block (below): predicted to first (left) and second order (right) against exact. Stable couplings only; on the grey line the prediction is right. Scales are linear around 0, logarithmic beyond.", "name": "fig-sensitivity"}, "image": {"alt": "Four scatter plots of predicted against exact change of the FVU. Above, single couplings: the first order scatters, the second order lies near the diagonal. Below, whole blocks: the first order is far too small, the second order far from the diagonal for the largest effects."}}
sensitivity = measured(
    "nonnormality_sensitivity", nonnormality.measure_sensitivity, specs, nets,
    on={"n_trials": 8 if quick else 64, "metric": "fvu", "exact": True},
    **({"per_block": 2, "draws": 2} if quick else {}),
)
figures.sensitivity(sensitivity)
plt.show()

# %% [markdown]
# Shares of stable couplings and entries, mean over networks in which the block is not empty; the number of couplings shown; and for the whole block the exact change of the FVU and its two predictions, medians over networks:

# %%
show(answers.predictions(sensitivity), reading=answers.foreseen(sensitivity))

# %% [markdown]
# ## Answer

# %%
tell(answers.answer(departure, sensitivity), name="answer")
