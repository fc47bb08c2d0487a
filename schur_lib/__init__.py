"""Which part of a recurrent network's weights does a task need? Ordered Schur form, ablation, scores."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from schur_lib import tasks
    from schur_lib.dynamics import rollout
    from schur_lib.metrics import fvu, replay_accuracy
    from schur_lib.networks import Network
    from schur_lib.profile import ablation_profile, over_networks, profile_of
    from schur_lib.recipes import Recipe
    from schur_lib.schur import ordered_schur
    from schur_lib.specs import Spec
    from schur_lib.stability import stabiliser, stabilisers
    from schur_lib.subjects import Evaluation, evaluation, of_network, on_task
    from schur_lib.training import train

# Loaded when used: torch and numba take seconds, and not every caller needs both.
_HOMES = {
    "Evaluation": "subjects",
    "Network": "networks",
    "Recipe": "recipes",
    "Spec": "specs",
    "ablation_profile": "profile",
    "evaluation": "subjects",
    "fvu": "metrics",
    "of_network": "subjects",
    "on_task": "subjects",
    "ordered_schur": "schur",
    "over_networks": "profile",
    "profile_of": "profile",
    "replay_accuracy": "metrics",
    "rollout": "dynamics",
    "stabiliser": "stability",
    "stabilisers": "stability",
    "train": "training",
}

__all__ = [
    "Evaluation",
    "Network",
    "Recipe",
    "Spec",
    "ablation_profile",
    "evaluation",
    "fvu",
    "of_network",
    "on_task",
    "ordered_schur",
    "over_networks",
    "profile_of",
    "replay_accuracy",
    "rollout",
    "stabiliser",
    "stabilisers",
    "tasks",
    "train",
]


def __getattr__(name):
    if name == "tasks":
        return import_module("schur_lib.tasks")
    if name not in _HOMES:
        raise AttributeError(f"module 'schur_lib' has no attribute {name!r}")
    return getattr(import_module(f"schur_lib.{_HOMES[name]}"), name)


def __dir__():
    return __all__
