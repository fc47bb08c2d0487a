"""A network for the explorer, which ablates it in the browser: classic scripts that work from a file:// copy.

A page opened from the disk can neither fetch a file nor load a module, but it can hold a script, or add one.
So each network is one script: a JSON head and its matrices as base64 of little-endian float32.
"""

import base64
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from report.equations import Equation, RateNetwork
from schur_lib.metrics import METRICS
from schur_lib.networks import Network
from schur_lib.subjects import Evaluation

FOLDER = Path(__file__).parent / "explorer"  # the scripts, the style and the panel, for the book and the report
# Our choices: how large a network a page may hold, how many products an update may take (tens of ms), and how many
# numbers of trials are sent along.
UNITS, PRODUCTS, NUMBERS = 256, 4e7, 3e5
MOST = 10 * PRODUCTS  # for a single trial
STEPS = 10_000


def script(name: str, head: dict, **arrays) -> str:
    """explorer.receive(name, {…, arrays: [[name, shape], …]}, base64): what data.js takes."""
    arrays = {key: np.asarray(value, dtype="<f4") for key, value in arrays.items() if value is not None}
    head = {**head, "arrays": [[key, value.shape] for key, value in arrays.items()]}
    data = base64.b64encode(b"".join(value.tobytes() for value in arrays.values())).decode()
    return f'explorer.receive("{name}", {json.dumps(head)}, "{data}");\n'


def of_network(name: str, net: Network | RateNetwork, form) -> str:
    """The script of a network with its ordered Schur form."""
    equation = net.equation if isinstance(net, RateNetwork) else Equation(net.activation)
    head = {"blocks": form.blocks.tolist(), "equation": asdict(equation)}
    eigenvalues = {"real": form.eigenvalues.real, "imag": form.eigenvalues.imag}
    return script(name, head, Q=form.Q, T=form.T, **eigenvalues, **net.tensors())


def why_not(trials: Evaluation) -> str:
    """Why a network cannot be run in the page, in words for "because …"; "" where it can."""
    net, inputs = trials.module, trials.inputs
    if not isinstance(net, Network | RateNetwork) or inputs is None:
        return "its equation is not one that the page can run"
    if METRICS.get(trials.metric.name) is not trials.metric:
        return "its metric is not one that the page can work out"
    n_steps, size = len(inputs) + trials.free_steps, net.hidden_size
    if size > UNITS:
        return f"it has more than {UNITS} units"
    if n_steps > STEPS or n_steps * size**2 > MOST:
        return "one trial takes too long to run in a browser"
    return ""


def scripts(trials: Evaluation, alpha: float) -> list[str]:
    """All scripts of a page that runs one network, in their order.

    Args:
        trials: a network that `why_not` has nothing against; evenly chosen trials of it go into the page.
        alpha: splits the sectors to begin with.
    """
    net, metric, targets = trials.module, trials.metric, trials.targets
    n_steps = len(trials.inputs) + trials.free_steps
    each = len(trials.inputs) * net.n_inputs + targets[:, 0].numel()
    n = max(1, min(trials.n_trials, 64, int(PRODUCTS / (n_steps * net.hidden_size**2)), int(NUMBERS / each)))
    taken = torch.linspace(0, trials.n_trials - 1, n).round().long()
    y = targets[:, taken]
    chosen = script("own", {"classes": metric.classes}, inputs=trials.inputs[:, taken],
                    targets=y[..., None] if metric.classes else y)  # fmt: skip
    task = {"title": "", "score": metric.name, "free_steps": trials.free_steps, "n_trials": n}
    index = {
        "tasks": {"own": task},
        "networks": [{"name": "network", "task": "own", "kind": "", "seed": 0, "title": ""}],
        "start": {"network": "network", "alpha": alpha},
    }
    code = {name: (FOLDER / f"{name}.js").read_text(encoding="utf-8") for name in
            ("data", "schur", "rollout", "view", "main")}  # fmt: skip
    own = f"explorer.index = {json.dumps(index)};\n" + chosen + of_network("network", net, trials.form)
    return [code["data"], own, code["schur"], code["rollout"], code["view"], code["main"]]
