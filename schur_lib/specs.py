"""A spec says everything that determines a trained network."""

import hashlib
import inspect
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from torch import Generator, Tensor

from schur_lib import initialisations
from schur_lib.recipes import Recipe
from schur_lib.tasks import TASKS, Task


@dataclass(frozen=True)
class Spec:
    """All that determines a trained network.

    Args:
        task: one of `tasks.TASKS`.
        construction: one of `initialisations.CONSTRUCTIONS`.
        hidden_size: N_h.
        seed: ≥ 0; sets the start and the training data.
        recipe: None for the task's own.
        task_options: arguments of the task's generator; those not given get its defaults, and stand in
            the spec all the same, so that its name holds when a default changes.
    Raises:
        ValueError: an unknown task or construction, a bad size or seed, an unknown task option.
    """

    task: str
    construction: str = "dense_orthogonal"
    hidden_size: int = 64
    seed: int = 0
    recipe: Recipe = None  # type: ignore[assignment]  # set below
    task_options: dict[str, Any] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if self.task not in TASKS:
            raise ValueError(f"task must be one of {tuple(TASKS)}, got {self.task!r}")
        if not isinstance(self.seed, int) or self.seed < 0:
            raise ValueError(f"seed must be an integer ≥ 0, got {self.seed!r}")
        self.initial_parameters(Generator())
        try:
            options = inspect.signature(TASKS[self.task]).bind(**self.task_options)
        except TypeError as error:
            raise ValueError(f"task {self.task!r} does not take {self.task_options!r}: {error}") from error
        options.apply_defaults()
        object.__setattr__(self, "task_options", dict(options.arguments))
        task = self.make_task()
        if self.recipe is None:
            object.__setattr__(self, "recipe", task.recipe)
        if bool(self.recipe.horizons) != bool(task.recipe.horizons):
            got = f"task {self.task!r} with horizons {self.recipe.horizons!r}"
            raise ValueError(f"the copy task needs horizons and the others have none; got {got}")

    def make_task(self, **options: Any) -> Task:
        """The task of this spec, for evaluation unless `options` say otherwise."""
        return TASKS[self.task](**{**self.task_options, **options})

    def initial_parameters(self, generator: Generator) -> dict[str, Tensor]:
        """What is trained of W_hh, as it starts; see `initialisations`."""
        return initialisations.initial_parameters(self.construction, self.hidden_size, generator)

    def with_gradients(self, parameters: dict[str, Tensor]) -> tuple[Tensor, Callable[[Tensor], list[Tensor]]]:
        """W_hh, and what makes a gradient by it into those by what is trained; see `initialisations`."""
        return initialisations.with_gradients(parameters)

    def as_dict(self) -> dict[str, Any]:
        """The spec as JSON would hold it."""
        return json.loads(json.dumps(asdict(self)))

    @property
    def name(self) -> str:
        """Readable and unique: what distinguishes the spec, with a digest of its whole content."""
        digest = hashlib.sha256(json.dumps(self.as_dict(), sort_keys=True).encode()).hexdigest()
        return f"{self.task}-{self.construction}-{self.hidden_size}-seed{self.seed}-{digest[:10]}"
