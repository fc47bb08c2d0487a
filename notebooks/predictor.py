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
# # What predicts a safe block?
#
# Some blocks can go and others cannot. Can one tell which from the intact network alone, before anything is ablated, and say why?

# %% tags=["parameters"]
networks = "reference"   # "reference": shipped in data/; "trained": the store, training what is missing
profile = "paper"        # "paper": the paper's setting; "quick": tiny, to exercise the code only

# %%
import matplotlib.pyplot as plt

from study import cache, catalogue, cells, predictions
from study.answers import predictor as answers
from study.cache import measured, measured_models
from study.figures import style
from study.figures.predictor import predicted_and_measured
from study.probes import linear, off_task, predictor
from study.probes.predicted_cells import cell_forms
from study.probes.profiles import profiles
from study.words import show, tell

quick = profile == "quick"
n_trials = 16 if quick else 256
on = [{"n_trials": n_trials, "metric": "fvu", "exact": True}, {"n_trials": n_trials, "metric": "fvu", "seed": 1}]
specs = catalogue.of_all_tasks(profile, networks)
copies = catalogue.specs("copy", profile, networks)
nets, copy_nets = (catalogue.networks(chosen, networks) for chosen in (specs, copies))

# %%
forms = measured("predictor_forms", predictor.forms, specs, nets, on=on, alphas=[0.85, 0.9, 0.95])
exactly = {"n_trials": n_trials, "exact": True}
replays = measured("predictor_replays", linear.replays, copies, copy_nets, on=exactly)
off = measured("predictor_off_task", off_task.off_task, specs, nets, on={"n_trials": n_trials})
blocks = answers.single_blocks(forms)
tell(answers.answer(blocks, replays, off), "answer")

# %% mystnb={"figure": {"caption": "Measured ΔFVU of the single blocks of the four tasks, one point for each network and block, against activity-weighted mass (left) and against the two-sided prediction (right). Nothing is fitted: on the line the prediction is right. Dotted: a ΔFVU of 0.05. Copy: dense orthogonal networks of 72 units.", "name": "fig-predicted"}, "image": {"alt": "Two scatter plots on logarithmic axes. On the left points of equal activity-weighted mass differ in harm by orders of magnitude. On the right the points lie along the diagonal, but for blocks whose harm is near its largest possible value."}}
figure = predicted_and_measured(blocks, answers.LIMITS["absolute"])
plt.show()

# %% tags=["nbval-ignore-output"]
style.quote(figure, "predicted", "Harm of the single blocks against activity-weighted mass, and as predicted.")

# %% [markdown]
# ## The prediction
#
# Ablation takes $\Delta W$ out of $W$ and leaves $\tilde W = W - \Delta W$. Let $h_t$ be the states of the *intact* network and $D_t = \operatorname{diag}(1 - h_t^2)$ the slopes of its tanh. To first order in the departure $e_t$ of the ablated run from the intact one,
#
# $$e_t = D_t\,(\tilde W e_{t-1} - \Delta W\, h_{t-1}), \quad e_0 = 0, \qquad \Delta\mathrm{FVU} \approx \frac{E\lVert W_{hy}\, e_t \rVert^2}{E\lVert y - \bar y \rVert^2}.$$
#
# So three things have to come together: the block *reads* the activity ($\Delta W h$), the network *carries on* what is missing ($D_t \tilde W$), and the readout *sees* it ($W_{hy}$). A block is safe where one of the three fails. Activity-weighted mass knows the first only.
#
# Said plainly: this is a linearisation around the intact run, and it costs nearly as much as running the ablated network. Its worth is that it takes the effect apart. What does each part contribute? Cheaper forms put less in its place: the mean slope of each unit for $D_t$; the inputs for the states, which are then those of a linear network; only $E[h h^\top]$; or nothing but the weights. All of these forms were written down with these networks in view; what they are worth on others is a matter of the frozen predictions below.

# %%
show(answers.ladder(blocks), reading=answers.of_ladder(blocks, forms))

# %% [markdown]
# ## Where it fails
#
# Within a task there is less to explain, and a ranking may break down. Spearman's correlation in each task:

# %%
of_sine = [(spec, net) for spec, net in zip(specs, nets, strict=True) if spec.task == "sine_generation"]
doses = measured("predictor_doses", predictor.doses, *zip(*of_sine, strict=True), on=on[0])
show(answers.within_tasks(blocks), reading=answers.saturated(doses))
tell(answers.missed(blocks))

# %% [markdown]
# Once the output is destroyed, it can hardly be worse: the true change is bounded because tanh is, the linear one is not. The other thing that is left out goes the other way: where a small departure is enough to let a memory slip from one state to another, the first order stays below what happens.
#
# ## Elsewhere
#
# The same prediction for other thresholds, other starts and sizes, and for other cells. There the slopes are the Jacobian of the cell: $e_t = \partial_s F\, e_{t-1} + \partial_u F\, (\tilde W e_{t-1} - \Delta W h_{t-1})$ for a cell $s_t = F(x_t, s_{t-1}, W h_{t-1} + b)$, one Jacobian product a step.

# %%
starts = [s for s in copies if s not in specs and s.construction != "cayley"]
sizes = [s for s in catalogue.sizes(profile) if s not in specs]
other_nets = catalogue.networks(starts, networks) + catalogue.networks(sizes, networks if quick else "reference")
other_forms = measured("predictor_forms_others", predictor.forms, starts + sizes, other_nets, on=on)
of_cells = measured_models("predictor_cells", cell_forms, cells.models(quick), n_trials=n_trials)
show(answers.elsewhere(answers.settings(forms, other_forms, of_cells)))

# %% [markdown]
# ## The copy network is linear
#
# On the copy task no prediction is needed, because there is an equation. Take tanh away from a trained copy network, and run it with the same weights. Linear networks as memories of sequences are well understood, orthogonal ones {cite:p}`white2004` and nonnormal ones {cite:p}`ganguli2008`.

# %%
tell(answers.linear_is_enough(replays))

# %% [markdown]
# ```{admonition} Proposition 1 (the replay in closed form)
# Let $h_t = W_{xh} x_t + W h_{t-1}$ read $s$ symbols of $d$ independent signs, and let $G_m = W_{hy} W^m W_{xh}$ be its impulse response. At lag $t$ the output is $y_t = \sum_{j=1}^{s} G_{t+s-j}\, x_j$. With $k = (t-1) \bmod s + 1$ the wanted symbol and $m_j = t + s - j$, the accuracy of channel $c$ at lag $t$ is, if the sum of the unwanted bits is taken for normal,
#
# $$A_{t,c} = \Phi\left( \frac{G_{m_k}[c, c]}{\sqrt{\sum_{j} \sum_{i} G_{m_j}[c, i]^2 - G_{m_k}[c, c]^2}} \right).$$
#
# *Proof.* After $s$ steps the state is $\sum_j W^{s-j} W_{xh} x_j$, and $t$ steps later it has been multiplied by $W^t$. The output of channel $c$ times the wanted sign is $G_{m_k}[c, c]$ plus the other entries of the rows $G_{m_j}[c, \cdot]$ with independent random signs: a sum of mean 0 and of the variance under the root. The sign is right if the whole is positive. ∎
# ```
#
# Ablating a block changes $W$ in this equation, and so the accuracy of every set of blocks follows from three matrices, without a run and without a fit:

# %%
show(answers.of_linear(replays), reading=answers.exceptions(replays))

# %% [markdown]
# ```{admonition} Proposition 2 (the memory has $s d$ dimensions)
# A linear network that replays perfectly has $G_m = I$ at $m = s, 2s, 3s, \dots$ and $G_m = 0$ at every other $m \ge 1$, which is the response of $z^{-s}/(1 - z^{-s})\, I_d$. Every network with this response has at least $s d$ dimensions, and on those that $W W_{xh}$ reaches and $W_{hy}$ sees, its eigenvalues are the $s$-th roots of unity, $d$ times each.
#
# *Proof.* The first statement is $y_t = x_k$ for all inputs. The Hankel matrix $(G_{i+j-1})_{ij}$ is then a permutation of blocks $I_d$ and repeats itself after $s$ block rows and $s$ block columns: its rank is $s d$, which is the dimension of a minimal realisation {cite:p}`ho1966`. Two minimal realisations are similar; one is the cyclic shift of $s$ blocks of $d$ units, whose eigenvalues are these. ∎
# ```
#
# ```{admonition} Proposition 3 (what each block does)
# Cut $F = Q^\top W_{xh}$ and $H = W_{hy} Q$ into the sectors, and let $T_R$ and $T_C$ be the two diagonal parts of $T$, each with its own couplings. Then
#
# $$G_m = \underbrace{H_R T_R^m F_R}_{\text{memory}} + \underbrace{H_C T_C^m F_C}_{\text{complement}} + \underbrace{\sum_{k=0}^{m-1} H_R T_R^{m-1-k}\, T_{CR}\, T_C^k F_C}_{\text{cascade}}.$$
#
# Removing $T_{CR}$ removes the cascade and nothing else. Once it is removed, $T_{CC}$ appears only in $H_C T_C^m F_C$: it acts through the part of the readout on the complement, and what it does there decays with $m$ as $r^m$ does, for every $r$ above the largest modulus in $C$.
#
# *Proof.* Powers of a block triangular matrix; and $\lVert T_C^m \rVert \le c_r r^m$ for every such $r$, with $T_{CC}$ and without it, because neither changes an eigenvalue. ∎
# ```
#
# With 72 units the complement has room for what the memory does not need. Measured in the dense orthogonal networks of 72 units:

# %%
sectors = measured("predictor_sectors", linear.sectors, copies, copy_nets, on={"n_trials": 1, "exact": True})
tell(answers.parts(sectors))

# %% [markdown]
# Two claims of the paper have a reason in the structure and need no statistics.
#
# ```{admonition} Proposition 4 (claim 3: Cayley networks)
# If $W$ is normal, then all its couplings are zero, so that every ablation gives $W$ again. Every iterate $O(A)\, D\, O(A)^\top$ of a Cayley network is normal.
#
# *Proof.* $T = Q^\top W Q$ is normal with $W$. Compare the first diagonal block of $T T^\top = T^\top T$: with $T_{11}$ that block and $r$ what stands to its right, $T_{11} T_{11}^\top + r r^\top = T_{11}^\top T_{11}$, whose trace gives $\lVert r \rVert_F = 0$; what is left is normal and one block smaller. $D$ is block diagonal with blocks $\left(\begin{smallmatrix} a & -b \\ b & a \end{smallmatrix}\right)$ or $(a)$, which are normal, and $O(A)$ is orthogonal. ∎
# ```
#
# ```{admonition} Proposition 5 (claim 4: the threshold)
# If no eigenvalue has a modulus in $[\alpha_1 \rho, \alpha_2 \rho)$, then the leading sector, the three blocks and all ablations are the same at every $\alpha \in [\alpha_1, \alpha_2]$.
#
# *Proof.* They depend on $\alpha$ only through $\{i : |\lambda_i| \ge \alpha\rho\}$. ∎
# ```

# %%
tell(answers.normal_and_banded(sectors))

# %% [markdown]
# ## Is any of it task-restricted?
#
# The title of the paper speaks of symmetries that hold *on the task*. Whether they end there has to be tried off the task: on long streams of trials, with inputs of twice their size, with noise in their place, and from random states without input. The discrepancy is $E\lVert \tilde y - \hat y \rVert^2$ over the variance of the intact outputs, medians over networks. Beside the blocks stand three others: with the complement *first* in the Schur form, what couples the leading sector into it; all of $W$ that acts outside of the leading principal directions of the activity, $W (I - P_V)$, which is restricted to the task by construction; and a change of the size of $T_{CC}$ that no linear network can show (proposition 6, below). The table holds what can go on the task.

# %%
show(answers.off_the_task(off), reading=answers.better_candidate(off))
tell(answers.restricted(off), "restricted")

# %% [markdown]
# ```{admonition} Proposition 6 (symmetries that no task restricts)
# For a linear network, let $S$ be invertible with $S\, W_{xh} = W_{xh}$ and $W_{hy}\, S = W_{hy}$. Then $S W S^{-1}$ in the place of $W$ gives the same outputs for every input. If both maps have full rank, these $S$ have $(N_h - N_x)(N_h - N_y)$ dimensions. If the input reaches all states and the readout sees all of them, no two $S$ give the same matrix, and no other matrix gives the same outputs.
#
# *Proof.* $W_{hy} S W^m S^{-1} W_{xh} = W_{hy} W^m W_{xh}$. With $S = I + X$ the conditions are $X W_{xh} = 0$ and $W_{hy} X = 0$. Two minimal realisations of one impulse response differ by exactly one similarity, which here has to fix both maps. ∎
# ```
#
# So even with input and readout held fixed, a copy network of 72 units that is linear and uses all of them has an exact symmetry in $64 \times 64 = 4{,}096$ of its $5{,}184$ directions, on the task and off it.

# %%
tell(answers.of_similarity(off))

# %% [markdown]
# ## Predictions that can lose
#
# What was written down with these networks in view has to be tried on others. For 90 further networks of each of three tasks and 20 further copy networks of each kind, `python -m study.predictions freeze` wrote down the predictions before anybody had ablated one of them, with checksums of the table, of the code that made it and of the networks; `compare` then ablated them, and refuses any of these that has changed.

# %%
tell(answers.frozen())

# %%
packs = [pack for task in catalogue.TASKS for pack in catalogue.packed(task)]
new = [spec for pack in packs for spec in (pack[:1] if quick else pack)]
new_nets = dict(zip(new, catalogue.networks(new), strict=True))
on = {"n_trials": answers.LIMITS["n_measured"], "seed": answers.LIMITS["seed_measured"]}
outcomes = measured("predictions_fvu", profiles, new, list(new_nets.values()), on=on | {"metric": "fvu"})
new_copies = [spec for spec in new if spec.task == "copy"]
accuracies = measured("predictions_replay", profiles, new_copies, [new_nets[s] for s in new_copies], on=on)
compared = answers.compared(packs, new_nets, outcomes, accuracies)
cache.save(compared, "predictions")
show(answers.outcome(compared), reading=f"{answers.of_outcome(compared)} {answers.of_replays_predicted(compared)}")

# %% mystnb={"figure": {"caption": "The same as {numref}`fig-predicted` for the networks whose predictions were frozen before they were ablated.", "name": "fig-frozen"}, "image": {"alt": "Two scatter plots on logarithmic axes of the measured change in FVU: against activity-weighted mass a cloud, against the frozen prediction points along the diagonal."}}
predicted_and_measured(answers.single_blocks(compared), answers.LIMITS["absolute"])
plt.show()

# %% [markdown]
# The accounts of the first table, on these networks:

# %%
show(answers.ladder(answers.single_blocks(compared)))

# %% [markdown]
# And within each task, where a cheaper account may rank as well or better:

# %%
within = answers.within_tasks(answers.single_blocks(compared))
show(within, reading=answers.of_commits(predictions.commits()))
