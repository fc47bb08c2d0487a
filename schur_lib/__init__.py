"""Which part of a recurrent network's weights does a task need? Ordered Schur form, ablation, scores."""

from schur_lib import tasks
from schur_lib.dynamics import rollout
from schur_lib.metrics import fvu, replay_accuracy
from schur_lib.networks import Network
from schur_lib.profile import ablation_profile
from schur_lib.schur import ordered_schur
from schur_lib.stability import stabiliser, stabilisers
from schur_lib.subjects import Evaluation, evaluation, over_networks, profile_of
from schur_lib.training import Recipe, Spec, train

__all__ = [
    "Evaluation",
    "Network",
    "Recipe",
    "Spec",
    "ablation_profile",
    "evaluation",
    "fvu",
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
