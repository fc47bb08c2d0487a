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
# # Bring your own network
#
# Nothing in the method asks where a network comes from. Name the parameter that holds the recurrent matrix, give data, and every removal of this book is done to it: other matrices are swapped in (`torch.func.functional_call`), everything else stays as it is. Here on two models in plain PyTorch that use nothing of this library to learn: an `nn.RNN` with biases on noisy input, and an `nn.GRU`.

# %% tags=["parameters"]
networks = "reference"   # "reference": the networks shipped in data/; "trained": the store, training what is missing
profile = "paper"        # "paper": the paper's setting; "quick": tiny, to exercise the code only

# %% tags=["hide-input"]
import matplotlib.pyplot as plt
import pandas as pd
import torch
from myst_nb import glue
from safetensors.torch import load_file
from torch import nn

from report import figures
from report.measure import NULLS, with_nulls
from schur_lib import evaluation, over_networks, profile_of, stabilisers
from schur_lib.stability import allowed_harm
from study import cache, folders, words
from study.figures.style import without
from study.probes.nulls import matched_nulls

# %% [markdown]
# ## Somebody else's code
#
# Two numbers come one after the other on a noisy line, with a pause between and after; at a cue the network has to say their difference, or, as a classifier, which was larger.


# %%
class Model(nn.Module):
    def __init__(self, layer, n_outputs):
        super().__init__()
        self.core, self.readout = layer(2, 48), nn.Linear(48, n_outputs)

    def forward(self, x):
        return self.readout(self.core(x)[0])


def trials(n, generator):
    first, second = 2 * torch.rand(2, n, generator=generator) - 1
    x = torch.zeros(20, n, 2)  # steps, trials, inputs: the noisy line and the cue
    x[0:3, :, 0], x[10:13, :, 0], x[15:, :, 1] = first, second, 1.0
    x[..., 0] += 0.1 * torch.randn(20, n, generator=generator)
    return x, first - second


def fit(model, loss, seed, steps):
    generator, optimiser = torch.Generator().manual_seed(seed), torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(steps):
        x, difference = trials(64, generator)
        optimiser.zero_grad()
        loss(model(x)[15:], difference).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
    return model


def squared_error(y, difference):
    return (y[..., 0] - difference).square().mean()


def which_is_larger(y, difference):
    return nn.functional.cross_entropy(y[-1], (difference > 0).long())


# %% tags=["hide-input"]
steps = 400 if profile == "paper" else 20
n_seeds = 3 if profile == "paper" else 1


def model_of(layer, n_outputs, loss, seed):
    """A trained model: from its shipped weights, or trained here."""
    torch.manual_seed(seed)
    model = Model(layer, n_outputs)
    if networks == "trained":
        return fit(model, loss, seed, steps)
    weights = load_file(folders.DATA / "own_network" / f"{layer.__name__.lower()}-seed{seed}.safetensors")
    model.load_state_dict(weights)
    return model


rnns = [model_of(nn.RNN, 1, squared_error, seed) for seed in range(n_seeds)]
gru = model_of(nn.GRU, 2, which_is_larger, 0)
n_trials = 512 if profile == "paper" else 32
inputs, difference = trials(n_trials, torch.Generator().manual_seed(1000))
glue("n_seeds", n_seeds, display=False)
glue("n_trials", n_trials, display=False)
glue("steps", steps, display=False)

# %% [markdown]
# Each is trained for {glue:text}`steps` steps, which takes seconds. Training ends elsewhere on another type of processor, so this page shows {glue:text}`n_seeds` networks (one GRU) whose weights lie in `data/own_network`, trained by the code above with the seeds 0, 1, …; with `networks = "trained"` the page trains them itself.
#
# ## Two lines
#
# `evaluation` takes the model, the parameter's name, inputs (steps, trials, inputs) and targets; if these have fewer steps than the outputs, the last ones count. `profile_of` removes the eight sets of blocks.

# %%
held_out = evaluation(rnns[0], "core.weight_hh_l0", inputs, difference.expand(5, n_trials)[..., None], metric="fvu")
table = profile_of(held_out)

# %% mystnb={"markdown_format": "myst"} tags=["hide-input"]
rows = [
    {
        "removed": without(row.removed),
        "Schur mass": f"{row.mass:.3f}",
        "FVU": f"{row.score:.3f}",
        "change": words.signed(row.delta),
        "95 % over trials": f"{row.low:.3f} to {row.high:.3f}" if row.removed else "–",
    }
    for row in table.itertuples()
]
words.show(pd.DataFrame(rows))
single = table[table.removed.isin(["RR", "CR", "CC"])].set_index("removed")
worst = single.delta.idxmax()
glue("score", float(table.score[0]), display=False)
glue("n_leading", int(table.n_leading[0]), display=False)
glue("worst", worst, display=False)
glue("worst_delta", float(single.delta[worst]), display=False)
glue("worst_mass", float(single.mass[worst]), display=False)
glue("largest", single.mass.idxmax(), display=False)
glue("largest_delta", float(single.delta[single.mass.idxmax()]), display=False)
glue("largest_mass", float(single.mass.max()), display=False)
glue("path", "fast" if held_out.network is not None else "general", display=False)

# %% [markdown]
# The whole network leaves {glue:text}`score:.3f` of the variance unexplained; its leading sector holds {glue:text}`n_leading` of 48 dimensions. Most depends on {glue:text}`worst`, which holds {glue:text}`worst_mass:.2f` of the Schur mass: without it the FVU rises by {glue:text}`worst_delta:.3f`. The block of the largest mass ({glue:text}`largest`, {glue:text}`largest_mass:.2f`) costs {glue:text}`largest_delta:.3f`. Intervals are over {glue:text}`n_trials` trials of this one network, paired.
#
# A model of one plain tanh or ReLU layer and a linear readout is recognised and runs through the fused rollout of this library, after a check that it gives the same outputs; all other models run as they are. This one took the {glue:text}`path` path.
#
# ## Is it the size?
#
# The same controls as for the paper's networks work on an evaluation. Beside each removal, random changes of the same norm:

# %% mystnb={"figure": {"caption": "Harm of each removed set in the RNN (dots, 95 % over trials), beside the middle 90 % and the median of random changes of the same norm (bars). Dotted: 5 % more error.", "name": "fig-own-profile"}, "image": {"alt": "Harm of removing each of seven sets of coupling blocks from a recurrent network trained by plain PyTorch code, beside bars for random changes of the same norm."}} tags=["hide-input"]
nulls = matched_nulls(held_out, draws=100 if profile == "paper" else 5, kinds=NULLS)
beside = with_nulls(table, nulls)
figure = figures.profile(beside, allowed_harm(held_out))
plt.show()

# %% mystnb={"markdown_format": "myst"} tags=["hide-input"]
rows = []
for row in beside[beside.removed.isin(single.index)].itertuples():
    effect = row.isotropic_effect
    verdict = "–" if pd.isna(effect) else "milder than its size" if effect > 0.9 else "harsher than its size" if effect < -0.9 else "as its size"
    median, p = ("–", "–") if pd.isna(effect) else (f"{row.isotropic_median:.3f}", f"{row.isotropic_p:.3f}")
    rows.append({"removed": without(row.removed), "harm": f"{row.delta:.3f}", "isotropic nulls, median": median, "p (as mild)": p, "verdict": verdict})
words.show(pd.DataFrame(rows))

# %% [markdown]
# ## Several networks
#
# A claim about networks needs several. `over_networks` takes their profiles and gives intervals with the network as the unit.

# %%
profiles = [profile_of(evaluation(rnn, "core.weight_hh_l0", inputs, difference.expand(5, n_trials)[..., None])) for rnn in rnns]
pooled = over_networks(profiles)

# %% mystnb={"markdown_format": "myst"} tags=["hide-input"]
rows = [
    {
        "removed": without(row.removed),
        "Schur mass": f"{row.mass:.3f}",
        "FVU": f"{row.score:.3f}",
        "change": words.signed(row.delta),
        "95 % over networks": f"{row.low:.3f} to {row.high:.3f}" if row.removed and row.low == row.low else "–",
        "n": row.n_networks,
    }
    for row in pooled.itertuples()
]
words.show(pd.DataFrame(rows))
worst_of_each = [p[p.removed.isin(single.index)].set_index("removed").delta.idxmax() for p in profiles]
agree = worst_of_each.count(worst)
glue("agree", agree, display=False)

# %% [markdown]
# In {glue:text}`agree` of {glue:text}`n_seeds` networks {glue:text}`worst` is the block that matters most.
#
# ## A GRU, gate by gate
#
# A GRU stacks three recurrent matrices in one parameter; `gate` names one of them. Each has its own Schur form and its own blocks. Nothing but that gate's matrix is changed. The metric is the cross-entropy of the last step.

# %%
larger = (difference > 0).long()
gates = {
    gate: profile_of(evaluation(gru, "core.weight_hh_l0", inputs, larger, metric="cross_entropy", gate=gate))
    for gate in ("reset", "update", "new")
}

# %% mystnb={"figure": {"caption": "Change of the cross-entropy of the GRU when a block of one gate's recurrent matrix is removed; lines are 95 % intervals over trials.", "name": "fig-own-gru"}, "image": {"alt": "Three groups of bars, one for each gate of a GRU: change of the cross-entropy without RR, CR and CC of that gate's recurrent matrix, with intervals over trials."}} tags=["hide-input"]
gru_table = pd.concat([part.assign(gate=gate) for gate, part in gates.items()], ignore_index=True)
figure = figures.gates(gru_table)
plt.show()

# %% tags=["hide-input"]
accuracy = evaluation(gru, "core.weight_hh_l0", inputs, larger, metric="accuracy", gate="new")
glue("gru_accuracy", float(accuracy.scores([accuracy.W_hh])[0]), display=False)
glue("gru_loss", float(gates["new"].score[0]), display=False)
blocks = gru_table[gru_table.removed.isin(["RR", "CR", "CC"])]
most = blocks.loc[blocks.delta.idxmax()]
clear = blocks[(blocks.low > 0) & (blocks.mass > 1e-5)]
glue("gru_most", f"{most.removed} of the {most.gate} gate", display=False)
glue("gru_most_delta", float(most.delta), display=False)
glue("gru_clear", ", ".join(f"{row.removed} ({row.gate})" for row in clear.itertuples()) or "none", display=False)
glue("gru_filled", int((blocks.mass > 1e-5).sum()), display=False)

# %% [markdown]
# The GRU is right in {glue:text}`gru_accuracy:.3f` of the trials, its cross-entropy is {glue:text}`gru_loss:.3f` nats. The largest change, {glue:text}`gru_most_delta:.3f`, comes from {glue:text}`gru_most`. Of the {glue:text}`gru_filled` blocks that hold anything, those whose removal does harm beyond the interval over trials: {glue:text}`gru_clear`.
#
# ## What can go at once
#
# How much of the couplings can be removed together, within 5 % more error? `stabilisers` tries all sets of blocks, and searches greedily among the groups of couplings between two eigenvalue blocks. It chooses on one half of the trials and checks on the other.

# %%
half = n_trials // 2
target = difference.expand(5, n_trials)[..., None]
chosen_on = evaluation(rnns[0], "core.weight_hh_l0", inputs[:, :half], target[:, :half])
checked_on = evaluation(rnns[0], "core.weight_hh_l0", inputs[:, half:], target[:, half:])
found = stabilisers(chosen_on, checked_on, kinds=("blocks", "groups"))

# %% mystnb={"markdown_format": "myst"} tags=["hide-input"]
rows = [
    {
        "searched": row.kind,
        "removed": (row.removed or "none") if row.kind == "blocks" else f"{row.share:.0%} of the couplings",
        "Schur mass": f"{row.mass:.3f}",
        "harm (allowed)": f"{words.signed(row.harm, 4)} ({row.allowed:.4f})",
        "on other trials": f"{words.signed(row.held_out_harm, 4)} ({row.held_out_allowed:.4f})",
        "verdict": "holds" if row.holds else "does not hold",
    }
    for row in found.itertuples()
]
words.show(pd.DataFrame(rows))

# %% tags=["remove-cell"]
columns = ["model", "seed", "gate", "removed", "mass", "score", "delta", "low", "high", "n_leading", "alpha", "metric", "n_trials"]
saved = [p.assign(model="rnn", seed=seed, gate="") for seed, p in enumerate(profiles)]
cache.save(pd.concat([*saved, gru_table.assign(model="gru", seed=0)], ignore_index=True)[columns], "own_network")

# %% [markdown]
# ## One command
#
# Weights and data in files are enough for a plain network. This writes one HTML page with all of the above and more (the cut, dose and response, halves on and off the activity, nonnormality), which opens offline:
#
# ```console
# $ python3 run.py report --weights data/own_network/rnn-seed0.safetensors --data data/own_network/trials.npz
# ```
#
# The weights may be any safetensors file or `state_dict` of an `nn.RNN` or `nn.RNNCell` with a linear readout; other names are given with `--parameter`. The data are an `.npz` with `inputs` (steps, trials, inputs) and `targets`, or a CSV table with the columns `trial`, `step`, `input…` and `target…`. What does not fit is said before anything runs.
#
# ## Other models
#
# | Model | `parameter` | `gate` |
# |:--|:--|:--|
# | `nn.RNN`, layer k | `"rnn.weight_hh_lk"` | |
# | `nn.GRU` | `"rnn.weight_hh_l0"` | `"reset"`, `"update"` or `"new"` |
# | `nn.LSTM` | `"rnn.weight_hh_l0"` | `"input"`, `"forget"`, `"cell"` or `"output"` |
# | `nn.RNNCell` in a loop of your own | `"cell.weight_hh"` | |
# | a rate network, or any module of your own | the name of its matrix | |
# | several matrices stacked in one of your own | its name | the number of the part, or a slice of rows |
#
# `forward=lambda model, x: …` says how to run a model that takes or returns something else; `metric` may be a function of outputs and targets; `batch_first=True` is for trials that come first. Noise and dropout within a model are the same for every matrix, since each run starts from the same seed. [The reference](../api.md) lists all of it.
