"""The same training steps or rollouts by others, each in a process of its own: `python peer.py KIND NETWORKS …`.

A process does its share of the networks, or of the matrices; for each line that it reads it does all of it REPEATS
times and prints the seconds. JAX and ONNX Runtime are what `run.py bench --peers` installed.
"""

import os
import sys
import time

KIND, NETWORKS, N, B, T, CHANNELS, REPEATS = sys.argv[1], *map(int, sys.argv[2:])


def jax_steps(together):
    """Training steps by scan and jit, of all networks at once by vmap or of one after the other."""
    import jax
    import jax.numpy as jnp

    def loss(weights, inputs, targets):
        W_xh, W_hh, W_hy = weights

        def step(h, x):
            h = jnp.tanh(x @ W_xh.T + h @ W_hh.T)
            return h, h

        _, states = jax.lax.scan(step, jnp.zeros((B, N)), inputs)
        return jnp.mean((states @ W_hy.T - targets) ** 2)

    gradients = jax.value_and_grad(loss)
    gradients = jax.jit(jax.vmap(gradients, in_axes=(0, None, None)) if together else gradients)
    keys = jax.random.split(jax.random.key(0), 5)
    weights = (
        jax.random.normal(keys[0], (NETWORKS, N, CHANNELS)) / N**0.5,
        jax.random.orthogonal(keys[1], N, (NETWORKS,)),
        jax.random.normal(keys[2], (NETWORKS, CHANNELS, N)) / N**0.5,
    )
    inputs = jnp.zeros((T, B, CHANNELS)).at[:8].set(jnp.sign(jax.random.normal(keys[3], (8, B, CHANNELS))))
    targets = jnp.sign(jax.random.normal(keys[4], (T, B, CHANNELS)))
    each = [weights] if together else [tuple(W[i] for W in weights) for i in range(NETWORKS)]

    def run():
        for these in each:
            jax.block_until_ready(gradients(these, inputs, targets))

    return run


def onnx_rollouts():
    """Rollouts by ONNX Runtime's RNN, the recurrent weights an input of the graph."""
    import numpy as np
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(0)
    draw = lambda *shape: (rng.standard_normal(shape) / N**0.5).astype("f")  # noqa: E731
    floats = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)  # noqa: E731
    nodes = [
        helper.make_node("RNN", ["x", "W_xh", "W_hh"], ["states"], hidden_size=N, activations=["Tanh"]),
        helper.make_node("Squeeze", ["states", "direction"], ["h"]),
        helper.make_node("MatMul", ["h", "W_hy"], ["y"]),
    ]
    constants = {"W_xh": draw(1, N, CHANNELS), "W_hy": draw(N, CHANNELS), "direction": np.array([1])}
    graph = helper.make_graph(
        nodes,
        "rollout",
        [floats("x", [T, B, CHANNELS]), floats("W_hh", [1, N, N])],
        [floats("y", [T, B, CHANNELS])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    x, matrices = np.zeros((T, B, CHANNELS), "f"), draw(NETWORKS, 1, N, N)
    x[:8] = np.sign(rng.standard_normal((8, B, CHANNELS)))

    def run():
        for W in matrices:
            session.run(None, {"x": x, "W_hh": W})

    return run


def compiled_torch(train):
    """Training steps or rollouts of all networks at once: a batched step by torch.compile in a loop over time."""
    import torch

    torch.manual_seed(0)
    W_xh, W_hh, W_hy = (torch.randn(NETWORKS, *s) / N**0.5 for s in ((CHANNELS, N), (N, N), (N, CHANNELS)))
    x, targets = torch.zeros(T, B, CHANNELS), torch.sign(torch.randn(T, B, CHANNELS))
    x[:8] = torch.sign(torch.randn(8, B, CHANNELS))
    leaves = [W.requires_grad_(train) for W in (W_xh, W_hh, W_hy)]
    step = torch.compile(lambda h, drive: torch.tanh(torch.baddbmm(drive, h, W_hh)))

    def run():
        drive, h, states = torch.einsum("tbx,kxn->tkbn", x, W_xh), torch.zeros(NETWORKS, B, N), []
        for t in range(T):
            h = step(h, drive[t])
            states.append(h)
        outputs = torch.stack(states) @ W_hy
        if train:
            torch.autograd.grad((outputs - targets[:, None]).square().mean((0, 2, 3)).sum(), leaves)

    return run


if __name__ == "__main__":
    if KIND.endswith("a core"):
        os.environ["OMP_NUM_THREADS"] = "1"
        os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    run = {
        "JAX": lambda: jax_steps(together=True),
        "JAX, one a core": lambda: jax_steps(together=False),
        "ONNX Runtime, one a core": onnx_rollouts,
        "torch.compile, half a core": lambda: compiled_torch(train=True),
        "torch.compile rollouts, half a core": lambda: compiled_torch(train=False),
    }[KIND]()
    run()
    print("ready", flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        for _ in range(REPEATS):
            run()
        print(time.perf_counter() - start, flush=True)
