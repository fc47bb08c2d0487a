"""The intervention of the paper: zero coupling blocks, run the network again, score it."""

from collections.abc import Iterable, Sequence

import pandas as pd
import torch
from torch import Tensor

from schur_lib.dynamics import rollout
from schur_lib.metrics import sensitivity
from schur_lib.networks import Network
from schur_lib.schur import SUBSETS, label, ordered_schur
from schur_lib.tasks import Task
from schur_lib.training import generator


def ablation_profile(
    net: Network,
    task: Task,
    alpha: float = 0.9,
    removed: Sequence[frozenset] = SUBSETS,
    batch_size: int = 1024,
    seed: int = 0,
) -> pd.DataFrame:
    """What each removed set of couplings does to a network's score (paper, section 2).

    For every set S of blocks: W̃(S) = Q T̃(S) Qᵀ with the entries of S zeroed, the network run again with
    W_xh and W_hy untouched, on the same held-out trials.

    >>> import torch
    >>> from schur_lib import Network, ablation_profile, tasks
    >>> g = torch.Generator().manual_seed(0)
    >>> net = Network(*(torch.randn(*shape, generator=g) / 3 for shape in ((9, 3), (9, 9), (3, 9))))
    >>> table = ablation_profile(net, tasks.flip_flop(), batch_size=8)
    >>> table.removed.tolist()
    ['', 'CC', 'RR', 'RR+CC', 'CR', 'CR+CC', 'RR+CR', 'RR+CR+CC']

    Args:
        net: the network.
        task: gives the trials and the score.
        alpha: splits the leading sector from its complement, in (0, 1].
        removed: the sets of blocks; all eight subsets by default.
        batch_size: held-out trials.
        seed: of the trials; they share nothing with the training data.

    Returns:
        One row a set, the first the full network: `removed` (such as "RR+CC", "" for the full network),
        `mass` ‖ΔT‖_F/‖T‖_F, `score`, `delta` = score − score of the full network, `sensitivity` =
        delta/mass (NaN where the block is empty or at rounding level), `n_leading` = n_R, `alpha`,
        `metric` ("replay_accuracy" or "fvu").

    Raises:
        ValueError: network and task do not fit, or a bad alpha or block name.
    """
    fits(net, task)
    form = ordered_schur(net.W_hh)
    sets = [frozenset()] + [frozenset(s) for s in removed if len(s)]
    matrices = torch.stack(
        [torch.from_numpy(form.ablate(s, alpha)) if s else net.W_hh.double() for s in sets]
    )
    scores = scores_of(net, task, matrices.to(net.W_hh), batch_size, seed).tolist()
    rows = []
    for s, score in zip(sets, scores, strict=True):
        mass, delta = form.removed_mass(s, alpha), score - scores[0]
        rows.append((label(s), mass, score, delta, sensitivity(delta, mass)))
    table = pd.DataFrame(rows, columns=["removed", "mass", "score", "delta", "sensitivity"])
    return table.assign(n_leading=form.n_leading(alpha), alpha=alpha, metric=task.score_name)


def scores_of(
    net: Network, task: Task, matrices: Iterable[Tensor], batch_size: int = 1024, seed: int = 0
) -> Tensor:
    """Scores of copies of a network that differ in W_hh, all on the same held-out trials.

    Args:
        net: the network.
        task: gives the trials and the score.
        matrices: (K, N_h, N_h), or any iterable of (N_h, N_h); run in chunks, so that memory does not
            grow with K.
        batch_size: held-out trials.
        seed: of the trials.

    Returns:
        (K,) float64.
    """
    inputs, targets = (t.to(net.W_hh) for t in held_out(task, batch_size, seed))
    # About 64 MB of outputs at a time.
    per_network = (
        targets.element_size() * (task.steps + task.free_steps) * batch_size * task.n_outputs
    )
    size = max(1, 2**26 // per_network)
    scores, chunk = [], []

    def flush():
        if chunk:
            outputs = rollout(net, inputs, W_hh=torch.stack(chunk), free_steps=task.free_steps)
            scores.extend(float(task.score(y, targets)) for y in outputs)
            chunk.clear()

    for W_hh in matrices:
        chunk.append(W_hh)
        if len(chunk) == size:
            flush()
    flush()
    return torch.tensor(scores, dtype=torch.float64)


def held_out(task: Task, batch_size: int = 1024, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Inputs and targets that no network was trained on: a source of randomness of their own."""
    return task.sample(batch_size, generator("held out", seed))


def fits(net: Network, task: Task) -> None:
    """Check that a network has the task's inputs and outputs."""
    if (net.n_inputs, net.n_outputs) != (task.n_inputs, task.n_outputs):
        raise ValueError(
            f"the {task.name} task has {task.n_inputs} inputs and {task.n_outputs} outputs, "
            f"the network {net.n_inputs} and {net.n_outputs}"
        )
