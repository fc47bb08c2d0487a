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
# Nothing in the method asks where a network comes from. Name the parameter that holds the recurrent matrix, give data, and every ablation of this book is done to it: other matrices are swapped in (`torch.func.functional_call`), everything else stays as it is. Here on two models in plain PyTorch that use nothing of this library to learn: an `nn.RNN` with biases on noisy input, and an `nn.GRU`.

# %% tags=["parameters"]
networks = "reference"   # "reference": shipped in data/; "trained": the store, training what is missing
profile = "paper"        # "paper": the paper's setting; "quick": tiny, to exercise the code only

# %%
import matplotlib.pyplot as plt
import torch
from safetensors.torch import load_file
from torch import nn

from report import figures
from report.measure import NULLS, with_nulls
from schur_lib import evaluation, over_networks, profile_of, stabilisers
from schur_lib.stability import allowed_harm
from study import cache, folders
from study.answers import own_network as answers
from study.probes.nulls import matched_nulls
from study.words import show, tell

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


# %%
steps, n_seeds, n_trials, draws = (400, 3, 512, 100) if profile == "paper" else (20, 1, 32, 5)


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
tell(answers.training(steps, n_seeds, networks))

# %% [markdown]
# ## Two lines
#
# `evaluation` takes the model, the parameter's name, inputs (steps, trials, inputs) and targets; if these have fewer steps than the outputs, the last ones count. `profile_of` ablates the eight sets of blocks.

# %%
inputs, difference = trials(n_trials, torch.Generator().manual_seed(1000))
targets = difference.expand(5, n_trials)[..., None]

held_out = evaluation(rnns[0], "core.weight_hh_l0", inputs, targets, metric="fvu")
table = profile_of(held_out)

# %%
show(answers.profile(table), reading=answers.of_profile(table, held_out))

# %% [markdown]
# ## Is it the size?
#
# The same controls as for the paper's networks work on an evaluation. Beside each ablation, random changes of the same norm:

# %% mystnb={"figure": {"caption": "Harm of each ablated set in the RNN (dots, 95 % over trials), beside the middle 90 % and the median of random changes of the same norm (bars). Dotted: 5 % more error.", "name": "fig-own-profile"}, "image": {"alt": "Harm of ablating each of seven sets of coupling blocks from a recurrent network trained by plain PyTorch code, beside bars for random changes of the same norm."}}
nulls = matched_nulls(held_out, draws=draws, kinds=NULLS)
beside = with_nulls(table, nulls)
figures.profile(beside, allowed_harm(held_out))
plt.show()

# %%
show(answers.beside_nulls(beside))

# %% [markdown]
# ## Several networks
#
# A claim about networks needs several. `over_networks` takes their profiles and gives intervals with the network as the unit.

# %%
profiles = [profile_of(evaluation(rnn, "core.weight_hh_l0", inputs, targets)) for rnn in rnns]
pooled = over_networks(profiles)
show(answers.profile(pooled), reading=answers.agreement(profiles))

# %% [markdown]
# ## A GRU, gate by gate
#
# A GRU stacks three recurrent matrices in one parameter; `gate` names one of them. Each has its own Schur form and its own blocks. Nothing but that gate's matrix is changed. The metric is the cross-entropy of the last step.

# %%
larger = (difference > 0).long()


def at_gate(gate):
    return evaluation(gru, "core.weight_hh_l0", inputs, larger, metric="cross_entropy", gate=gate)


gates = {gate: profile_of(at_gate(gate)) for gate in ("reset", "update", "new")}
every_profile = answers.together(profiles, gates)
cache.save(every_profile, "own_network")

# %% mystnb={"figure": {"caption": "Change of the cross-entropy of the GRU when a block of one gate's recurrent matrix is ablated; lines are 95 % intervals over trials.", "name": "fig-own-gru"}, "image": {"alt": "Three groups of bars, one for each gate of a GRU: change of the cross-entropy without RR, CR and CC of that gate's recurrent matrix, with intervals over trials."}}
of_gru = every_profile[every_profile.model == "gru"]
figures.gates(of_gru)
plt.show()

# %%
tell(answers.of_gates(of_gru, accuracy=at_gate("new").scored_by("accuracy").intact))

# %% [markdown]
# ## What can go at once
#
# How much of the couplings can be ablated together, within 5 % more error? `stabilisers` tries all sets of blocks, and searches greedily among the groups of couplings between two eigenvalue blocks. It chooses on one half of the trials and checks on the other.

# %%
half = n_trials // 2
chosen_on = evaluation(rnns[0], "core.weight_hh_l0", inputs[:, :half], targets[:, :half])
checked_on = evaluation(rnns[0], "core.weight_hh_l0", inputs[:, half:], targets[:, half:])
show(answers.stabilisers(stabilisers(chosen_on, checked_on, kinds=("blocks", "groups"))))

# %% [markdown]
# ## One command
#
# Weights and data in files are enough for a rate network. This writes one HTML page with all of the above and more: the cut, dose and response, halves on and off the activity, nonnormality, and the network itself, to ablate with sliders. It opens offline; all its numbers are beside it as CSV and JSON, whose names the [data dictionary](../data.md) explains. With several weight files each network gets its page, and one more page compares them.
#
# ```console
# $ python3 run.py report --weights data/own_network/rnn-seed0.safetensors --data data/own_network/trials.npz
# ```
#
# The data are arrays (`.npz`, `.mat`, `.h5`, `.json`, `.safetensors`, `.pt`) by the names `inputs` (steps, trials, inputs), `targets` and perhaps `mask`, true where targets are scored, or a table (`.csv`, `.tsv`, `.txt`, `.parquet`, `.xlsx`) with the columns `trial`, `step`, `input…`, `target…` and perhaps `mask`. What does not fit is said before anything runs, and so is how long it will take; `--budget` says how many minutes it may.
#
# ## Weights of other libraries
#
# A weight file does not say which network it is: which equation, which of its arrays act, and on which side they multiply. What a file or the library that wrote it tells is taken from there, what it does not tell is asked for, and what is assumed stands on the page, whose head is the equation that was run. The kind of a file is told by its content, and nothing in it is run.
#
# | File | What is known by itself | What has to be said |
# |:--|:--|:--|
# | PyTorch: `state_dict` as `.pt`, `.ckpt`, `.safetensors`, also within a checkpoint | one `nn.RNN` or `nn.RNNCell` and one linear readout, a learned first state; weight norm, spectral norm and pruning are computed | `--activation` if not tanh |
# | Keras: `.keras`, `.h5`, `.weights.h5` | SimpleRNN and Dense | `--activation` of `.weights.h5` if not tanh |
# | Flax: `.msgpack`, `.npz` | SimpleCell and Dense | `--activation` if not tanh |
# | PsychRNN: `.npz` | masks and Dale's law applied, ReLU | `--leak` |
# | lowrank_inference: `.pt` | factors and gains | `--leak` |
# | trainRNNbrain: `.json` | all but a cubic term; outputs come one step late | |
# | operative dimensions: `.h5` | all matrices and biases | `--leak`, and which first state |
# | nn-brain's CTRNN: `.pt` | ReLU, the leak inside it | `--from nn-brain --leak A` |
# | MATLAB: `.mat`, also in structures and cells; NumPy: `.npz`; JSON; HDF5 | `W_xh`, `W_hh`, `W_hy`, or `W_in`, `W_rec`, `W_out`, and biases | `--transposed` where row vectors multiply; leak and activation |
# | ONNX | one RNN node and a linear readout | |
#
# Other names are given with `--parameter ROLE=…`, in which a small expression may stand, such as `W_hh='abs(weight) * mask'`, `W_hh='m @ n.T / 64'`, `W_hh='i2h.weight[:, 3:]'` or `W_xh=wi.T`; another head, a counter or a second network is left out with `--set-aside 'critic.*'`. Where the names are those of two libraries, `--from` says which: `torch`, `keras`, `flax`, `psychrnn`, `nn-brain`, `trainrnnbrain`, `low-rank`, `operative-dimensions` or `names`. What the words beside the weights say of another network (Dale's law, several layers, a readout that is not linear) is asked about, and `--set-aside` says that it changes nothing here. A leak is `--leak A` or `--dt DT --tau TAU`, and `--equation` says where it stands:
#
# | `--equation` | What is run (a = dt / tau, φ the activation) |
# |:--|:--|
# | `rate` | h ← (1 − a) h + a φ(W_hh h + W_xh x + b_h), y = W_hy h + b_y |
# | `inside` | h ← φ((1 − a) h + a (W_hh h + W_xh x + b_h)), y = W_hy h + b_y |
# | `potential` | v ← (1 − a) v + a (W_hh φ(v) + W_xh x + b_h), y = W_hy φ(v) + b_y |
# | `potential-out` | the same, y = W_hy v + b_y |
# | `bias-inside` | v ← (1 − a) v + a (W_hh φ(v + b_h) + W_xh x), y = W_hy φ(v) + b_y |
#
# Where the network does not do its task, other readings are tried (trials first, W_hh transposed, another activation, common leaks), and the one that fits is named. What cannot be read, such as a whole pickled model, TorchScript, an orthogonal parametrization or a GRU, is refused with the lines that save it otherwise. `python3 run.py report --help` lists all options.
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
# `forward=lambda model, x: …` says how to run a model that takes or returns something else; `metric` may be a function of outputs and targets; `batch_first=True` is for trials that come first. Noise and dropout within a model are the same for every matrix, since each run starts from the same seed; a model that keeps a state or a count from run to run is refused. Where its code computes the matrix (`abs`, a mask, the product of two), `effective=lambda model: …` returns it, and without that the model is refused. [The reference](../api.md) lists all of it.
