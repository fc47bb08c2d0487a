# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% tags=["parameters"]
weights = ""             # weight file
data = ""                # data file
metric = "fvu"           # "fvu", "accuracy", "cross_entropy", "replay_accuracy"
alpha = 0.9              # splits the leading sector from its complement
activation = ""          # "tanh", "relu"; "": what the file says, else tanh
names = {}               # names of the tensors, by role
batch_first = False      # whether the arrays are (B, T, …)
tolerance = 0.05         # relative increase of the error that counts as harmless
table_file = ""          # where the table goes

# %%
import matplotlib.pyplot as plt
from IPython.display import Markdown, display

from report import diagnosis, figures
from report.diagnosis import sub, text
from report.formats import load_data, load_network
from schur_lib import evaluation, ordered_schur
from schur_lib.stability import ACCURACY_LOST, CAUTION, allowed_harm, stabilisers
from study.figures.style import without

net = load_network(weights, activation or None, names or None)
inputs, targets = load_data(data, metric, batch_first)
inputs, net_dtype = inputs.to(net.W_hh.dtype), net.W_hh.dtype
n_steps, n_trials, N = inputs.shape[0], inputs.shape[1], net.hidden_size


def on(trials):
    """The network on some of the trials."""
    y = targets[..., trials] if metric in ("accuracy", "cross_entropy") else targets[..., trials, :]
    return evaluation(net, "W_hh", inputs[:, trials].contiguous(), y, metric)


# Runs by the thousand see as many trials as keep the whole within a minute or two (about 60 Mflop a run).
n_few = max(2, min((n_trials + 1) // 2, max(16, int(6e7 / (2 * n_steps * N**2)))))
whole, few = on(slice(None)), on(slice(0, 2 * n_few, 2))
held_out = on(slice(1, None, 2))
form = ordered_schur(net.W_hh)
score = float(whole.scores([whole.W_hh])[0])
allowed = allowed_harm(whole, score, tolerance)
rho = float(abs(form.eigenvalues).max())
cut = form.cut_report(alpha)
kinds = ["blocks"] + ["groups"] * (N <= 128) + ["entries"] * (N <= 80)

# %%
table = diagnosis.profile_with_nulls(whole, few, alpha)
steady = diagnosis.steadiness(few, alpha)
dosed = diagnosis.doses(few, alpha)
halved = diagnosis.halves(few, alpha)
stable = stabilisers(few, held_out, tolerance, alpha=alpha, kinds=kinds)
normal = diagnosis.nonnormality(form.T)
table.to_csv(table_file, index=False, float_format="%.7g", na_rep="nan")

# %% tags=["show"]
display(Markdown("\n\n".join(diagnosis.findings(table, steady, halved, stable, normal, cut.gap, N))))


# %%
def show(rows, columns):
    lines = [columns, [":--"] + ["--:"] * (len(columns) - 1), *rows]
    display(Markdown("\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)))


# %% [markdown]
# ## What was run

# %% tags=["show"]
rate = {"tanh": "hyperbolic tangent", "relu": "rectifier"}[net.activation]
biases = ", ".join(name for name in ("b_h", "b_y", "h0") if getattr(net, name) is not None) or "none"
show(
    [
        ["hidden units, inputs, outputs", f"{N}, {net.n_inputs}, {net.n_outputs}"],
        ["activation", f"{rate} (`{net.activation}`)"],
        ["biases and initial state", biases],
        ["data", f"{n_trials} trials of {n_steps} steps"],
        ["scored steps", f"the last {targets.shape[0] if targets.ndim == (2 if metric in ('accuracy', 'cross_entropy') else 3) else 1}"],
        ["metric", f"`{metric}` ({diagnosis.NAMES[metric]})"],
        ["score of the whole network", text(score)],
        ["α", f"{alpha:g}"],
        ["trials for nulls, doses, halves and the search of stabilisers", f"{few.n_trials}"],
        ["trials for the check of stabilisers", f"{held_out.n_trials}"],
    ],
    ["What", "Value"],
)

# %% [markdown]
# ## Spectrum and cut
#
# W = Q T Qᵀ, an ordered real Schur form: the eigenvalues stand on the diagonal blocks of T in order of their modulus, the couplings above them. The leading sector R holds the eigenvalues of modulus at least αρ, ρ being the largest; the complement C holds the rest. The couplings fall into three blocks: T<sub>RR</sub>, T<sub>CC</sub> within the sectors, and T<sub>CR</sub>, which carries activity from C into R.

# %% tags=["show"] mystnb={"figure": {"caption": "Left: the eigenvalues, with the unit circle and the circle of radius αρ. Right: their moduli over ρ, in order, with the threshold α."}, "image": {"alt": "Eigenvalues of the recurrent matrix in the complex plane and their moduli in descending order, coloured by sector; a dashed line marks the cut between leading sector and complement."}}
figure = figures.spectrum(form, alpha)
plt.show()

# %% [markdown]
# ## Is the cut well posed?
#
# Where many moduli lie near αρ, a small change of W moves eigenvalues across the cut. Below, what changes of W of relative size 0.001 do: the range over 20 of them.

# %% tags=["show"]
show(
    [
        ["n<sub>R</sub>, dimensions of the leading sector", f"{form.n_leading(alpha)} of {N}"],
        ["n<sub>R</sub> under small changes of W", f"{steady.n_low.min()} to {steady.n_high.max()}"],
        ["spectral radius ρ", text(rho)],
        ["gap between the sectors, over ρ", text(cut.gap)],
        ["eigenvalues within 5 % of αρ", cut.n_near_cut],
        ["sep(T<sub>RR</sub>, T<sub>CC</sub>), LAPACK's estimate", text(cut.sep)],
        ["condition of the leading eigenvalues' mean, s", text(cut.s)],
    ],
    ["Cut", "Value"],
)
show(
    [
        [
            sub(row.removed), f"{row.mass:.4f}", f"{row.mass_low:.4f} to {row.mass_high:.4f}",
            text(row.harm), f"{text(row.harm_low)} to {text(row.harm_high)}",
        ]
        for row in steady.itertuples()
    ],
    ["Block", "Schur mass", "its range", "harm when removed", "its range"],
)

# %% [markdown]
# ## The profile of the eight subsets
#
# Each set of blocks is set to zero, nothing is trained again, and the network runs on the same trials. *Harm* is how much worse the score becomes. Beside each: random changes of W of the same norm, isotropic or Gaussian on the entries of the set. A removal that is milder than they are is mild because of what it removes, not because it is small.

# %% tags=["show"] mystnb={"figure": {"caption": "Harm of each removed set with its 95 % interval over trials (dots), and the middle 90 % of 100 random changes of the same norm with their median (bars). Dotted: the harm within the tolerance."}, "image": {"alt": "Harm of removing each of seven sets of coupling blocks, as dots with intervals, beside bars for random changes of the same norm. The table below holds the numbers."}}
figure = figures.profile(table, allowed)
plt.show()

# %% tags=["show"]
show(
    [
        [
            without(row.removed), f"{row.mass:.4f}", text(row.score),
            text(row.delta) if row.removed else "–",
            f"{text(row.low)} to {text(row.high)}" if row.removed and row.low == row.low else "–",
            text(row.sensitivity) if row.sensitivity == row.sensitivity else "–",
            text(row.isotropic_median) if row.isotropic_median == row.isotropic_median else "–",
            f"{row.isotropic_p:.3f}" if row.isotropic_p == row.isotropic_p else "–",
            text(row.same_entries_median) if row.same_entries_median == row.same_entries_median else "–",
            f"{row.same_entries_p:.3f}" if row.same_entries_p == row.same_entries_p else "–",
        ]
        for row in table.itertuples()
    ],
    ["Removed", "Schur mass", "score", "change", "95 % over trials", "change per mass", "harm, isotropic", "p", "harm, same entries", "p"],
)

# %% [markdown]
# p is the share of random changes at least as mild as the removal, counting the removal itself: small where the removal is milder than its size lets expect. All numbers are of one network; a claim about networks needs several.

# %% tags=["download"]
display(Markdown("table"))

# %% [markdown]
# ## Dose and response
#
# Each block is scaled by 1 − s: whole at s = 0, gone at s = 1, of the other sign at s = 2.

# %% tags=["show"] mystnb={"figure": {"caption": "Harm against dose, a line a block. Dotted: the harm within the tolerance."}, "image": {"alt": "Harm of scaling each coupling block by one minus s, for doses s from zero to two."}}
figure = figures.doses(dosed, metric, allowed)
plt.show()

# %% [markdown]
# ## Does the block matter, or only what reads the activity?
#
# A block acts on the hidden state only. Split by the subspace that carries 99 % of the activity on these data, one half of a block reads the activity, the other reads what the network hardly visits. If the second half alone does harm, or the first none, the activity's subspace is not the whole story.

# %% tags=["show"] mystnb={"figure": {"caption": "Harm of each block removed whole, of its part on the activity, and of the rest."}, "image": {"alt": "Bars of harm for each coupling block: removed whole, only where it reads the activity, and only elsewhere. The table below holds the numbers."}}
figure = figures.halves(halved, metric)
plt.show()

# %% tags=["show"]
parts = {"whole": "whole", "on": "on the activity", "off": "off the activity"}
show(
    [
        [f"{sub(row.removed)}, {parts[row.part]}", f"{row.mass:.4f}", f"{row.active_mass:.4f}", text(row.harm)]
        for row in halved.itertuples()
    ],
    ["Removed", "mass", "mass weighted by activity", "harm"],
)

# %% [markdown]
# ## What can go at once

# %% tags=["show"]
floor = f", but at least {ACCURACY_LOST:g}" if metric in ("accuracy", "replay_accuracy") else ""
display(Markdown(
    f"The largest sets of couplings that can be removed together within {tolerance:.0%} more error{floor}: blocks, all subsets tried; "
    "groups (all between two eigenvalue blocks of T) and single entries, by a greedy search that starts with the least harm per squared mass "
    f"and counts {CAUTION:g} standard errors over trials as harm. The sets are chosen on {few.n_trials} trials and checked on {held_out.n_trials} others. "
    "Single entries of T are defined only up to turns within sectors and move under small changes of W."
))

# %% tags=["show"]
show(
    [
        [
            {"blocks": "blocks: " + (row.removed or "none"), "groups": "groups", "entries": "single entries"}[row.kind],
            f"{row.n_RR} / {row.n_CR} / {row.n_CC}", f"{row.share:.0%}", f"{row.mass:.4f}",
            f"{text(row.harm)} of {text(row.allowed)}",
            f"{text(row.held_out_harm)} of {text(row.held_out_allowed)}",
            "holds" if row.holds else "does not hold",
        ]
        for row in stable.itertuples()
    ],
    ["Set", "entries of RR / CR / CC", "share", "Schur mass", "harm, of allowed", "on other trials, of allowed", "check"],
)
left = [kind for kind in ("groups", "entries") if kind not in kinds]
if left:
    display(Markdown(f"Not searched for at this size: {', '.join(left)}. `schur_lib.stability` does it on request."))

# %% [markdown]
# ## Nonnormality
#
# Couplings let activity grow for some steps before the spectrum decides. The norms of the powers of W, without the growth of its spectral radius, show by how much; a normal matrix stays at 1.

# %% tags=["show"] mystnb={"figure": {"caption": "Norm of the powers of W over those of its spectral radius."}, "image": {"alt": "Norm of the k-th power of the recurrent matrix over the k-th power of its spectral radius, against k."}}
figure = figures.growth(normal["growth"], normal["henrici"])
plt.show()

# %% tags=["show"]
show(
    [
        ["departure from normality (Henrici), over ‖W‖", f"{normal['henrici']:.4f}"],
        ["numerical radius over ρ", text(normal["numerical_radius"])],
        ["largest ‖Wᵏ‖ / ρᵏ", f"{text(normal['peak'])} at k = {normal['peak_at']}"],
    ],
    ["Measure", "Value"],
)
