"""Needed by the task, or by the solution that training found? Networks trained with couplings clamped to zero.

W = O(A) T O(A)ᵀ with the orthogonal O(A) of a Cayley network and T in real Schur form: rotations times moduli on
the diagonal, couplings above, as Kerg et al. (2019) train them. The leading sector is n_R coordinates whose moduli
stay above α ρ, the complement the rest, whose moduli stay below, so that a block of T is the paper's at every
step of training. Where a block is clamped its entries are zero and not trained. Beside them networks whose start
is nonnormal to the utmost, a chain (Orhan and Pitkow 2020), and which are then trained like any dense one.

`python -m study.clamped` trains the shipped ones anew.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Generator, Tensor

from schur_lib import store
from schur_lib.initialisations import block_diagonal, uniform
from schur_lib.networks import Network
from schur_lib.recipes import NEURO_RECIPE
from schur_lib.specs import Spec
from schur_lib.training import train
from study import folders

ALPHA = 0.9
# n_R of the median network of the reference set, rounded up to whole pairs
N_LEADING = {"flip_flop": 4, "sine_generation": 2, "context_integration": 22}
HELD = {"schur": ("", "CR", "CC", "RR+CR+CC"), "chain": ("",)}
SEEDS = 6
PARTS = ("U", "angles", "moduli", "scale", "couplings")  # what is trained of a Schur form, in this order
FOLDER = folders.DATA / "clamped"


@dataclass(frozen=True)
class Clamped(Spec):
    """A spec of construction "schur", with the blocks `held` (such as "RR+CR+CC") at zero, or "chain"."""

    held: str = ""

    def initial_parameters(self, generator: Generator) -> dict[str, Tensor]:
        """Draw what is trained: of "chain" W_hh, in which a unit feeds the next; of "schur" all of its parts."""
        n = self.hidden_size
        if self.construction == "chain":
            return {"W_hh": torch.diag(torch.ones(n - 1), -1)}
        angles = torch.pi * torch.rand(n // 2, generator=generator)
        moduli = torch.randn(n // 2 - 1, generator=generator)
        start = {"U": uniform((n, n), n, generator), "angles": angles, "moduli": moduli, "scale": torch.zeros(1)}
        return start | {"couplings": torch.zeros(n, n)}

    def with_gradients(self, parameters: dict[str, Tensor]) -> tuple[Tensor, Callable[[Tensor], list[Tensor]]]:
        """W_hh, and what makes the gradient by it into those by what is trained.

        Pairs of coordinates turn by `angles`. Their moduli are those of one pair, ρ = exp(`scale`), times α to 1
        in the leading sector and 0 to α in the complement, by the logistic function of `moduli`.
        """
        if self.construction == "chain":
            return super().with_gradients(parameters)
        leaves = {name: parameters[name].detach().requires_grad_() for name in PARTS}
        with torch.enable_grad():
            U, angles = leaves["U"], leaves["angles"]
            A, identity = (U - U.T) / 2, torch.eye(len(U), dtype=U.dtype)
            Q = torch.linalg.solve(identity + A, identity - A)
            n_leading = N_LEADING[self.task]
            leads = torch.arange(len(angles)) < n_leading // 2
            share = torch.cat([torch.ones(1, dtype=U.dtype), torch.sigmoid(leaves["moduli"])])
            r = leaves["scale"].exp() * torch.where(leads, ALPHA + (1 - ALPHA) * share, ALPHA * share)
            T = block_diagonal(r * angles.cos(), r * angles.sin(), r[:0])
            T = T + leaves["couplings"] * torch.from_numpy(self.trained_couplings())
            W = Q @ T @ Q.T
        return W.detach(), lambda dW: list(torch.autograd.grad(W, list(leaves.values()), dW))

    def trained_couplings(self) -> np.ndarray:
        """(N, N) mask of the couplings that are not held at zero."""
        pair, leads = np.arange(self.hidden_size) // 2, np.arange(self.hidden_size) < N_LEADING[self.task]
        above = pair[:, None] < pair
        blocks = {"RR": leads[:, None] & leads, "CR": leads[:, None] & ~leads, "CC": ~leads[:, None] & ~leads}
        return above & ~np.any(
            [np.zeros_like(above), *(blocks[name] for name in self.held.split("+") if name)], axis=0
        )


def specs(quick: bool = False) -> list[Clamped]:
    """Three tasks, every kind of training, six seeds each; if `quick` one flip-flop of each, hardly trained."""
    tasks, seeds = (("flip_flop",), 1) if quick else (tuple(N_LEADING), SEEDS)
    chosen = []
    for task in tasks:
        recipe = replace(NEURO_RECIPE, steps=3) if quick else NEURO_RECIPE
        for construction, clamps in HELD.items():
            for held in clamps:
                for seed in range(seeds):
                    chosen.append(Clamped(task, construction, 64, seed, recipe, held=held))
    return chosen


def networks(chosen: list[Clamped], quick: bool = False) -> list[Network]:
    """The shipped networks of `specs`, or if `quick` those of the store, trained where they are missing.

    Raises:
        ValueError, FileNotFoundError: a shipped network is damaged or missing.
    """
    if quick:
        return train(chosen, folders.store())
    for spec in chosen:
        folders.shipped(store.path(spec, FOLDER))
    return [store.load(spec, FOLDER) for spec in chosen]


if __name__ == "__main__":
    from study.clamped import specs as all_specs  # by its name, which processes that train can import

    train(all_specs(), FOLDER)
