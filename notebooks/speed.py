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
# {glue:text}`answer:s`
#
# This book trains hundreds of small networks and runs thousands of ablated copies. How close is that to what the processor can do, does it beat the libraries that one would use otherwise, and what would ten thousand networks cost? {numref}`fig-targets` sets each target that was fixed beforehand beside what was measured.

# %% tags=["parameters"]
networks = "reference"   # "reference": shipped in data/; "trained": the store, training what is missing
profile = "paper"        # "paper": the paper's setting; "quick": tiny, to exercise the code only

# %%
import matplotlib.pyplot as plt

from benchmarks import answers, figures, judging
from study.words import show, tell

targets, rates, parts, growth = (judging.table(name) for name in ("targets", "rates", "parts", "growth"))
schur_form, memory, cost = (judging.table(name) for name in ("schur_form", "memory", "training_cost"))
asked = targets[targets.kind == "target"]

# %% mystnb={"figure": {"caption": "Medians over rounds with the lowest and highest, as multiples of the target (for upper bounds: target over measured). Right of the line a target is met.", "name": "fig-targets"}, "image": {"alt": "One row a target, a dot with a range on a logarithmic axis on which 1 means just met; met and missed targets differ in colour and marker, stricter comparisons are grey. The table below has the numbers."}}
figures.targets(targets)
plt.show()

# %% [markdown]
# All numbers of this chapter come from `python3 run.py bench --peers`, which is not part of a build, whatever its profile: the page reads the tables that the run left in `data/benchmarks`.

# %%
machine = judging.machine()
tell(answers.run(targets, machine))

# %% [markdown]
# Elsewhere times differ; the targets are ratios of what ran side by side, and differ less.
#
# ## The targets
#
# The sizes are those of the copy task: 72 units, 64 trials, 108 steps of which 8 have input; float32. A training step is forward run, loss and gradients; a complete step has the drawing of trials, the clipping and the optimiser in it. Ours is one process a core in training and one thread a core in rollouts. The fastest peer is whoever computes most on the same two cores: `torch.nn.RNN` with one network a core, JAX with all networks at once or with one a core, a batched step by `torch.compile` with half of the networks a core, and in rollouts ONNX Runtime. In every round each candidate runs once, every second round in reverse order; the first round warms up.
#
# "Ours" counts the steps without input as what they are; the peers are handed zeros. For the Schur form the slowest of three kinds of matrix counts. That memory is flat is read as: ten times the matrices take at most a tenth more.

# %%
causes = judging.causes(targets, rates, schur_form)
show(judging.shown(asked), reading=answers.shortfall(causes))
if len(causes):
    show(causes)

# %% [markdown]
# Three comparisons are stricter than what was asked, and count for nothing above: the shares of the products' rate that were asked of hand-written products, which this library does without, and the memory of the whole process, Python and its libraries with it.

# %%
stricter = judging.shown(targets[targets.kind != "target"])
show(stricter.rename(columns={"target": "bound", "verdict": "would be"}))

# %%
others = judging.side_by_side()
if len(others):
    show(others.reset_index())

# %% [markdown]
# ## Beside the bare matrix product
#
# Counted are the products by the recurrent weights alone: $2 T B N_h^2$ operations for a rollout and three times as many for a training step. The limit, the dotted line in {numref}`fig-rates`, is the rate of products by our own BLAS of which each waits for the one before, as the steps of a network do. PyTorch's batched products of the same size need not wait; where our BLAS is the faster one, a network can pass them.

# %% mystnb={"figure": {"caption": "Billions of operations a second and core: medians, lowest and highest over rounds; blue: this library.", "name": "fig-rates"}, "image": {"alt": "Two panels of bars, training step and rollouts, with vertical lines at the rates of bare matrix products; the bars of this library are blue, those of the peers grey."}}
figures.rates(rates)
plt.show()

# %%
show(answers.rates(rates))

# %% [markdown]
# All weights stand in one matrix $S = [[W_{hh}, W_{xh}], [W_{hy}, 0]]$, and beside a state stands the next input, so that a step of the run is one product by $S$, a step back another, and a third adds the step's part of the gradient. The next table times the parts of a complete step by themselves; what is left of it is the derivative of tanh, the loss, and Python.

# %%
show(answers.parts(parts), reading=answers.limit(parts))

# %% [markdown]
# What was tried and left out, because it gained nothing here or too little for what it asks of readers: products written by hand for one kind of processor, and other layouts. These figures were taken once, by hand; the two rows from an Intel processor are those of prototypes, the others compare with this library's own kernels.

# %%
show(answers.tried(judging.tried()))

# %% [markdown]
# ## How time grows
#
# One quantity at a time is varied from 72 units, 108 steps with input, 64 trials and one network. Hidden size, length and batch are on one core; the number of networks is on two.

# %% mystnb={"figure": {"caption": "Time of a training step and of rollouts: medians, shaded from lowest to highest. The exponents are fitted over the upper half of each curve.", "name": "fig-growth"}, "image": {"alt": "Four panels on logarithmic axes: time against hidden size, time steps, trials and number of networks, each with a curve for the training step and one for rollouts that become straight lines to the right."}}
figures.growth(growth, judging.exponents(growth))
plt.show()

# %%
show(answers.exponents(growth), reading=answers.growth(growth))

# %% [markdown]
# ## Ordered Schur form and memory

# %% mystnb={"figure": {"caption": "Processor time of the ordered Schur form over that of scipy.linalg.schur, which leaves the eigenvalues as they come: medians, lowest and highest over matrices, on one core.", "name": "fig-schur-time"}, "image": {"alt": "Ratio against matrix size for three kinds of random matrix, with a horizontal line at the target."}}
limits = asked.set_index("id").target
figures.schur_form(schur_form, limits["schur_72"])
plt.show()

# %% mystnb={"figure": {"caption": "Memory of an ablation run of a network of 72 units: medians, lowest and highest over repeats.", "name": "fig-memory"}, "image": {"alt": "Memory against the number of ablated matrices, what the run adds and with Python and its libraries, with a horizontal line at the target."}}
figures.memory(memory, limits["memory"])
plt.show()

# %%
tell(answers.schur_form_and_memory(schur_form, memory))

# %% [markdown]
# ## Ten thousand networks
#
# The cost of a training step was measured inside the training of each task, with sampling, gradients, optimiser and scoring, in processor time on one core; for the copy task at each stage of its curriculum, weighted by the steps that the shipped networks spent there. Three numbers are assumptions, and can be changed in the next cell: how many networks, on how many cores, at which price.

# %%
N_NETWORKS, N_CORES = 10_000, 100
PRICE = 0.05  # US dollars a core-hour: an assumption, not a quotation

efficiency = judging.efficiency(rates)
estimate = judging.estimate(cost, efficiency, N_NETWORKS, N_CORES, PRICE)
show(answers.estimate(estimate))

# %%
processor = machine["processor"]
tell(answers.costs(estimate, efficiency, N_NETWORKS, N_CORES, PRICE, processor), "costs")

# %% [markdown]
# That a core keeps its rate from two busy ones to that many is the estimate's weakest point. Waiting in queues, starting workers and writing to the store are not in it.
#
# ## Answer

# %%
tell(answers.answer(targets, causes, rates, estimate, N_NETWORKS, N_CORES, PRICE), "answer")
