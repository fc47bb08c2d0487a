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
# # Speed
#
# This book trains hundreds of small networks and runs thousands of ablated copies. How close is that to what the processor can do, does it beat the libraries that one would use otherwise, and what would ten thousand networks cost? {numref}`fig-targets` sets each target that was fixed beforehand beside what was measured.

# %% tags=["parameters"]
networks = "reference"   # "reference": the networks shipped in data/; "trained": the store, training what is missing
profile = "paper"        # "paper": the paper's setting; "quick": tiny, to exercise the code only

# %% tags=["hide-input"]
import matplotlib.pyplot as plt
import pandas as pd
from myst_nb import glue

from benchmarks import figures, judging
from study import words
from study.figures import style

targets, rates, growth, schur_form, memory, cost = map(judging.table, ("targets", "rates", "growth", "schur_form", "memory", "training_cost"))
machine = judging.machine()
asked = targets[targets.kind == "target"]

# %% mystnb={"figure": {"caption": "Medians over rounds with the lowest and highest, as multiples of the target (for upper bounds: target over measured). Right of the line a target is met.", "name": "fig-targets"}, "image": {"alt": "One row a target, a dot with a range on a logarithmic axis on which 1 means just met; met and missed targets differ in colour and marker, stricter comparisons are grey. The table below has the numbers."}} tags=["hide-input"]
figures.targets(targets)
plt.show()

# %% tags=["remove-cell"]
summary = judging.summary(targets)
versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items() if number)
glue("summary", summary, display=False)
glue("processor", machine["processor"], display=False)
glue("system", machine["system"], display=False)
glue("n_processors", machine["cores"], display=False)
glue("memory_gib", machine["memory_gib"], display=False)
glue("load", machine["load_before"], display=False)
busy = machine["load_before"] > judging.BUSY
glue("quiet", "so other work ran beside it, which falls most on the peers that share one network among threads" if busy else "so it had little else to do", display=False)
glue("measured_on", machine["measured"], display=False)
glue("versions", versions, display=False)
glue("blas", machine["blas"], display=False)

# %% [markdown]
# In one run {glue:text}`summary`.
#
# All numbers of this chapter come from `python3 run.py bench --peers`, which is not part of a build, whatever its profile: the page reads the tables that the run left in `data/benchmarks`. **The machine**: {glue:text}`processor`, {glue:text}`n_processors` processors of which two were used, {glue:text}`memory_gib` GiB, {glue:text}`system`, on {glue:text}`measured_on`; {glue:text}`versions`. Our products run in {glue:text}`blas`, PyTorch's in the library that it brings. The load average before the run was {glue:text}`load:.2f`, {glue:text}`quiet`. Elsewhere times differ; the targets are ratios of what ran side by side, and differ less.
#
# ## The targets
#
# The sizes are those of the copy task: 72 units, 64 trials, 108 steps of which 8 have input; float32. A training step is forward run, loss and gradients. Both peers use both cores in threads of their own; ours is one process a core in training and one thread a core in rollouts. In every round each candidate runs once, every second round in reverse order; the first round warms up.

# %% mystnb={"markdown_format": "myst"} tags=["hide-input"]
words.show(judging.shown(asked))

# %% tags=["remove-cell"]
causes = judging.causes(targets, rates, schur_form)
said = "The next table says why the others are not met." if len(causes) else "None is missed, so there is no shortfall to explain."
glue("said", said, display=False)

# %% [markdown]
# "Ours" counts the steps without input as what they are; the peers are handed zeros. For the Schur form the slowest of three kinds of matrix counts. That memory is flat is read as: ten times the matrices take at most a tenth more. {glue:text}`said`

# %% mystnb={"markdown_format": "myst"} tags=["hide-input"]
if len(causes):
    words.show(causes)

# %% [markdown]
# Three comparisons are stricter than what was asked, and count for nothing above: `torch.nn.RNN` with one network a core in Python threads, which it does not do by itself, and the memory of the whole process, Python and its libraries with it.

# %% mystnb={"markdown_format": "myst"} tags=["hide-input"]
words.show(judging.shown(targets[targets.kind != "target"]).rename(columns={"target": "same bound", "verdict": "would be"}))

# %% [markdown]
# ## Beside the bare matrix product
#
# Counted are the products by the recurrent weights alone: $2 T B N_h^2$ operations for a rollout and three times as many for a training step. {numref}`fig-rates` sets them beside PyTorch's batched products of the same size, which need not wait for one another: the bare product of the targets. The dotted line is the harder measure, products by our own BLAS of which each waits for the one before, as the steps of a network do; where that BLAS is the faster one, a network can pass PyTorch's bare product.

# %% mystnb={"figure": {"caption": "Billions of operations a second and core: medians, lowest and highest over rounds; blue: this library.", "name": "fig-rates"}, "image": {"alt": "Two panels of bars, training step and rollouts, with vertical lines at the rates of bare matrix products; the bars of this library are blue, those of the peers grey."}} tags=["hide-input"]
figures.rates(rates)
plt.show()

# %% tags=["remove-cell"]
bare = judging.rate(rates, "matrix product", "bare", 1)
for name, work in (("train", "training step"), ("roll", "rollouts")):
    one = judging.rate(rates, work, "ours", 1)
    glue(f"{name}_one", one, display=False)
    glue(f"{name}_two", judging.rate(rates, work, "ours", 2), display=False)
    glue(f"{name}_share", 100 * one / bare, display=False)
    glue(f"{name}_beside", 100 * judging.beside_products(rates, work), display=False)
glue("bare", bare, display=False)
glue("one_by_one", judging.rate(rates, "matrix product", "one after the other", 1), display=False)

# %% [markdown]
# The bare product reaches {glue:text}`bare:.0f` GFLOP/s on one core. A training step reaches {glue:text}`train_one:.0f`, or {glue:text}`train_share:.0f` %, and {glue:text}`train_two:.0f` on two cores; rollouts reach {glue:text}`roll_one:.0f`, or {glue:text}`roll_share:.0f` %, and {glue:text}`roll_two:.0f`. Products one after the other reach {glue:text}`one_by_one:.0f` GFLOP/s; measured by these, {glue:text}`train_beside:.0f` % of the time of a training step and {glue:text}`roll_beside:.0f` % of that of rollouts go to what is beside the products: tanh, its derivative, input, read-out and loss.
#
# ## How time grows
#
# One quantity at a time is varied from 72 units, 108 steps with input, 64 trials and one network. Hidden size, length and batch are on one core; the number of networks is on two.

# %% mystnb={"figure": {"caption": "Time of a training step and of rollouts: medians, shaded from lowest to highest. The exponents are fitted over the upper half of each curve.", "name": "fig-growth"}, "image": {"alt": "Four panels on logarithmic axes: time against hidden size, time steps, trials and number of networks, each with a curve for the training step and one for rollouts that become straight lines to the right."}} tags=["hide-input"]
exponents = judging.exponents(growth)
figures.growth(growth, exponents)
plt.show()

# %% mystnb={"markdown_format": "myst"} tags=["hide-input"]
rows = []
for r in exponents.itertuples():
    curve = growth[(growth.varied == r.varied) & (growth.what == r.what)].sort_values("value")
    best = curve.loc[curve.gflops.idxmax()]
    rows.append({"varied": r.varied.replace("_", " "), "what": r.what, "fitted over": f"{r.lowest_value}–{r.highest_value}", "exponent": f"{r.exponent:.2f}", "highest GFLOP/s": f"{best.gflops:.0f}", "reached at": best.value})
words.show(pd.DataFrame(rows))

# %% tags=["remove-cell"]
operations = {"hidden_size": 2, "length": 1, "batch": 1, "networks": 1}
ahead = [f"{r.varied.replace('_', ' ')} ({r.what}: {r.exponent:.2f} instead of {operations[r.varied]})" for r in exponents.itertuples() if r.exponent > operations[r.varied] + 0.1]
growth_says = "Time grows faster than operations, by more than 0.1 in the exponent, with " + ", ".join(ahead) if ahead else "No exponent is more than 0.1 above that of the number of operations"
glue("growth_says", growth_says, display=False)
by_size = growth[(growth.varied == "hidden_size") & (growth.what == "training step")].sort_values("value")
for name, r in (("small", by_size.iloc[0]), ("large", by_size.iloc[-1])):
    glue(f"{name}_size", int(r.value), display=False)
    glue(f"{name}_rate", float(r.gflops), display=False)

# %% [markdown]
# The number of operations grows with the square of the hidden size, and in proportion to the others. {glue:text}`growth_says`. Work beside the products, and the start of each call, do not shrink with the network: a training step with {glue:text}`small_size` units reaches {glue:text}`small_rate:.0f` GFLOP/s, with {glue:text}`large_size` units {glue:text}`large_rate:.0f`.
#
# ## Ordered Schur form and memory

# %% mystnb={"figure": {"caption": "Processor time of the ordered Schur form over that of scipy.linalg.schur, which leaves the eigenvalues as they come: medians, lowest and highest over matrices, on one core.", "name": "fig-schur-time"}, "image": {"alt": "Ratio against matrix size for three kinds of random matrix, with a horizontal line at the target."}} tags=["hide-input"]
limits = asked.set_index("id").target
figures.schur_form(schur_form, limits["schur_72"])
plt.show()

# %% mystnb={"figure": {"caption": "Memory of an ablation run of a network of 72 units: medians, lowest and highest over repeats.", "name": "fig-memory"}, "image": {"alt": "Memory against the number of ablated matrices, what the run adds and with Python and its libraries, with a horizontal line at the target."}} tags=["hide-input"]
figures.memory(memory, limits["memory"])
plt.show()

# %% tags=["remove-cell"]
worst = schur_form.loc[schur_form.ratio.idxmax()]
most, fewer = memory.iloc[-1], memory.iloc[-2]
glue("schur_worst", float(worst.ratio), display=False)
glue("schur_kind", worst.matrix.replace("_", " "), display=False)
glue("schur_N", int(worst.N), display=False)
glue("n_most", f"{most.matrices:,.0f}", display=False)
glue("n_fewer", f"{fewer.matrices:,.0f}", display=False)
glue("memory_most", float(most.megabytes), display=False)
glue("memory_fewer", float(fewer.megabytes), display=False)

# %% [markdown]
# Ordering costs most, a factor of {glue:text}`schur_worst:.2f`, for matrices of the kind *{glue:text}`schur_kind`* with N = {glue:text}`schur_N` ({numref}`fig-schur-time`). An ablation run keeps one chunk of outputs at a time: {glue:text}`n_fewer` matrices add {glue:text}`memory_fewer:.0f` MB and {glue:text}`n_most` add {glue:text}`memory_most:.0f` MB ({numref}`fig-memory`).
#
# ## Ten thousand networks
#
# The cost of a training step was measured inside the training of each task, with sampling, gradients, optimiser and scoring, in processor time on one core; for the copy task at each stage of its curriculum, weighted by the steps that the shipped networks spent there. Three numbers are assumptions, and can be changed in the next cell: how many networks, on how many cores, at which price.

# %%
N_NETWORKS, N_CORES = 10_000, 100
PRICE = 0.05  # US dollars a core-hour: an assumption, not a quotation

efficiency = judging.efficiency(rates)
estimate = judging.estimate(cost, efficiency, N_NETWORKS, N_CORES, PRICE)

# %% mystnb={"markdown_format": "myst"} tags=["hide-input"]
rows = []
for r in estimate.itertuples():
    rows.append({"task": style.NAMES[r.task], "construction": style.NAMES[r.construction], "units": r.hidden_size, "seconds a network": judging.text(r.seconds), "core-hours": judging.text(r.core_hours), "hours": judging.text(r.hours), "US dollars": f"{r.price:.2f}"})
words.show(pd.DataFrame(rows))

# %% tags=["remove-cell"]
glue("n_networks", f"{N_NETWORKS:,}", display=False)
glue("n_cores", N_CORES, display=False)
glue("price", PRICE, display=False)
glue("efficiency", 100 * efficiency, display=False)
for r in estimate.itertuples():
    name = r.task if r.construction == "dense_orthogonal" else f"{r.task}_{r.construction}"
    for column in ("seconds", "core_hours", "hours"):
        glue(f"{name}_{column}", judging.text(getattr(r, column)), display=False)
    glue(f"{name}_price", f"{r.price:.2f}", display=False)

# %% [markdown]
# A core is taken to keep {glue:text}`efficiency:.0f` % of its rate when all are busy, as was measured from one core to two; that this holds from two to {glue:text}`n_cores` is the estimate's weakest point. Waiting in queues, starting workers and writing to the store are not in it.
#
# ## Answer

# %% tags=["remove-cell"]
copy = estimate[estimate.task == "copy"].iloc[0]
missed = [f"{r.what[0].lower()}{r.what[1:]} ({r.verdict})" for r in causes.itertuples()]
answer = (
    f"On two cores {summary}"
    + (f": {'; '.join(missed)}" if missed else "")
    + f". A training step runs at {100 * judging.rate(rates, 'training step', 'ours', 1) / bare:.0f} % of the rate of bare matrix products and rollouts at {100 * judging.rate(rates, 'rollouts', 'ours', 1) / bare:.0f} %, on one core. "
    f"A copy network of {copy.hidden_size} units takes {judging.text(copy.seconds)} s of processor time; {N_NETWORKS:,} of them would take {judging.text(copy.hours)} hours on {N_CORES} cores, and cost {copy.price:.2f} US dollars at {PRICE:.2f} a core-hour."
)
glue("answer", answer, display=False)

# %% [markdown]
# {glue:text}`answer`
