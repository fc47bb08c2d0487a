"""Which part of a recurrent network's weights does a task need? Ordered Schur form, ablation, scores.

What does not fit is refused with a ValueError that says what was passed and what is allowed.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

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
    "Network": "networks", "rollout": "dynamics", "ordered_schur": "schur",
    "fvu": "metrics", "replay_accuracy": "metrics", "Recipe": "recipes", "Spec": "specs", "train": "training",
    "Evaluation": "subjects", "evaluation": "subjects", "of_network": "subjects", "on_task": "subjects",
    "ablation_profile": "profile", "profile_of": "profile", "over_networks": "profile",
    "stabiliser": "stability", "stabilisers": "stability",
}  # fmt: skip

__all__ = ["Evaluation", "Network", "Recipe", "Spec", "ablation_profile", "evaluation", "fvu", "of_network",
           "on_task", "ordered_schur", "over_networks", "profile_of", "replay_accuracy", "rollout", "stabiliser",
           "stabilisers", "tasks", "train"]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name == "tasks":
        return import_module("schur_lib.tasks")
    if name not in _HOMES:
        raise AttributeError(f"module 'schur_lib' has no attribute {name!r}")
    return getattr(import_module(f"schur_lib.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
