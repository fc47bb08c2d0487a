"""Which networks the notebooks use, and the command that trains them.

Profile "paper" is the paper's setting; "quick" trains tiny networks in minutes, to exercise the code
only. With networks "reference" the shipped ones are used, more seeds than the paper profile trains. Most of
these, SEEDS of each configuration of the paper's two figures, are shipped in packs, a file a configuration.
"""

import argparse
from dataclasses import replace

from schur_lib import store
from schur_lib.initialisations import CONSTRUCTIONS
from schur_lib.networks import Network
from schur_lib.recipes import COPY_RECIPE, NEURO_RECIPE
from schur_lib.specs import Spec
from schur_lib.tasks import TASKS
from schur_lib.training import train
from study import folders, packs

PROFILES = ("paper", "quick")
SOURCES = ("reference", "trained")
COPY_SIZES = (56, 64, 72)
FIGURE_1 = (("dense_orthogonal", 72), ("cayley", 72))
# Seeds of the reference set, of each configuration of the two figures; those from FEW on are in packs, and all
# that is dear to measure is measured on the others.
FEW, SEEDS = 10, {task: 30 if task == "copy" else 100 for task in TASKS}
QUICK_COPY = replace(COPY_RECIPE, steps=400, horizons=(10, 20))
QUICK_NEURO = replace(NEURO_RECIPE, steps=200)
STUDY_SEEDS = 3
# What the paper leaves open, one choice varied at a time; the default of each is among the values.
COPY_STUDIES = {
    "horizon": {
        **{str(lags): replace(COPY_RECIPE, horizons=(lags,)) for lags in (16, 32, 64)},
        "curriculum": COPY_RECIPE,
    },
    "steps": {str(steps): replace(COPY_RECIPE, steps=steps) for steps in range(4000, 20001, 4000)},
    "readout_scale": {str(a): replace(COPY_RECIPE, readout_scale=a) for a in (0.1, 1.0, 3.0)},
}
GENERATOR_STUDIES = {
    ("flip_flop", "pulse_probability"): (0.03, 0.05, 0.1, 0.2, 0.5),
    ("flip_flop", "first_pulse"): (False, True),
    ("sine_generation", "highest"): (3.0, 6.0, 10.0),
    ("context_integration", "noise"): (0.25, 0.5, 1.0, 2.0),
    ("context_integration", "bias"): (0.0, 0.06, 0.2, 0.5),
}
FIRST_EDITION = {"pulse_probability": 0.2, "first_pulse": True}  # the flip-flop of the book's first edition
# The same seed trained for fewer steps is the same network at an earlier time.
TIME_COURSE = {
    "copy": (1, 500, 1000, 2000, 4000, 8000, 12000, 16000, 20000),
    **{task: (1, 120, 480, 960, 1920, 3840) for task in TASKS if task != "copy"},
}
SIZES = (16, 32, 64, 128, 256, 512)


def specs(task: str, profile: str = "paper", networks: str = "reference") -> list[Spec]:
    """The specs of a task's networks.

    Copy: four constructions at three sizes; three seeds for the two configurations of Figure 1 and one
    for the others when trained here, ten and three in the reference set. The other tasks: three seeds,
    ten in the reference set (`figure_1` and `figure_2` have more). Quick: two seeds at most. "studies" are
    the networks of `studies`, `first_edition`, `time_course` and `sizes`; the paper profile trains none of them.

    Args:
        task: one of `training.TASKS`, or "studies".
        profile: "paper" or "quick".
        networks: "reference" or "trained".

    Raises:
        ValueError: an unknown argument, or a quick profile of the reference networks.
    """
    for name, value, allowed in (
        ("task", task, (*TASKS, "studies")),
        ("profile", profile, PROFILES),
        ("networks", networks, SOURCES),
    ):
        if value not in allowed:
            raise ValueError(f"{name} must be one of {allowed}, got {value!r}")
    reference, quick = networks == "reference", profile == "quick"
    if reference and quick:
        raise ValueError('the reference networks are of profile "paper"; profile "quick" needs networks="trained"')
    if task == "studies":
        if (profile, networks) == ("paper", "trained"):
            return []
        chosen = studies(profile) + time_course(profile)
        return list(dict.fromkeys([*(spec for *_, spec in chosen), *first_edition(profile), *sizes(profile)]))
    if task != "copy":
        recipe = QUICK_NEURO if quick else None
        return [Spec(task, seed=seed, recipe=recipe) for seed in range(FEW if reference else 2 if quick else 3)]
    chosen = []
    for hidden_size in COPY_SIZES:
        for construction in CONSTRUCTIONS:
            main = (construction, hidden_size) in FIGURE_1
            n_seeds = (FEW if main else 3) if reference else (2 if main else 1) if quick else (3 if main else 1)
            recipe = QUICK_COPY if quick else None
            chosen += [Spec("copy", construction, hidden_size, seed, recipe) for seed in range(n_seeds)]
    return chosen


def figure_1(profile: str = "paper", networks: str = "reference") -> list[Spec]:
    """The specs of the copy networks of Figure 1, dense orthogonal and Cayley: 30 of each in the reference set.

    Args:
        profile, networks: as for `specs`.
    """
    own = [spec for spec in specs("copy", profile, networks) if (spec.construction, spec.hidden_size) in FIGURE_1]
    return own + [spec for pack in packed("copy") for spec in pack] if networks == "reference" else own


def figure_2(profile: str = "paper", networks: str = "reference") -> list[Spec]:
    """The specs of the networks of Figure 2, three tasks: a hundred of each in the reference set.

    Args:
        profile, networks: as for `specs`.
    """
    chosen = []
    for task in list(TASKS)[1:]:
        chosen += specs(task, profile, networks)
        if networks == "reference":
            chosen += [spec for pack in packed(task) for spec in pack]
    return chosen


def packed(task: str) -> list[list[Spec]]:
    """The specs of each pack of a task in the reference set; empty for "studies".

    Args:
        task: one of `training.TASKS`, or "studies".
    """
    families = [] if task not in TASKS else FIGURE_1 if task == "copy" else [("dense_orthogonal", 64)]
    return [[Spec(task, *family, seed) for seed in range(FEW, SEEDS[task])] for family in families]


def of_all_tasks(profile: str = "paper", networks: str = "reference") -> list[Spec]:
    """The networks of every task that the chapters beyond the paper compare: of copy, one kind of Figure 1.

    Args:
        profile, networks: as for `specs`.
    """
    return [
        spec
        for task in TASKS
        for spec in specs(task, profile, networks)
        if task != "copy" or (spec.construction, spec.hidden_size) == FIGURE_1[0]
    ]


def studies(profile: str = "paper") -> list[tuple[str, str, str, Spec]]:
    """The networks of the recipe chapter: what the paper leaves open, one choice varied at a time.

    Copy networks are those of Figure 1 (dense orthogonal, 72 units); three seeds a value. The paper
    profile always uses the shipped ones, because training them takes longer than all others together.

    Args:
        profile: "paper" or "quick" (one seed, a few steps).

    Returns:
        (task, what is varied, its value as text, spec), one for each network.

    Raises:
        ValueError: unknown profile.
    """
    if profile not in PROFILES:
        raise ValueError(f"profile must be one of {PROFILES}, got {profile!r}")
    quick, chosen = profile == "quick", []
    for seed in range(1 if quick else STUDY_SEEDS):
        for name, values in COPY_STUDIES.items():
            for value, recipe in values.items():
                if quick:
                    recipe = replace(recipe, steps=recipe.steps // 400, horizons=recipe.horizons[:2])
                chosen.append(("copy", name, value, Spec("copy", *FIGURE_1[0], seed, recipe)))
        for (task, option), values in GENERATOR_STUDIES.items():
            for value in values:
                recipe = replace(NEURO_RECIPE, steps=50) if quick else None
                spec = Spec(task, seed=seed, recipe=recipe, task_options={option: value})
                chosen.append((task, option, str(value), spec))
    return chosen


def first_edition(profile: str = "paper") -> list[Spec]:
    """The flip-flop networks of the book's first edition: ten seeds.

    Args:
        profile: "paper" or "quick" (one seed, a few steps).
    """
    quick = profile == "quick"
    recipe = replace(NEURO_RECIPE, steps=50) if quick else None
    return [
        Spec("flip_flop", seed=s, recipe=recipe, task_options=FIRST_EDITION) for s in range(1 if quick else FEW)
    ]


def time_course(profile: str = "paper") -> list[tuple[str, str, str, Spec]]:
    """Networks at several times of their training, three seeds a task: same seed, fewer steps.

    Args:
        profile: "paper" or "quick" (one seed, a few steps).

    Returns:
        (task, "steps", steps as text, spec), one for each network.
    """
    quick, chosen = profile == "quick", []
    for task, course in TIME_COURSE.items():
        recipe = COPY_RECIPE if task == "copy" else NEURO_RECIPE
        construction = FIGURE_1[0] if task == "copy" else ()
        for seed in range(1 if quick else STUDY_SEEDS):
            for steps in (1, 20) if quick else course:
                spec = Spec(task, *construction, seed=seed, recipe=replace(recipe, steps=steps))
                chosen.append((task, "steps", str(steps), spec))
    return chosen


def sizes(profile: str = "paper") -> list[Spec]:
    """Flip-flop networks of several hidden sizes, three seeds each; one of the largest, for its weight.

    Args:
        profile: "paper" or "quick" (two sizes, one seed, a few steps).
    """
    if profile == "quick":
        return [Spec("flip_flop", hidden_size=n, recipe=QUICK_NEURO) for n in SIZES[:2]]
    return [
        Spec("flip_flop", hidden_size=n, seed=seed)
        for n in SIZES
        for seed in range(1 if n == SIZES[-1] else STUDY_SEEDS)
    ]


def networks(chosen: list[Spec], source: str = "reference") -> list[Network]:
    """The networks of some specs: the shipped ones, or those of the store, training what is missing.

    Args:
        chosen: from `specs`.
        source: "reference" or "trained".

    Raises:
        ValueError: unknown source.
        FileNotFoundError: a reference network is not shipped.
    """
    if source not in SOURCES:
        raise ValueError(f"networks must be one of {SOURCES}, got {source!r}")
    if source == "trained":
        return train(chosen, folders.store())
    held = {}
    for pack in (pack for task in dict.fromkeys(spec.task for spec in chosen) for pack in packed(task)):
        if not set(pack).isdisjoint(chosen):
            held |= dict(zip(pack, packs.load(pack, folders.NETWORKS), strict=True))
    return [held[spec] if spec in held else store.load(spec, folders.NETWORKS) for spec in chosen]


def main(arguments=None):
    """Train the networks of a task, or of the recipe studies, into the store or the reference set."""
    parser = argparse.ArgumentParser(prog="python -m study.catalogue", description=main.__doc__)
    parser.add_argument("task", choices=(*TASKS, "studies"))
    parser.add_argument("profile", choices=PROFILES, nargs="?", default="paper")
    parser.add_argument("--reference", action="store_true", help="train the reference set into data/networks")
    chosen = parser.parse_args(arguments)
    if chosen.reference:
        train(specs(chosen.task, "paper", "reference"), folders.NETWORKS)
        for pack in packed(chosen.task):
            packs.save(pack, train(pack, folders.store()), folders.NETWORKS)
    else:
        train(specs(chosen.task, chosen.profile, "trained"), folders.store())


if __name__ == "__main__":
    main()
