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
# # Points raised
#
# Four questions that a reader of {cite:t}`drager2026` may put to the paper: how exactly are the modes ordered and split; how much do networks differ where one value is printed; how little is "little loss"; and what would refute the claims. Each is answered with the networks of this book; the answers stand at the end.

# %% tags=["parameters"]
networks = "reference"   # "reference": shipped in data/; "trained": the store, training what is missing
profile = "paper"        # "paper": the paper's setting; "quick": tiny, to exercise the code only

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from schur_lib import ordered_schur
from schur_lib.schur import COUPLINGS
from study import cache, catalogue, claims
from study.answers import points_raised as answers
from study.cache import measured
from study.figures import style
from study.probes.profiles import profiles
from study.words import show, tell

copy, main = catalogue.specs("copy", profile, networks), catalogue.figure_1(profile, networks)
others = catalogue.figure_2(profile, networks)
copy_nets, main_nets, other_nets = (catalogue.networks(specs, networks) for specs in (copy, main, others))
trials = {"n_trials": 64} if profile == "quick" else {}
copies = measured("points_copy", profiles, copy, copy_nets, on=trials)
table_1 = measured("table_1", profiles, main, main_nets, alphas=(0.85, 0.9, 0.95), removed=[["CC"], ["CR"]])
figure_1 = measured("figure_1", profiles, main, main_nets)
sets = [*([name] for name in COUPLINGS), COUPLINGS]
figure_2 = measured("figure_2", profiles, others, other_nets, removed=sets)

singles = pd.concat([figure_1[figure_1.construction == catalogue.FIGURE_1[0][0]], figure_2], ignore_index=True)
singles = singles[singles.removed.isin(["", *COUPLINGS])]

# %% [markdown]
# ## How are the modes ordered?
#
# The real Schur form of a matrix is not unique, and LAPACK does not order it. The paper asks for blocks of nonincreasing eigenvalue modulus, and no more. The rules below are enough to repeat the ablation; what the paper leaves open is marked *our choice*.
#
# 1. **Form.** $W_{hh}$ is read in double precision, and $W_{hh} = Q T Q^\top$ is taken from LAPACK `dgees` (`scipy.linalg.schur` with `output="real"`), unsorted. On the diagonal of $T$ stand 1×1 blocks, the real eigenvalues, and 2×2 blocks with equal diagonal entries $a$ and off-diagonal entries $b$, $c$ of opposite sign, the complex pairs $a \pm i\sqrt{-bc}$.
# 2. **Modulus.** Of a 1×1 block, that of its entry; of a 2×2 block $\sqrt{a^2 - bc}$, the root of its determinant. A pair moves as one and is never cut.
# 3. **Sorting.** Insertion sort from the top: each block moves up past every block of smaller modulus, by orthogonal swaps of neighbours (LAPACK `dtrexc`), which update $Q$. After a swap that changed the block structure the blocks are read again, because a 2×2 block may split into two real ones. Two blocks that LAPACK finds too close to swap are swapped a second way, by which the form has to exist to rounding; where it does not, they stay where they are, and a warning says so.
# 4. **Ties** (our choice). Moduli that differ by no more than 100 machine epsilons times the spectral radius $\rho$ count as tied, and the blocks stay in LAPACK's order.
# 5. **Split.** The leading sector ends with the last block whose modulus is at least $\alpha\rho$; a modulus within $10^{-10}\rho$ below that still belongs (our choice). $n_R$ counts dimensions: a pair counts two.
# 6. **Couplings.** What stands strictly above the diagonal blocks, and nothing else: both off-diagonal entries of a 2×2 block belong to the spectrum. $T_{RR}$ has rows and columns in the leading sector, $T_{CC}$ in the complement; $T_{CR}$ (in the paper $T_{C \to R}$) has rows in the leading sector and columns in the complement.
#
# Signs of columns of $Q$, and rotations within a pair, remain free. They change entries of $T$, but neither the norm of a block nor what its ablation does.
#
# A worked example, four modes: a real one of modulus 0.5, a pair of modulus $\sqrt{0.8}$, and a real one of modulus 1, split at $\alpha = 0.85$.

# %%
T = np.array([[0.5, 0.3, -0.2, 0.7], [0.0, 0.4, 0.8, 0.1], [0.0, -0.8, 0.4, 0.6], [0.0, 0.0, 0.0, -1.0]])
basis, _ = np.linalg.qr(np.vander([1.0, 2.0, 3.0, 4.0]))
W = basis @ T @ basis.T
form = ordered_schur(W)
show(answers.ordering(W, form))

# %% [markdown]
# Where the couplings of the sorted form stand (λ: diagonal blocks; ·: zero). The complement holds a single mode, so that $T_{CC}$ is empty.

# %%
show(answers.places(form, 0.85), reading=answers.example(W, form, 0.85))

# %% [markdown]
# ## How much do networks differ?
#
# Table 1 of the paper prints one value for each entry, without spread. Ours at the same thresholds, over all networks of that kind: mean with its 95 % $t$ interval over networks, standard deviation, lowest and highest network. An entry that is the same in every network has an interval of width 0.

# %%
show(answers.spread(table_1))

# %% [markdown]
# ## How little is "little loss"?
#
# The paper calls a set of couplings an ε-stabiliser if ablating it changes the behaviour by no more than ε, and gives no ε. Here ε is a relative increase of the task's error $e$, which is the FVU, or 1 − replay accuracy:
#
# $$\frac{e_\text{ablated} - e_\text{intact}}{\max(e_\text{intact},\; 0.01\, e_\text{chance})} \le \varepsilon, \qquad \varepsilon = 5\,\% \text{ by default.}$$
#
# The floor is our choice: a network that makes nearly no error would otherwise fail for a single wrong bit. $e_\text{chance}$ is the error of a network that knows nothing, 1 for the FVU and 0.5 for the replay. A block without Schur mass is left out, because ablating it is no change.

# %% mystnb={"figure": {"caption": "Share of the networks of a task in which a block can be ablated, against the relative increase of the error that is still called little. The dotted line marks the default, 5 %. Copy: dense orthogonal networks of 72 units.", "name": "fig-epsilon"}, "image": {"alt": "Four panels, one a task, of the share of networks against the allowed increase of the error from 1 to 1,000 percent on a logarithmic axis, one line for each of the blocks RR, CR and CC."}}
shares = answers.shares(singles, np.geomspace(0.01, 10, 61))
cache.save(shares, "points_epsilon")
style.within_epsilon(shares, claims.EPSILON)
plt.show()

# %% [markdown]
# How many networks can do without each block at several ε, with the floor, and at 5 % without it. A dash: no network has such a block.

# %%
show(answers.counts(singles))

# %% [markdown]
# Claim 8, that no single block is uniformly safe, depends on ε through its first two parts. What each part comes to, and the verdict, at several ε:

# %%
show(answers.claim_8(singles))

# %% [markdown]
# ## Which blocks can go, in which task?
#
# The set of blocks that a network can do without at ε = 5 %, and the number of networks with that set. If the sets were the same everywhere, claim 8 would be refuted.

# %%
show(answers.sets(singles), reading=answers.vacant(singles))

# %% [markdown]
# ## What would refute the claim about $T_{CC}$?
#
# Claim 1 is about one construction and one size. A network that solves the copy task and yet loses its replay when $T_{CC}$ goes would be a counterexample to any wider reading. All copy networks, of four constructions and three sizes, that replay with an accuracy of at least 0.99: how many lose more than 0.001 (the paper's agreement) and more than 0.01 when $T_{CC}$ is ablated alone, and how many lose more than 0.001 when it is ablated after others have been?

# %%
show(answers.counterexamples(copies))

# %% [markdown]
# ## The answers

# %%
tell(answers.answers(table_1, singles, copies))
