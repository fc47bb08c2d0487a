"""Two networks that every probe takes: anyone's GRU, and one of the copy task."""

import pytest
import torch

from schur_lib import Network, evaluation, tasks
from schur_lib.subjects import on_task


class Gated(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.readout = torch.nn.GRU(3, 8), torch.nn.Linear(8, 2)

    def forward(self, x):
        return self.readout(self.rnn(x)[0])


@pytest.fixture
def gated():
    """A function: seed of the trials → the evaluation of one gate of a GRU that is not trained."""
    torch.manual_seed(0)
    model = Gated()

    def trials(seed=0):
        g = torch.Generator().manual_seed(seed)
        inputs, targets = torch.randn(12, 6, 3, generator=g), torch.randn(12, 6, 2, generator=g)
        return evaluation(model, "rnn.weight_hh_l0", inputs, targets, gate="new")

    return trials


@pytest.fixture
def copier():
    """A function: seed of the trials and metric → an untrained network of 8 units on the copy task."""
    g = torch.Generator().manual_seed(1)
    net = Network(*(torch.randn(*shape, generator=g) / 3 for shape in ((8, 2), (8, 8), (2, 8))))
    task = tasks.copy(n_symbols=2, n_channels=2, horizon=5)

    def trials(seed=0, metric=None, n_trials=6):
        return on_task(net, task, n_trials, seed, metric)

    return trials


@pytest.fixture(params=["gated", "copier"])
def anyone(request):
    """Each of the two."""
    return request.getfixturevalue(request.param)
