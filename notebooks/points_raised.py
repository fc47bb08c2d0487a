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
networks = "reference"   # "reference": the networks shipped in data/; "trained": the store, training what is missing
profile = "paper"        # "paper": the paper's setting; "quick": tiny, to exercise the code only

# %% tags=["hide-input"]
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from myst_nb import glue
from scipy.linalg import schur

from schur_lib import ordered_schur
from schur_lib.initialisations import CONSTRUCTIONS
from schur_lib.schur import COUPLINGS
from study import cache, catalogue, claims, paper, words
from study.cache import measured
from study.figures import style
from study.probes.profiles import profiles
from study.statistics import interval

copy = catalogue.specs("copy", profile, networks)
main = [spec for spec in copy if (spec.construction, spec.hidden_size) in catalogue.FIGURE_1]
others = [spec for task in list(catalogue.TASKS)[1:] for spec in catalogue.specs(task, profile, networks)]
trials = {"n_trials": 64} if profile == "quick" else {}
copies = measured("points_copy", profiles, copy, catalogue.networks(copy, networks), on=trials)
table_1 = measured("table_1", profiles, main, catalogue.networks(main, networks), alphas=(0.85, 0.9, 0.95), removed=[["CC"], ["CR"]])
figure_2 = measured("figure_2", profiles, others, catalogue.networks(others, networks), removed=[[name] for name in COUPLINGS])
construction, hidden_size = catalogue.FIGURE_1[0]
of_main = (copies.construction == construction) & (copies.hidden_size == hidden_size)
singles = pd.concat([copies[of_main & copies.removed.isin(["", *COUPLINGS])], figure_2], ignore_index=True)

# %% [markdown]
# ## How are the modes ordered?
#
# The real Schur form of a matrix is not unique, and LAPACK does not order it. The paper asks for blocks of nonincreasing eigenvalue modulus, and no more. The rules below are enough to repeat the ablation; what the paper leaves open is marked *our choice*.
#
# 1. **Form.** $W_{hh}$ is read in double precision, and $W_{hh} = Q T Q^\top$ is taken from LAPACK `dgees` (`scipy.linalg.schur` with `output="real"`), unsorted. On the diagonal of $T$ stand 1×1 blocks, the real eigenvalues, and 2×2 blocks with equal diagonal entries $a$ and off-diagonal entries $b$, $c$ of opposite sign, the complex pairs $a \pm i\sqrt{-bc}$.
# 2. **Modulus.** Of a 1×1 block, that of its entry; of a 2×2 block $\sqrt{a^2 - bc}$, the root of its determinant. A pair moves as one and is never cut.
# 3. **Sorting.** Insertion sort from the top: each block moves up past every block of smaller modulus, by orthogonal swaps of neighbours (LAPACK `dtrexc`), which update $Q$. After a swap that changed the block structure the blocks are read again, because a 2×2 block may split into two real ones. Two blocks that LAPACK finds too close to swap stay where they are, and a warning says so.
# 4. **Ties** (our choice). Moduli that differ by no more than 100 machine epsilons times the spectral radius $\rho$ count as tied, and the blocks stay in LAPACK's order.
# 5. **Split.** The leading sector ends with the last block whose modulus is at least $\alpha\rho$; a modulus within $10^{-10}\rho$ below that still belongs (our choice). $n_R$ counts dimensions: a pair counts two.
# 6. **Couplings.** What stands strictly above the diagonal blocks, and nothing else: both off-diagonal entries of a 2×2 block belong to the spectrum. $T_{RR}$ has rows and columns in the leading sector, $T_{CC}$ in the complement; $T_{CR}$ (in the paper $T_{C \to R}$) has rows in the leading sector and columns in the complement.
#
# Signs of columns of $Q$, and rotations within a pair, remain free. They change entries of $T$, but neither the norm of a block nor what its deletion does.
#
# A worked example, four modes: a real one of modulus 0.5, a pair of modulus $\sqrt{0.8}$, and a real one of modulus 1, split at $\alpha = 0.85$.

# %%
T = np.array([[0.5, 0.3, -0.2, 0.7], [0.0, 0.4, 0.8, 0.1], [0.0, -0.8, 0.4, 0.6], [0.0, 0.0, 0.0, -1.0]])
basis, _ = np.linalg.qr(np.vander([1.0, 2.0, 3.0, 4.0]))
W = basis @ T @ basis.T
form = ordered_schur(W)
n_R, masks = form.n_leading(0.85), form.couplings(0.85)

# %% mystnb={"markdown_format": "myst"} tags=["hide-input"]
def moduli(T):
    found, i = [], 0
    while i < len(T):
        size = 2 if i + 1 < len(T) and T[i + 1, i] != 0 else 1
        found += [abs(np.linalg.det(T[i : i + size, i : i + size])) ** (1 / size)] * size
        i += size
    return [f"{modulus:.3f}" for modulus in found]


steps = {"as LAPACK returns it": moduli(schur(W, output="real")[0]), "after the sorting": moduli(form.T)}
columns = [f"modulus {i + 1}" for i in range(4)]
words.show(pd.DataFrame([[name, *values] for name, values in steps.items()], columns=["form", *columns]))

# %% [markdown]
# Where the couplings of the sorted form stand (λ: diagonal blocks; ·: zero):

# %% mystnb={"markdown_format": "myst"} tags=["hide-input"]
letters = np.full((4, 4), "·", dtype=object)
letters[np.abs(np.subtract.outer(range(4), range(4))) < 2] = "λ"
letters[np.tril(form.T, -1).T != 0] = "λ"
letters[np.tril(np.ones((4, 4)), -1).astype(bool) & (form.T == 0)] = "·"
for name, mask in masks.items():
    letters[mask] = name
rows = [[f"{i + 1} ({'R' if i < n_R else 'C'})", *letters[i]] for i in range(4)]
words.show(pd.DataFrame(rows, columns=["row"] + [f"{j + 1} ({'R' if j < n_R else 'C'})" for j in range(4)]))
glue("n_R_example", n_R, display=False)
for name in COUPLINGS:
    glue(f"mass_{name}", form.removed_mass({name}, 0.85), display=False)
drift = max(float(np.abs(np.sort_complex(np.linalg.eigvals(form.ablate({name}, 0.85))) - np.sort_complex(np.linalg.eigvals(W))).max()) for name in COUPLINGS)
glue("drift", words.power_above(drift), display=False)

# %% [markdown]
# $n_R$ = {glue:text}`n_R_example`; the removed Schur masses are {glue:text}`mass_RR:.4f` for $T_{RR}$, {glue:text}`mass_CR:.4f` for $T_{CR}$ and {glue:text}`mass_CC:.4f` for $T_{CC}$, whose sector holds a single mode. Deleting any of them moves no eigenvalue by more than {glue:text}`drift`.

# %% [markdown]
# ## How much do networks differ?
#
# Table 1 of the paper prints one value for each entry, without spread. Ours at the same thresholds, over all networks of that kind: mean with its 95 % bootstrap interval over networks, standard deviation, lowest and highest network. An entry that is the same in every network has an interval of width 0.

# %% mystnb={"markdown_format": "myst"} tags=["hide-input"]
compared = paper.beside_paper(table_1, "Table 1")
rows = []
for row in compared.itertuples():
    part = table_1[(table_1.construction == row.construction) & (table_1.alpha == row.alpha) & (table_1.removed == row.removed)]
    digits = 1 if row.quantity == "n_R" else 3
    low, high = interval(np.mean, part[paper.COLUMNS[row.quantity]])
    rows.append(
        {
            "network": style.NAMES[row.construction],
            "α": f"{row.alpha:.2f}",
            "entry": "n_R" if row.quantity == "n_R" else style.without(row.removed),
            "paper": f"{row.paper:g}",
            "mean": f"{row.mean:.{digits}f}",
            "95 % interval": "–" if np.isnan(low) else f"{low:.{digits}f} to {high:.{digits}f}",
            "SD": "–" if row.n < 2 else f"{row.sd:.{digits}f}",
            "lowest": f"{row.min:.{digits}f}",
            "highest": f"{row.max:.{digits}f}",
            "n": row.n,
        }
    )
words.show(pd.DataFrame(rows))

# %% tags=["remove-cell"]
widest = compared[(compared.quantity == "replay_accuracy") & (compared.alpha == 0.9) & (compared.removed == "CR") & (compared.construction == "dense_orthogonal")].iloc[0]
glue("CR_low", float(widest["min"]), display=False)
glue("CR_high", float(widest["max"]), display=False)
glue("CR_mean", float(widest["mean"]), display=False)
glue("CR_paper", float(widest.paper), display=False)
glue("n_main", int(widest.n), display=False)

# %% [markdown]
# ## How little is "little loss"?
#
# The paper calls a set of couplings an ε-stabiliser if deleting it changes the behaviour by no more than ε, and gives no ε. Here ε is a relative increase of the task's error $e$, which is the FVU, or 1 − replay accuracy:
#
# $$\frac{e_\text{ablated} - e_\text{full}}{\max(e_\text{full},\; 0.01\, e_\text{chance})} \le \varepsilon, \qquad \varepsilon = 5\,\% \text{ by default.}$$
#
# The floor is our choice: a network that makes nearly no error would otherwise fail for a single wrong bit. $e_\text{chance}$ is the error of a network that knows nothing, 1 for the FVU and 0.5 for the replay. A block without Schur mass is left out, because deleting it is no change.

# %% mystnb={"figure": {"caption": "Share of the networks of a task in which a block can be deleted, against the relative increase of the error that is still called little. The dotted line marks the default, 5 %. Copy: dense orthogonal networks of 72 units.", "name": "fig-epsilon"}, "image": {"alt": "Four panels, one a task, of the share of networks against the allowed increase of the error from 1 to 1,000 percent on a logarithmic axis, one line for each of the blocks RR, CR and CC."}} tags=["hide-input"]
increases = claims.increase(singles)
increases = increases[~increases.no_mass]
levels = np.geomspace(0.01, 10, 61)
shares = [
    (task, name, level, float((part.increase <= level).mean()))
    for (task, name), part in increases.groupby(["task", "removed"], sort=False)
    for level in levels
]
shares = pd.DataFrame(shares, columns=["task", "removed", "epsilon", "share"])
cache.save(shares, "points_epsilon")
style.within_epsilon(shares, claims.EPSILON)
plt.show()

# %% [markdown]
# How many networks can do without each block at several ε, with the floor, and at 5 % without it. A dash: no network has such a block.

# %% mystnb={"markdown_format": "myst"} tags=["hide-input"]
plain = claims.increase(singles, floor=0)
plain = plain[~plain.no_mass]
rows = []
for task in catalogue.TASKS:
    for name in COUPLINGS:
        part = increases[(increases.task == task) & (increases.removed == name)].increase
        strict = plain[(plain.task == task) & (plain.removed == name)].increase
        counts = {f"{100 * level:g} %": int((part <= level).sum()) if len(part) else "–" for level in (0.01, 0.05, 0.5, 1, 10)}
        rows.append({"task": style.NAMES[task], "deleted": f"−{name}", "networks": len(part), **counts, "5 %, no floor": int((strict <= 0.05).sum()) if len(part) else "–"})
words.show(pd.DataFrame(rows))

# %% [markdown]
# Claim 8, that no single block is uniformly safe, depends on ε through its first two tests. Its verdict at each ε:

# %% mystnb={"markdown_format": "myst"} tags=["hide-input"]
rows, verdicts = [], {}
for level in (0.01, 0.05, 0.5, 1.0, 10.0):
    claim = claims.claim_8(singles, level)
    verdicts[level] = claim.verdict
    held = sum(part.holds for part in claim.parts)
    rows.append({"ε": f"{100 * level:g} %", "tests that hold": f"{held} of {len(claim.parts)}", "verdict": claim.verdict})
words.show(pd.DataFrame(rows))
same = [level for level, verdict in verdicts.items() if verdict == verdicts[claims.EPSILON]]
glue("verdict_8", verdicts[claims.EPSILON], display=False)
glue("same_verdict", ", ".join(f"{100 * level:g} %" for level in same), display=False)

# %% [markdown]
# ## Which blocks can go, in which task?
#
# The set of blocks that a network can do without at ε = 5 %, and the number of networks with that set. If the sets were the same everywhere, claim 8 would be refuted.

# %% mystnb={"markdown_format": "myst"} tags=["hide-input"]
can_go = claims.dispensable(singles)
sets = can_go.apply(lambda row: ", ".join(name for name in COUPLINGS if row[name]) or "none", axis=1)
counts = sets.groupby("task", sort=False).value_counts(sort=True)
words.show(pd.DataFrame([(style.NAMES[task], found, int(n)) for (task, found), n in counts.items()], columns=["task", "blocks that can go", "networks"]))
usual = sets.groupby("task", sort=False).agg(lambda values: values.value_counts().index[0])
glue("same_sets", "the same" if usual.nunique() == 1 else "not the same", display=False)
glue("usual_sets", "; ".join(f"{style.NAMES[task]}: {found}" for task, found in usual.items()), display=False)
vacant = claims.increase(singles)
vacant = vacant[vacant.no_mass].groupby(["task", "removed"]).size()
glue("vacant", "; ".join(f"{name} in {n} networks of {style.NAMES[task]}" for (task, name), n in vacant.items()) or "none", display=False)

# %% [markdown]
# Blocks without any Schur mass, which are not counted: {glue:text}`vacant`.

# %% [markdown]
# ## What would refute the claim about $T_{CC}$?
#
# Claim 1 is about one construction and one size. A network that solves the copy task and yet loses its replay when $T_{CC}$ goes would be a counterexample to any wider reading. All copy networks, of four constructions and three sizes, that replay with an accuracy of at least 0.99: how many lose more than 0.001 (the paper's agreement) and more than 0.01 when $T_{CC}$ is deleted alone, and how many lose more than 0.001 when it is deleted after others have been?

# %% mystnb={"markdown_format": "myst"} tags=["hide-input"]
score = copies.pivot(index=["hidden_size", "construction", "seed"], columns="removed", values="score")
solved = score[score[""] >= 0.99]
alone = solved[""] - solved["CC"]
given = pd.concat([solved[a] - solved[b] for a, b in (("RR", "RR+CC"), ("CR", "CR+CC"), ("RR+CR", "RR+CR+CC"))], axis=1).max(axis=1)
rows = []
for size in catalogue.COPY_SIZES:
    for name in CONSTRUCTIONS:
        if (size, name) not in score.index.droplevel("seed"):
            continue
        trained = len(score.loc[(size, name)])
        chosen = (solved.index.get_level_values(0) == size) & (solved.index.get_level_values(1) == name)
        entries = [f"{alone[chosen].max():.4f}", int((alone[chosen] > 0.001).sum()), int((alone[chosen] > 0.01).sum()), int((given[chosen] > 0.001).sum())] if chosen.any() else ["–"] * 4
        rows.append([size, style.NAMES[name], trained, int(chosen.sum()), *entries])
columns = ["N_h", "start", "trained", "solve it", "largest loss", "lose > 0.001", "lose > 0.01", "> 0.001 given others"]
words.show(pd.DataFrame(rows, columns=columns))

# %% tags=["remove-cell"]
glue("n_copy", len(score), display=False)
glue("n_solved", len(solved), display=False)
glue("lose_little", int((alone > 0.001).sum()), display=False)
glue("lose_more", int((alone > 0.01).sum()), display=False)
glue("lose_given", int((given > 0.001).sum()), display=False)
glue("worst_alone", f"{alone.max():.4f}" if len(alone) else "–", display=False)
glue("worst_given", f"{given.max():.4f}" if len(given) else "–", display=False)

# %% [markdown]
# ## The answers
#
# * **The order.** Six rules, of which two settle what the paper leaves open (ties, and moduli at the threshold). They are those of `schur_lib.ordered_schur`.
# * **The spread.** Without $T_{CR}$ the paper prints {glue:text}`CR_paper:.3f`; {glue:text}`n_main` networks here run from {glue:text}`CR_low:.3f` to {glue:text}`CR_high:.3f`, with a mean of {glue:text}`CR_mean:.3f`.
# * **Little loss.** At ε = 5 % the usual sets of blocks that can go are: {glue:text}`usual_sets`. They are {glue:text}`same_sets` in all tasks. Claim 8 is {glue:text}`verdict_8`; the verdict is the same at ε = {glue:text}`same_verdict`.
# * **Refutation.** Of {glue:text}`n_copy` copy networks {glue:text}`n_solved` solve the task. When $T_{CC}$ goes alone, {glue:text}`lose_little` of these lose more than 0.001 of accuracy and {glue:text}`lose_more` more than 0.01; the largest loss is {glue:text}`worst_alone`. When other blocks have gone before, {glue:text}`lose_given` lose more than 0.001, and {glue:text}`worst_given` at most.
