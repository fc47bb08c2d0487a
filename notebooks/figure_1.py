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
# # The paper's Figure 1: what is left of the replay
#
# {glue:text}`found:s`
#
# Two networks solve the [copy task](copy_task.ipynb) equally well: one whose recurrent weights started at an orthogonal matrix and were then free, and one that is normal by construction (Cayley). Which of their couplings does the replay need? Every one of the eight sets of coupling blocks is ablated, nothing is trained again, and the network replays. {cite:t}`drager2026` finds that $T_{CC}$ can go, whatever else has gone, and that $T_{CR}$ and $T_{RR}$ cannot.

# %% tags=["parameters"]
networks = "reference"   # "reference": shipped in data/; "trained": the store, training what is missing
profile = "paper"        # "paper": the paper's setting; "quick": tiny, to exercise the code only

# %%
import matplotlib.pyplot as plt

from schur_lib import ordered_schur
from study import catalogue, claims
from study.answers import figure_1 as answers
from study.cache import measured
from study.figures import style
from study.probes.profiles import profiles
from study.words import show, tell

specs = catalogue.figure_1(profile, networks)
nets = catalogue.networks(specs, networks)
table = measured("figure_1", profiles, specs, nets)

# %%
tell(answers.networks(table))

# %% [markdown]
# The paper does not say how many networks its numbers come from, nor how they were trained; ours follow the *ancestor recipe, not stated in the paper* ([how the networks are trained](copy_task.ipynb)).

# %% mystnb={"figure": {"caption": "Left: the ordered recurrent weights $T$ of one dense orthogonal network, its three blocks of couplings in their colours, the diagonal blocks in black; the fainter, the smaller, on a logarithmic scale from $10^{-3}$ to 1. Right: replay accuracy of the dense orthogonal networks, whole and without one block: single networks (small points), their mean (large points), and the paper's values (open diamonds).", "name": "fig-key"}, "image": {"alt": "Left, the ordered recurrent weights of a network: a large block RR, a narrow block CR at its right, a small block CC in the corner. Right, the replay accuracy of all networks, whole and without each block, beside the values of the paper."}}
form = ordered_schur(nets[[s.construction for s in specs].index("dense_orthogonal")].W_hh)
figure = style.key_figure(form, table[table.construction == "dense_orthogonal"], answers.published(table))
plt.show()

# %% tags=["nbval-ignore-output"]
alt = (
    "Left, the ordered recurrent weights of a network: a large block RR, a narrow block CR at its right, a small "
    "block CC in the corner. Right, the replay accuracy of all networks, whole and without each block, beside the "
    "values of the paper."
)
style.quote(figure, "key_figure", alt)  # on the first page

# %%
tell(answers.found(table), "found")

# %% mystnb={"figure": {"caption": "Replay accuracy of the eight ablations: single networks (small points), their mean (large points), and the paper's values (open diamonds; for Cayley it says that nothing changes). Grey segments join sets that differ by $T_{CC}$ only: where they are vertical, $T_{CC}$ does nothing.", "name": "fig-1"}, "image": {"alt": "Two panels of replay accuracy for the eight ablated sets of blocks. Left, dense orthogonal: ablating RR or CR lowers the accuracy, ablating CC as well moves it little. Right, Cayley: all points at one. Open diamonds mark the values of the paper."}}
style.figure_1(table, answers.drawn(table))
plt.show()

# %% [markdown]
# ## Beside the paper
#
# Dense orthogonal: the published value, ours as mean ± standard deviation over networks, the lowest and the highest network, and the difference of our mean from the paper.

# %%
show(answers.beside_paper(table), reading=answers.two_values())

# %%
tell(answers.differs(table), "differs")

# %% [markdown]
# The training recipe is ours to answer for here: the paper does not state its own, and the weights go on changing after the accuracy has reached 1 ([learning curves](copy_task.ipynb)).
#
# ## What ablating $T_{CC}$ adds
#
# Four pairs of sets differ by $T_{CC}$ only: the grey segments of {numref}`fig-1`. For each, the change of the accuracy when $T_{CC}$ is ablated too.

# %%
show(answers.added(table))

# %% [markdown]
# ## Signs and squares
#
# The replay accuracy counts signs. The same outputs by the fraction of variance unexplained:

# %%
by_fvu = measured("figure_1_fvu", profiles, specs, nets, on={"metric": "fvu"}, removed=[["RR"], ["CR"], ["CC"]])
show(answers.two_measures(table, by_fvu), reading=answers.of_two_measures(by_fvu))

# %% [markdown]
# ## The paper's claims
#
# Each claim has a few parts, and each part *holds*, is *refuted* or stays *undecided* by its interval over networks ([how a claim is judged](paper_versus_here.ipynb)).

# %%
show(claims.as_text(answers.judged(table)), reading=answers.verdicts(table))

# %% [markdown]
# [Paper versus here](paper_versus_here.ipynb) judges all nine claims in this way.
