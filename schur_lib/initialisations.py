"""The four recurrent constructions: how W_hh starts and what is trained (paper, section 3).

The three dense ones train W_hh itself and differ only in its start. Cayley trains A and D of
W = O(A) D O(A)ᵀ, so that every iterate is normal.
"""

import math
from collections.abc import Callable

import torch
from torch import Generator, Tensor

CONSTRUCTIONS = ("dense_default", "dense_orthogonal", "dense_normal", "cayley")


def initial_parameters(construction: str, hidden_size: int, generator: Generator) -> dict[str, Tensor]:
    """Draw what is trained of W_hh.

    * dense_default: W_ij ~ Unif[−m, m], m = N_h^(−1/2)
    * dense_orthogonal: W = Q, uniform over the orthogonal matrices
    * dense_normal: W = Q D Qᵀ, D of N_h/2 blocks [[a, −b], [b, a]], a, b ~ N(0, 1/6)
    * cayley: U_ij ~ Unif[−m, m], A = (U − Uᵀ)/2; D the real block form of the eigenvalues of a matrix
      with Unif[−m, m] entries

    Args:
        construction: one of `CONSTRUCTIONS`.
        hidden_size: N_h ≥ 1; even for dense_normal.
        generator: source of randomness.
    Returns:
        {"W_hh": (N_h, N_h)} for the dense ones; {"U": (N_h, N_h), "a": (n_pairs,), "b": (n_pairs,),
        "d": (N_h − 2 n_pairs,)} for cayley; all float32.
    Raises:
        ValueError: unknown construction, or a hidden size that it cannot have.
    """
    if construction not in CONSTRUCTIONS:
        raise ValueError(f"construction must be one of {CONSTRUCTIONS}, got {construction!r}")
    if not isinstance(hidden_size, int) or hidden_size < 1:
        raise ValueError(f"hidden_size must be an integer ≥ 1, got {hidden_size!r}")
    shape = (hidden_size, hidden_size)
    if construction == "dense_default":
        return {"W_hh": uniform(shape, hidden_size, generator)}
    if construction == "dense_orthogonal":
        return {"W_hh": random_orthogonal(hidden_size, generator).float()}
    if construction == "dense_normal":
        if hidden_size % 2:
            raise ValueError(f"dense_normal needs an even hidden_size, got {hidden_size}")
        Q = random_orthogonal(hidden_size, generator)
        a, b = torch.randn(2, hidden_size // 2, generator=generator, dtype=torch.float64) / math.sqrt(6)
        return {"W_hh": (Q @ block_diagonal(a, b, a.new_empty(0)) @ Q.T).float()}
    U, M = (uniform(shape, hidden_size, generator) for _ in range(2))
    eigenvalues = torch.linalg.eigvals(M.double())
    pairs, real = eigenvalues[eigenvalues.imag > 0], eigenvalues[eigenvalues.imag == 0]
    return {"U": U, "a": pairs.real.float(), "b": pairs.imag.float(), "d": real.real.float()}


def recurrent_matrix(parameters: dict[str, Tensor]) -> Tensor:
    """W_hh (N_h, N_h) from what is trained, differentiably.

    Cayley: W = O(A) D O(A)ᵀ with O(A) = (I − A)(I + A)⁻¹ and A = (U − Uᵀ)/2.
    """
    return with_gradients(parameters)[0]


def with_gradients(parameters: dict[str, Tensor]) -> tuple[Tensor, Callable[[Tensor], list[Tensor]]]:
    """W_hh, and what makes the gradient of a loss by it into those by what is trained, in their order.

    Cayley: O + I = 2 (I + A)⁻¹, so that dO = −(O + I) dA (O + I) / 2; three times as quick as autograd.
    """
    if "W_hh" in parameters:
        return parameters["W_hh"], lambda dW: [dW]
    U = parameters["U"]
    A = (U - U.T) / 2
    identity = torch.eye(len(U), dtype=U.dtype, device=U.device)
    O = torch.linalg.solve(identity + A, identity - A)  # noqa: E741, the paper's name; the factors commute
    D = block_diagonal(parameters["a"], parameters["b"], parameters["d"])
    OD = O @ D

    def gradients(dW):
        P, n = (O + identity).T, 2 * len(parameters["b"])
        dA = P @ (dW @ O @ D.T + dW.T @ OD) @ P / -2
        dD = O.T @ dW @ O
        on, below, above = (dD.diagonal(k) for k in (0, -1, 1))
        return [(dA - dA.T) / 2, on[:n:2] + on[1:n:2], below[:n:2] - above[:n:2], on[n:]]

    return OD @ O.T, gradients


def block_diagonal(a: Tensor, b: Tensor, d: Tensor) -> Tensor:
    """The normal matrix with blocks [[a, −b], [b, a]] first, then the entries of d."""
    diagonal = torch.cat([a.repeat_interleave(2), d])
    beside = torch.zeros(max(len(diagonal) - 1, 0), dtype=a.dtype, device=a.device)
    beside[0 : 2 * len(b) : 2] = b
    return torch.diag(diagonal) + torch.diag(beside, -1) - torch.diag(beside, 1)


def random_orthogonal(n: int, generator: Generator) -> Tensor:
    """A float64 (n, n) orthogonal matrix, uniform (Haar): QR of a Gaussian with the signs of R fixed."""
    Q, R = torch.linalg.qr(torch.randn(n, n, generator=generator, dtype=torch.float64))
    return Q * torch.sign(torch.diagonal(R))


def uniform(shape: tuple[int, ...], fan_in: int, generator: Generator) -> Tensor:
    """Unif[−m, m] with m = fan_in^(−1/2), float32."""
    return (2 * torch.rand(shape, generator=generator) - 1) / math.sqrt(fan_in)
