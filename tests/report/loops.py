"""Rate networks as plain loops in float64, written apart from the report: what its tests compare with."""

import numpy as np

PHI = {
    "tanh": np.tanh,
    "relu": lambda z: np.maximum(z, 0),
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "softplus": lambda z: np.log1p(np.exp(z)),
    "identity": lambda z: z,
}


def outputs(x, W_xh, W_hh, W_hy, b_h=0.0, b_y=0.0, h0=0.0, phi="tanh", leak=1.0, form="rate", late=False):
    """(T, B, N_y) of inputs (T, B, N_x), trial by trial and step by step."""
    read = PHI[phi] if form in ("potential", "bias-inside") else PHI["identity"]
    f, a, made = PHI[phi], leak, np.zeros((*x.shape[:2], len(W_hy)))
    for b in range(x.shape[1]):
        h = np.zeros(len(W_hh)) + h0  # h, or v
        r = f(h)
        for t in range(len(x)):
            if late:
                made[t, b] = W_hy @ read(h) + b_y
            if form == "rate":
                h = (1 - a) * h + a * f(W_hh @ h + W_xh @ x[t, b] + b_h)
            elif form == "inside":
                h = f((1 - a) * h + a * (W_hh @ h + W_xh @ x[t, b] + b_h))
            elif form == "bias-inside":
                h = (1 - a) * h + a * (W_hh @ r + W_xh @ x[t, b])
                r = f(h + b_h)
            else:
                h = (1 - a) * h + a * (W_hh @ r + W_xh @ x[t, b] + b_h)
                r = f(h)
            if not late:
                made[t, b] = W_hy @ read(h) + b_y
    return made


def fvu(y, targets):
    targets = np.asarray(targets, float)
    rest = targets - targets.mean((0, 1))
    return ((np.asarray(y, float) - targets) ** 2).sum() / (rest**2).sum()
