"""What the report shows of one network: its evaluation, put through the probes of the study.

alpha splits the leading sector from its complement, in (0, 1].
"""

import os
import time
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from report.equations import RateNetwork, evaluate
from report.findings import does_task, findings, summary
from schur_lib.metrics import METRICS, NEGLIGIBLE_MASS
from schur_lib.networks import Network
from schur_lib.profile import profile_of
from schur_lib.schur import COUPLINGS, CutReport, ordered_schur
from schur_lib.stability import KINDS, allowed_harm, stabilisers
from schur_lib.subjects import Evaluation
from study.probes.activity import SHARE, halves
from study.probes.doses import dose_response
from study.probes.nonnormality import departure_of, henrici
from study.probes.nulls import matched_nulls
from study.probes.perturbations import perturbations, steadiness

NULLS = ("isotropic", "same entries")
# Our choice: runs by the thousand see as many trials as keep the whole within a minute or two.
OPERATIONS = 6e7  # of one run
BUDGET = 15.0  # minutes, of a processor as CUBES says
STATES = 4e9  # bytes of hidden states and what drives them at one time, at most
# Seconds of one core of 2020 or so. With them what is measured depends on sizes alone, never on how busy
# a machine is; what is said of the time is corrected by runs of the network itself.
RUN, STEP, CALL = 1.2e-10, 5e-9, 2e-4  # a run: T B N² RUN + T B N STEP + CALL
SLOW = 5e-5  # times T, where the equation is run step by step
CUBES = {"product": 2.5e-10, "form": 5e-9, "norm": 7e-10, "radius": 4e-8}  # times N³
ENTRY = 3e-8  # times N²: to draw, mask and convert a matrix


@dataclass(frozen=True)
class Amount:
    """How much of everything is measured."""

    share: float  #: of the trials
    fewest: int  #: trials for runs by the thousand, at least
    draws: int  #: random changes of each kind and set
    perturbations: int  #: small changes of W
    doses: int  #: of each block, from 0 to 2
    powers: int  #: of W; 0: neither powers nor numerical radius
    kinds: tuple[str, ...]  #: of stabilisers


# From all to the least that still says something; the first that fits the budget is taken.
AMOUNTS = (
    Amount(1, 16, 100, 20, 21, 100, KINDS),
    Amount(1, 8, 100, 20, 21, 100, KINDS[:2]),
    Amount(1, 8, 100, 10, 11, 50, KINDS[:1]),
    Amount(1, 4, 50, 5, 11, 50, KINDS[:1]),
    Amount(0.25, 2, 19, 2, 5, 0, KINDS[:1]),
    Amount(0.05, 2, 9, 1, 5, 0, KINDS[:1]),
)


@dataclass(frozen=True)
class Plan:
    """What is measured of a network on some data, and what that costs."""

    amount: Amount
    n_trials: int  #: of all that there are
    n_some: int  #: of these, for runs by the thousand
    kinds: tuple[str, ...]  #: of stabilisers: the amount's, where N is small enough for them
    runs: float  #: seconds for runs of the network, as RUN says
    matrices: float  #: seconds for work on matrices, as CUBES says
    memory: float  #: bytes


def plan_of(
    n_steps: int, n_trials: int, hidden_size: int, n_outputs: int, budget: float = BUDGET, fused: bool = True
) -> Plan:
    """The most that can be measured within a budget of time and within `STATES`.

    Args:
        n_steps, n_trials: T and B of the data.
        hidden_size, n_outputs: N_h and N_y of the network.
        budget: minutes.
        fused: whether the network runs through the library's rollout, not step by step.

    Raises:
        ValueError: the least takes longer, or more memory than the machine has; says what allows it.
    """
    if not budget > 0:
        raise ValueError(f"--budget must be a number of minutes above 0, got {budget:g}")
    plans = [_plan(amount, n_steps, n_trials, hidden_size, n_outputs, fused) for amount in AMOUNTS]
    least = plans[-1]
    what = f"a network of {hidden_size} units on trials of {n_steps} steps"
    if least.memory > machine_memory():
        raise ValueError(
            f"{what} needs about {least.memory / 1e9:.0f} GB of memory on {least.n_trials} trials, and this "
            f"machine has {machine_memory() / 1e9:.0f} GB: shorten the trials, or use a machine with more"
        )
    fitting = [
        plan for plan in plans if plan.runs + plan.matrices <= 60 * budget and plan.memory <= machine_memory()
    ]
    if not fitting:
        minutes = int((least.runs + least.matrices) / 60) + 1
        raise ValueError(
            f"{what} would take some {minutes} minutes even with the fewest trials and random changes, and the "
            f"budget is {budget:g}: --budget {minutes} allows it, shorter trials take less"
        )
    return fitting[0]


def machine_memory() -> float:
    """Bytes of memory of the machine; infinite where the system does not say."""
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return float("inf")


def _plan(amount, T, B, N, n_outputs, fused):
    each = (
        4 * T * ((2 if fused else 6) * N + n_outputs)
    )  # bytes of one trial's states, their drive and the outputs
    n_trials = min(B, max(4, min(int(STATES / each), round(amount.share * B))))
    n_some = max(2, min((n_trials + 1) // 2, max(amount.fewest, int(OPERATIONS / (2 * T * N**2)))))
    small = {"groups": 128, "entries": 80}  # units, up to which so many sets are searched
    kinds = tuple(kind for kind in amount.kinds if N <= small.get(kind, N))
    sets = sum({"groups": N**2 / 8, "entries": N**2 / 2}.get(kind, 12) for kind in kinds) * 1.3

    def run(b):
        return T * b * (N**2 * RUN + N * STEP) + CALL + (0 if fused else T * SLOW)

    n_random = 14 * amount.draws + amount.perturbations
    some = n_random + 7 * amount.perturbations + 3 * amount.doses + sets + 30
    runs = some * run(n_some) + 10 * run(n_trials) + 8 * run(n_trials / 2)
    cubes = (some + 30) * CUBES["product"] + (amount.perturbations + 2) * CUBES["form"]
    cubes += amount.powers * CUBES["norm"] + (amount.powers > 0) * CUBES["radius"]
    memory = 4e8 + max(each * n_trials, 7 * each * n_some) + 40 * N**2 * (amount.draws + 10)
    return Plan(amount, n_trials, n_some, kinds, runs, cubes * N**3 + some * ENTRY * N**2, memory)


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """All that the report shows of one network.

    Fields:
        trials: the network on all trials of the plan.
        some: on those for nulls, doses, halves, perturbations and the search of stabilisers.
        held_out: on those for the check of stabilisers.
        plan: how much was measured.
        n_given: trials in the data.
        alpha, tolerance: as asked.
        skill: where the score lies between chance (0) and perfect (1); NaN where that is unknown.
        allowed: harm within the tolerance on all trials, in units of the metric.
        cut: the form's `cut_report`.
        profile: from `with_nulls`.
        steady: from `steadiness`, a row a block.
        doses, halves: from `dose_response` and `halves`, of the blocks that hold anything.
        stable: from `stabilisers`.
        departure: from `departure_of`; without powers where the plan has none.
        equation: what was run, in a line.
    """

    trials: Evaluation
    some: Evaluation
    held_out: Evaluation
    plan: Plan
    n_given: int
    alpha: float
    tolerance: float
    skill: float
    allowed: float
    cut: CutReport
    profile: pd.DataFrame
    steady: pd.DataFrame
    doses: pd.DataFrame
    halves: pd.DataFrame
    stable: pd.DataFrame
    departure: dict
    equation: str

    @property
    def does_task(self) -> bool | None:
        """Whether the network does its task well enough; None where that is unknown."""
        return does_task(self.trials.metric, self.skill)

    @cached_property
    def summary(self) -> list[str]:
        """Three sentences: what was run, and what was found; first, where so, that it does not do the task."""
        return summary(self)

    @cached_property
    def findings(self) -> list[str]:
        """Further sentences in plain words."""
        return findings(self)


def split(
    net: Network | RateNetwork, inputs: Tensor, targets: Tensor, metric: str, plan: Plan
) -> tuple[Evaluation, Evaluation, Evaluation]:
    """A network on the trials of a plan, on some of every second of them, and on all the others.

    Args:
        net: the network.
        inputs: (T, B, N_x).
        targets: as `evaluate` takes them, time first.
        metric: name of the score.
        plan: how many trials, taken evenly from all.
    """
    n_given = inputs.shape[1]
    if plan.n_trials < n_given:
        taken = torch.linspace(0, n_given - 1, plan.n_trials).round().long()
        each_step = targets.ndim == (2 if METRICS[metric].classes else 3)
        inputs, targets = inputs[:, taken], targets[:, taken] if each_step else targets[taken]
    trials = evaluate(net, inputs.contiguous(), targets, metric)

    def part(chosen):
        return evaluate(net, inputs[:, chosen].contiguous(), trials.targets[:, chosen], metric)

    return trials, part(slice(0, 2 * plan.n_some, 2)), part(slice(1, None, 2))


def expected_seconds(plan: Plan, trials: Evaluation, some: Evaluation) -> float:
    """What a plan takes here: its seconds, each kind corrected by what was timed.

    Args:
        plan: from `plan_of`.
        trials, some: see `split`; the form is worked out, which is timed, and the network run once.
    """
    T, N = len(some.inputs), len(some.W_hh)
    ordered_schur(np.eye(2))  # compiles what no folder keeps, which is no measure of the matrix
    start = time.perf_counter()
    trials.form  # noqa: B018
    form = (time.perf_counter() - start) / (CUBES["form"] * N**3 + ENTRY * N**2 + CALL)
    timed: list[float] = []
    while not timed or len(timed) < 5 and sum(timed) < 0.1:  # the least: others may be busy at the first
        start = time.perf_counter()
        some.scores([some.W_hh])
        timed.append(time.perf_counter() - start)
    slow = 0 if some.network is not None else T * SLOW
    run = min(timed) / (T * some.n_trials * (N**2 * RUN + N * STEP) + CALL + slow)
    return plan.runs * run + plan.matrices * form


def diagnose(
    trials: Evaluation,
    some: Evaluation,
    held_out: Evaluation,
    plan: Plan,
    n_given: int,
    alpha: float = 0.9,
    tolerance: float = 0.05,
    equation: str = "",
) -> Diagnosis:
    """Put a network through all probes of the report.

    Args:
        trials, some, held_out: see `split`.
        plan: how much is measured.
        n_given: trials in the data.
        alpha: see above.
        tolerance: relative increase of the error that counts as harmless.
        equation: what is run, in a line.
    """
    form, amount = trials.form, plan.amount
    vars(some)["form"] = vars(held_out)["form"] = form  # of the same matrix: not worked out three times
    there = [name for name in COUPLINGS if form.removed_mass({name}, alpha) > NEGLIGIBLE_MASS]
    nulls = matched_nulls(some, amount.draws, kinds=NULLS, alpha=alpha)
    dosed = dose_response(some, np.linspace(0, 2, amount.doses).round(1).tolist(), alpha)
    with np.errstate(invalid="ignore"):  # shares of a zero matrix are undefined, and said so
        halved = halves(some, (SHARE,), alpha)
    (outputs,) = trials.outputs([trials.W_hh])
    rho = float(np.abs(form.eigenvalues).max())
    if rho <= len(form.T) * np.finfo(float).eps * np.linalg.norm(form.T):
        rho = 0.0  # nilpotent, but for rounding
    powers = departure_of(form, alpha, amount.powers) if amount.powers else henrici(form, alpha)
    departure = {"peak": np.nan, "peak_k": 0, "radius": np.nan, "growth": np.array([]), **powers, "rho": rho}
    return Diagnosis(
        trials,
        some,
        held_out,
        plan,
        n_given,
        alpha,
        tolerance,
        skill=trials.metric.skill(trials.intact, trials.targets, outputs.shape[-1]),
        allowed=allowed_harm(trials, tolerance),
        cut=form.cut_report(alpha),
        profile=with_nulls(profile_of(trials, alpha), nulls),
        steady=steadiness(perturbations(some, amount.perturbations, alpha=alpha)),
        doses=dosed[dosed.removed.isin(there)],
        halves=halved[halved.removed.isin(there)],
        stable=stabilisers(some, held_out, tolerance, alpha=alpha, kinds=plan.kinds),
        departure=departure,
        equation=equation,
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
