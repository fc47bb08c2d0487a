"""Which part of a recurrent network's weights does a task need? Ordered Schur form, ablation, scores."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from schur_lib import tasks as tasks
    from schur_lib.dynamics import rollout as rollout
    from schur_lib.metrics import fvu as fvu
    from schur_lib.metrics import replay_accuracy as replay_accuracy
    from schur_lib.networks import Network as Network
    from schur_lib.profile import ablation_profile as ablation_profile
    from schur_lib.profile import over_networks as over_networks
    from schur_lib.profile import profile_of as profile_of
    from schur_lib.recipes import Recipe as Recipe
    from schur_lib.schur import ordered_schur as ordered_schur
    from schur_lib.specs import Spec as Spec
    from schur_lib.stability import stabiliser as stabiliser
    from schur_lib.stability import stabilisers as stabilisers
    from schur_lib.subjects import Evaluation as Evaluation
    from schur_lib.subjects import evaluation as evaluation
    from schur_lib.subjects import of_network as of_network
    from schur_lib.subjects import on_task as on_task
    from schur_lib.training import train as train

# Loaded when used: torch and numba take seconds, and not every caller needs both.
_HOMES = {
    "Network": "networks", "rollout": "dynamics",
    "ordered_schur": "schur",
    "fvu": "metrics", "replay_accuracy": "metrics",
    "Evaluation": "subjects", "evaluation": "subjects", "of_network": "subjects", "on_task": "subjects",
    "ablation_profile": "profile", "profile_of": "profile", "over_networks": "profile",
    "stabiliser": "stability", "stabilisers": "stability",
    "Recipe": "recipes", "Spec": "specs", "train": "training",
}  # fmt: skip

__all__ = ["tasks", *_HOMES]


def __getattr__(name: str) -> Any:
    if name == "tasks":
        return import_module("schur_lib.tasks")
    if name not in _HOMES:
        raise AttributeError(f"module 'schur_lib' has no attribute {name!r}")
    return getattr(import_module(f"schur_lib.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
