"""Training: networks for specs, each on one core, stored the moment it is finished."""

import math
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import numpy as np
import torch
from joblib import Parallel, delayed
from joblib.parallel import get_active_backend
from tqdm import tqdm

from schur_lib import initialisations, kernels, store
from schur_lib.dynamics import one_blas_thread
from schur_lib.networks import Network
from schur_lib.provenance import library_versions
from schur_lib.specs import Spec
from schur_lib.tasks import generator

HISTORY_POINTS = 100


def train(
    specs: Sequence[Spec], folder: str | Path | None = None, n_jobs: int | None = None, progress: bool = True
) -> list[Network]:
    """Trained networks for the specs, in their order; what the store already has is not trained again.

    Each network is trained on one core by joblib, whose backend and number of jobs may be set with
    `joblib.parallel_config`. A network is stored the moment it is finished, so that a run that was
    killed goes on where it stopped. The same spec gives the same network on the same machine.

    >>> import tempfile
    >>> from schur_lib import Recipe, Spec, train
    >>> spec = Spec("flip_flop", hidden_size=8, recipe=Recipe(steps=2, batch_size=4))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     [net] = train([spec], folder, progress=False)
    >>> net.hidden_size, net.n_inputs, net.n_outputs
    (8, 3, 3)

    Args:
        specs: what to train.
        folder: the store; None for `store.default_folder()`.
        n_jobs: processes; None for one a core, or what `joblib.parallel_config` says.
        progress: show a bar with the time left.
    Returns:
        Networks whose metadata hold the spec, the provenance and the learning curve.
    """
    folder, specs = Path(folder) if folder is not None else store.default_folder(), list(specs)
    missing = [s for s in dict.fromkeys(specs) if not store.has(s, folder)]
    missing.sort(key=_work, reverse=True)
    backend, set_jobs = get_active_backend()
    if n_jobs is None and set_jobs is None:
        n_jobs = -1  # joblib's own default is one process
    text = f"training {len(missing)} network{'s' if len(missing) > 1 else ''}"
    layout = "{desc}: {percentage:3.0f}%|{bar}| {elapsed} elapsed, {remaining} left"
    works = [_work(spec) for spec in missing]
    bar = tqdm(total=sum(works), desc=text, bar_format=layout, disable=not (progress and missing))
    with bar, _followed(bar, works) as shares:
        calls = [(spec, folder, partial(_tell, shares, i)) for i, spec in enumerate(missing)]
        if len(missing) == 1:  # in this process
            _train_into(*calls[0])
        elif missing:
            kind = "generator_unordered" if backend.supports_return_generator else "list"
            jobs = Parallel(n_jobs=n_jobs, return_as=kind, batch_size=1)
            for report in jobs(delayed(_train_into)(*call) for call in calls):
                report(1.0)  # which a worker on another machine could not
    return [store.load(spec, folder) for spec in specs]


def _work(spec):
    """Arithmetic of a spec in flop, by which the progress bar weighs the networks."""
    recipe, n_steps = spec.recipe, spec.make_task().steps + max(spec.recipe.horizons, default=0)
    return 6.0 * recipe.steps * recipe.batch_size * n_steps * spec.hidden_size**2


def _tell(shares, i, share):
    with suppress(OSError):
        np.memmap(shares, float, "r+")[i] = share


@contextmanager
def _followed(bar, works):
    """A file where each network's process notes its share of the steps; a thread moves the bar by them."""
    over = threading.Event()

    def follow():
        while not over.wait(0.5):
            bar.update(max(np.fromfile(file) @ works - bar.n, 0))

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        file = Path(folder) / "shares"
        np.zeros(len(works)).tofile(file)
        thread = threading.Thread(target=follow)
        thread.start()
        try:
            yield file
        finally:
            over.set()
            thread.join()
        bar.update(bar.total - bar.n)


def _train_into(spec, folder, report):
    """Train one network on one core and store it; returns `report`."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        net = train_one(spec, report)
        store.save(spec, net, folder)
    finally:
        torch.set_num_threads(threads)
    return report


@one_blas_thread()
def train_one(spec: Spec, report: Callable[[float], None] | None = None) -> Network:
    """Train one network in this process, float32, with spec, provenance and learning curve in its metadata.

    `report` is called now and then with the share of the steps that are done.
    """
    recipe = spec.recipe
    started = time.time()
    start, data = generator("start", spec.seed), generator("data", spec.seed)
    n_h, task = spec.hidden_size, spec.make_task()
    parameters = spec.initial_parameters(start)
    # PyTorch's starts: all weights of the recurrent layer and of the readout within N_h^(−1/2).
    parameters["W_xh"] = initialisations.uniform((n_h, task.n_inputs), n_h, start)
    parameters["W_hy"] = recipe.readout_scale * initialisations.uniform((task.n_outputs, n_h), n_h, start)
    # All that is trained in one vector, for the optimiser.
    values = torch.cat([p.flatten() for p in parameters.values()])
    pieces = values.split([p.numel() for p in parameters.values()])
    parameters = {k: piece.view(p.shape) for (k, p), piece in zip(parameters.items(), pieces, strict=True)}
    mean, square = np.zeros((2, len(values)), np.float32)
    S = np.zeros((n_h + task.n_outputs, n_h + task.n_inputs), np.float32)
    dS = np.empty_like(S)
    curriculum = [spec.make_task(horizon=h) for h in recipe.horizons] or [task]
    steps = max(task.steps + task.free_steps for task in curriculum)
    states = np.empty((steps + 1, recipe.batch_size, max(S.shape)), np.float32)
    all_outputs = np.empty((steps, recipe.batch_size, task.n_outputs), np.float32)
    stage, history = 0, []
    every = max(1, recipe.steps // HISTORY_POINTS)
    for step in range(1, recipe.steps + 1):
        task = curriculum[stage]
        inputs, targets = task.sample(recipe.batch_size, data)
        S[:n_h, :n_h], gradients = spec.with_gradients(parameters)
        S[:n_h, n_h:], S[n_h:, :n_h] = parameters["W_xh"], parameters["W_hy"]
        H, outputs = states[: len(inputs) + task.free_steps + 1], all_outputs[: len(inputs) + task.free_steps]
        loss = kernels.loss_and_gradient(*(a.contiguous().numpy() for a in (inputs, targets)), S, H, outputs, dS)
        by_S = torch.from_numpy(dS)
        g = torch.cat([p.flatten() for p in (*gradients(by_S[:n_h, :n_h]), by_S[:n_h, n_h:], by_S[n_h:, :n_h])])
        clip = recipe.clip_norm or math.inf
        kernels.adam(values.numpy(), g.numpy(), mean, square, step, recipe.learning_rate, clip)
        last = stage == len(curriculum) - 1
        if step % every == 0 or not last:
            score = float(task.score(torch.from_numpy(outputs), targets))
            if step % every == 0:
                history.append([step, task.free_steps, loss, score])
                if report:
                    report(step / recipe.steps)
            if not last and score > recipe.advance_at:
                stage += 1
    # In float64, so that a Cayley matrix is normal to the rounding of its float32 entries.
    W_hh = spec.with_gradients({k: v.double() for k, v in parameters.items()})[0].float()
    made = {"seconds": round(time.time() - started, 1), "trained": time.strftime("%Y-%m-%d", time.gmtime())}
    made |= {**library_versions(), "code": store.training_code()}
    curve = {"columns": ["step", "horizon", "loss", task.metric.name], "rows": history}
    metadata = {"spec": spec.as_dict(), "history": curve, "provenance": made}
    return Network(parameters["W_xh"], W_hh, parameters["W_hy"], metadata=metadata)
