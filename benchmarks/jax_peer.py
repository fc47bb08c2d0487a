"""The same training steps in JAX: all networks at once by vmap, time by scan, all of it jitted.

Runs in a process of its own with the packages of `benchmarks --peers`; for each line that it reads it
takes STEPS steps and prints the seconds.
"""

import sys
import time

import jax
import jax.numpy as jnp

N, B, T, CHANNELS, NETWORKS, STEPS = map(int, sys.argv[1:])


def loss(weights, inputs, targets):
    W_xh, W_hh, W_hy = weights

    def step(h, x):
        h = jnp.tanh(x @ W_xh.T + h @ W_hh.T)
        return h, h

    _, states = jax.lax.scan(step, jnp.zeros((B, N)), inputs)
    return jnp.mean((states @ W_hy.T - targets) ** 2)


gradients = jax.jit(jax.vmap(jax.value_and_grad(loss), in_axes=(0, None, None)))
keys = jax.random.split(jax.random.key(0), 5)
weights = (
    jax.random.normal(keys[0], (NETWORKS, N, CHANNELS)) / N**0.5,
    jax.random.orthogonal(keys[1], N, (NETWORKS,)),
    jax.random.normal(keys[2], (NETWORKS, CHANNELS, N)) / N**0.5,
)
inputs = jnp.zeros((T, B, CHANNELS)).at[:8].set(jnp.sign(jax.random.normal(keys[3], (8, B, CHANNELS))))
targets = jnp.sign(jax.random.normal(keys[4], (T, B, CHANNELS)))
jax.block_until_ready(gradients(weights, inputs, targets))
print(jax.__version__, flush=True)
for _ in sys.stdin:
    start = time.perf_counter()
    for _ in range(STEPS):
        jax.block_until_ready(gradients(weights, inputs, targets))
    print(time.perf_counter() - start, flush=True)
