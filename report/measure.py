"""What the report shows of one network: its evaluation, put through the probes of the study.

alpha splits the leading sector from its complement, in (0, 1].
"""

from dataclasses import dataclass
from functools import cached_property

import pandas as pd
from torch import Tensor

from report.equations import RateNetwork, evaluate
from report.findings import does_task, findings
from schur_lib.metrics import NEGLIGIBLE_MASS
from schur_lib.networks import Network
from schur_lib.profile import profile_of
from schur_lib.schur import COUPLINGS
from schur_lib.stability import allowed_harm, stabilisers
from schur_lib.subjects import Evaluation
from study.probes.activity import SHARE, halves
from study.probes.doses import dose_response
from study.probes.nonnormality import departure_of
from study.probes.nulls import matched_nulls
from study.probes.perturbations import perturbations, steadiness

NULLS = ("isotropic", "same entries")
PERTURBATIONS = 20  # small changes of W
DOSES = tuple(round(0.1 * i, 1) for i in range(21))
POWERS = 100
# Our choice: runs by the thousand see as many trials as keep the whole within a minute or two.
OPERATIONS = 6e7  # of one run


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """All that the report shows of one network.

    Fields:
        trials: the network on all trials.
        some: on those for nulls, doses, halves, perturbations and the search of stabilisers.
        held_out: on those for the check of stabilisers.
        alpha, tolerance, draws: as asked.
        skill: where the score lies between chance (0) and perfect (1); NaN where that is unknown.
        allowed: harm within the tolerance on all trials, in units of the metric.
        profile: from `with_nulls`.
        steady: from `steadiness`, a row a block.
        doses, halves: from `dose_response` and `halves`, of the blocks that hold anything.
        stable: from `stabilisers`.
        departure: from `departure_of`.
    """

    trials: Evaluation
    some: Evaluation
    held_out: Evaluation
    alpha: float
    tolerance: float
    draws: int
    skill: float
    allowed: float
    profile: pd.DataFrame
    steady: pd.DataFrame
    doses: pd.DataFrame
    halves: pd.DataFrame
    stable: pd.DataFrame
    departure: dict

    @property
    def does_task(self) -> bool | None:
        """Whether the network does its task well enough; None where that is unknown."""
        return does_task(self.trials.metric, self.skill)

    @cached_property
    def findings(self) -> list[str]:
        """Sentences in plain words; how well the network does its task comes first."""
        return findings(self)


def split(
    net: Network | RateNetwork, inputs: Tensor, targets: Tensor, metric: str
) -> tuple[Evaluation, Evaluation, Evaluation]:
    """A network on all trials, on some of every second trial, and on all the others.

    Args:
        net: the network.
        inputs: (T, B, N_x).
        targets: as `evaluation` takes them, time first.
        metric: name of the score.
    """
    trials = evaluate(net, inputs, targets, metric)
    n_steps, n_trials = inputs.shape[:2]
    affordable = max(16, int(OPERATIONS / (2 * n_steps * net.hidden_size**2)))
    n_some = max(2, min((n_trials + 1) // 2, affordable))

    def part(chosen):
        x, y = inputs[:, chosen].contiguous(), trials.targets[:, chosen]
        return evaluate(net, x, y, metric)

    return trials, part(slice(0, 2 * n_some, 2)), part(slice(1, None, 2))


def diagnose(
    trials: Evaluation,
    some: Evaluation,
    held_out: Evaluation,
    alpha: float = 0.9,
    tolerance: float = 0.05,
    draws: int = 100,
) -> Diagnosis:
    """Put a network through all probes of the report.

    Args:
        trials, some, held_out: see `split`.
        alpha: see above.
        tolerance: relative increase of the error that counts as harmless.
        draws: random changes of each kind and set.
    """
    size, form = len(trials.W_hh), trials.form
    kinds = ["blocks"] + ["groups"] * (size <= 128) + ["entries"] * (size <= 80)
    there = [name for name in COUPLINGS if form.removed_mass({name}, alpha) > NEGLIGIBLE_MASS]
    nulls = matched_nulls(some, draws, kinds=NULLS, alpha=alpha)
    dosed, halved = dose_response(some, DOSES, alpha), halves(some, (SHARE,), alpha)
    (outputs,) = trials.outputs([trials.W_hh])
    return Diagnosis(
        trials,
        some,
        held_out,
        alpha,
        tolerance,
        draws,
        skill=trials.metric.skill(trials.intact, trials.targets, outputs.shape[-1]),
        allowed=allowed_harm(trials, tolerance),
        profile=with_nulls(profile_of(trials, alpha), nulls),
        steady=steadiness(perturbations(some, PERTURBATIONS, alpha=alpha)),
        doses=dosed[dosed.removed.isin(there)],
        halves=halved[halved.removed.isin(there)],
        stable=stabilisers(some, held_out, tolerance, alpha=alpha, kinds=kinds),
        departure=departure_of(form, alpha, POWERS),
    )


def with_nulls(profile: pd.DataFrame, nulls: pd.DataFrame) -> pd.DataFrame:
    """A profile with the random changes of the same norm beside each set.

    Args:
        profile: from `profile_of`.
        nulls: from `matched_nulls`.

    Returns:
        `profile` with, for each kind of null (with _ for a blank), `<kind>_low`, `<kind>_median` and
        `<kind>_high` (harm: 5 %, median, 95 % of the draws), `<kind>_p` = (1 + #{null at least as mild
        as the removal}) / (1 + draws) and `<kind>_effect` (Cliff's δ, 1 where every null does more
        harm). NaN where there is nothing to remove.
    """
    parts = ["null_low", "null_median", "null_high", "p", "effect"]
    for kind in NULLS:
        one = nulls[nulls.kind == kind].set_index("removed")[parts]
        names = [f"{kind.replace(' ', '_')}_{part.removeprefix('null_')}" for part in parts]
        profile = profile.join(one.set_axis(names, axis=1), on="removed")
    return profile
