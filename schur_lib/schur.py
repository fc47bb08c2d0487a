"""Ordered real Schur coordinates of a recurrent weight matrix, and the ablation of its couplings.

W = Q T Qᵀ with Q orthogonal and T = B + N: B holds the diagonal blocks (the eigenvalues), N what
stands strictly above them (the nonnormal couplings). With the blocks in order of nonincreasing
modulus, R = {i : |λ_i| ≥ α ρ} comes first, C is the rest, and

    N = [[T_RR, T_CR],
         [0,    T_CC]]

(paper, section 2). None of the three couplings holds an eigenvalue, so zeroing them keeps the spectrum.

Everywhere in this package alpha is α, in (0, 1], the share of the spectral radius ρ at which R ends.
"""

import math
import warnings
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg import lapack, schur

from schur_lib.compiled import fortran, jit

Matrix = NDArray[np.float64]
Mask = NDArray[np.bool_]

COUPLINGS = ("RR", "CR", "CC")
SUBSETS = tuple(frozenset(s.split()) for s in ("", "CC", "RR", "RR CC", "CR", "CR CC", "RR CR", "RR CR CC"))

# Our choice, relative to ρ: moduli this close are tied and stay in LAPACK's order, ...
_TIE = 100 * np.finfo(float).eps
# ... and this is the rounding that neither the order nor the cut at αρ can be trusted below.
_ROUNDING = 1e-10
# Swapping nearly defective blocks can change their moduli, so that one pass may not be enough.
_MAX_PASSES = 10


class CutReport(NamedTuple):
    """How well posed the cut between R and C is; gap, sep and s are NaN where C is empty."""

    gap: float  #: (smallest modulus in R − largest modulus in C) / ρ
    n_near_cut: int  #: eigenvalues whose modulus lies within 5 % of αρ (0 where ρ = 0)
    sep: float  #: LAPACK's sep(T_RR, T_CC), in the units of W: R turns by about ‖ΔW‖ / sep under a small ΔW
    s: float  #: LAPACK's condition of R's mean eigenvalue, reciprocal, in (0, 1]; 1 where R and C do not interact


@dataclass(frozen=True, eq=False)
class OrderedSchur:
    """W = Q T Qᵀ with the diagonal blocks of T in order of nonincreasing modulus.

    Its methods take alpha in (0, 1], the share of the spectral radius at which R ends, n, the dimensions of R
    wherever αρ lies (None: `n_leading(alpha)`), and removed, any of "RR", "CR", "CC"; they raise a ValueError
    at anything else.

    Fields:
        Q: (N, N) float64, orthogonal.
        T: (N, N) float64, upper triangular but for its 2×2 blocks, one for each complex pair.
        eigenvalues: (N,) complex128 in the order of the diagonal, +i before −i within a pair.
        blocks: (number of blocks + 1,) int, the first row of every block, and N at the end.
        unswapped: neighbouring blocks left in the wrong order because they are too close
            to swap (0 in all but pathological cases; Q T Qᵀ = W holds in any case).
    """

    Q: Matrix
    T: Matrix
    eigenvalues: NDArray[np.complex128]
    blocks: NDArray[np.int_]
    unswapped: int = 0

    @classmethod
    def of_factors(cls, Q: Matrix, T: Matrix) -> "OrderedSchur":
        """A form from factors at hand, in whatever order their blocks are."""
        blocks, eigenvalues = _blocks(T)
        return cls(Q, T, eigenvalues, blocks)

    @property
    def above(self) -> Mask:
        """(N, N): what is strictly above the diagonal blocks, all couplings together."""
        block = np.searchsorted(self.blocks, np.arange(len(self.T)), side="right")
        return block[:, None] < block[None, :]

    def n_leading(self, alpha: float = 0.9) -> int:
        """Dimensions of the leading sector R = {i : ``|λ_i| ≥ α ρ``} (paper, section 2).

        In 1..N, N where ρ = 0. A pair counts 2 and is never cut; a modulus within 1e-10 ρ below αρ is in R.
        """
        if not (isinstance(alpha, Real) and 0 < float(alpha) <= 1):
            raise ValueError(f"alpha must be a number in (0, 1], got {alpha!r}")
        moduli = np.abs(self.eigenvalues)
        rho = moduli.max()
        # The last one, not the count: R is a prefix even where ties or an unswapped pair spoil the order.
        last = np.flatnonzero(moduli >= alpha * rho - _ROUNDING * rho)[-1]
        return int(self.blocks[np.searchsorted(self.blocks, last, side="right")])

    def couplings(self, alpha: float = 0.9, n: int | None = None) -> dict[str, Mask]:
        """Where the couplings T_RR, T_CR and T_CC stand in T (paper, section 2).

        Returns:
            {"RR", "CR", "CC"}: boolean (N, N) masks. They are disjoint and together cover what is strictly
            above the diagonal blocks; no entry of a 2×2 block is in any of them.
        """
        n = self.n_leading(alpha) if n is None else n
        leads, above = np.arange(len(self.T)) < n, self.above
        return {
            "RR": above & leads[None, :],
            "CR": above & leads[:, None] & ~leads[None, :],
            "CC": above & ~leads[:, None],
        }

    def mask(self, removed: Collection[str], alpha: float = 0.9, n: int | None = None) -> Mask:
        """The union of some of `couplings`, (N, N)."""
        names, masks = _names(removed), self.couplings(alpha, n)
        return sum((masks[name] for name in names), np.zeros(self.T.shape, dtype=bool))

    def part(self, mask: Mask) -> Matrix:
        """ΔW = Q ΔT Qᵀ: the part of W whose Schur coordinates are in a mask, (N, N)."""
        return self.Q @ np.where(mask, self.T, 0.0) @ self.Q.T

    def without(self, mask: Mask) -> Matrix:
        """W̃ = Q (T − ΔT) Qᵀ: W without the Schur coordinates in a mask, (N, N)."""
        return self.Q @ np.where(mask, 0.0, self.T) @ self.Q.T

    def mass(self, mask: Mask) -> float:
        """‖ΔT‖_F / ‖T‖_F of the Schur coordinates in a mask, in [0, 1]; 0 for a zero matrix."""
        T, _ = _scaled(self.T)
        return float(np.linalg.norm(T[mask]) / np.linalg.norm(T)) if T.any() else 0.0

    def ablate(self, removed: Collection[str], alpha: float = 0.9, n: int | None = None) -> Matrix:
        """W̃(S) = Q T̃(S) Qᵀ, the weights without the removed couplings S (paper, section 3).

        (N, N) float64 with the eigenvalues of W; W itself, up to rounding, where S is empty.
        """
        return self.without(self.mask(removed, alpha, n))

    def removed_mass(self, removed: Collection[str], alpha: float = 0.9) -> float:
        """Removed Schur mass ‖ΔT‖_F / ‖T‖_F, ΔT = T − T̃(S) (paper, section 3), in [0, 1]; 0 where W = 0."""
        return self.mass(self.mask(removed, alpha))

    def cut_report(self, alpha: float = 0.9) -> CutReport:
        """How well posed the cut between R and C is: see CutReport; sep and s are from LAPACK's dtrsen."""
        n = self.n_leading(alpha)
        moduli = np.abs(self.eigenvalues)
        rho = moduli.max()
        n_near_cut = int(np.sum(np.abs(moduli - alpha * rho) < 0.05 * alpha * rho))
        if n == len(moduli):
            return CutReport(np.nan, n_near_cut, np.nan, np.nan)
        T, exponent = _scaled(self.T)
        leading = np.arange(len(T)) < n
        lwork, liwork, _ = lapack.dtrsen_lwork(leading, T, job="B")
        *_, s, sep, info = lapack.dtrsen(leading, T, self.Q, job="B", wantq=0, lwork=int(lwork), liwork=liwork)
        if info != 0:
            raise RuntimeError(f"LAPACK dtrsen failed with info = {info}")
        gap = moduli[:n].min() / rho - moduli[n:].max() / rho
        return CutReport(float(gap), n_near_cut, float(np.ldexp(sep, exponent)), float(s))


def ordered_schur(W: Any) -> OrderedSchur:
    """Real Schur form of W with its blocks in order of nonincreasing modulus (paper, section 2).

    W = Q T Qᵀ from LAPACK dgees; then blocks are moved up with LAPACK dtrexc (Bai and Demmel, 1993) until they
    are in order. Moduli equal up to rounding keep LAPACK's order; the signs are those of `choose_basis`.

    >>> import numpy as np
    >>> from schur_lib import ordered_schur
    >>> form = ordered_schur(np.array([[0.5, 2.0], [0.0, 1.0]]))
    >>> form.eigenvalues.real.tolist(), form.n_leading(alpha=0.9)
    ([1.0, 0.5], 1)
    >>> np.allclose(form.Q @ form.T @ form.Q.T, [[0.5, 2.0], [0.0, 1.0]])
    True
    >>> round(form.removed_mass({"CR"}), 3)
    0.873

    Args:
        W: (N, N) real floating point, numpy or torch (any device; detached, and read as float64).
    Returns:
        OrderedSchur, with ‖Q T Qᵀ − W‖ and ‖QᵀQ − I‖ at rounding level.
    Raises:
        ValueError: W is not a square, nonempty, finite matrix of real floats.
    """
    W, exponent = _scaled(_checked(W))
    T = _padded(W)
    Q = np.empty_like(T)
    if _form(T, Q):
        raise np.linalg.LinAlgError("LAPACK dgees finds no Schur form of W")
    blocks, eigenvalues = _sort(T, Q)
    N = len(W)
    T, Q = (np.ascontiguousarray(factor[:N]) for factor in (T, Q))
    choose_basis(T, Q)
    moduli = np.abs(eigenvalues[blocks[:-1]])
    unswapped = int(np.sum(np.diff(moduli) > _ROUNDING * moduli.max()))
    if unswapped:
        said = f"{unswapped} pair(s) of neighbouring blocks are too close to swap and stay out of order"
        warnings.warn(f"{said}; Q T Qᵀ = W holds all the same", RuntimeWarning, stacklevel=2)
    with np.errstate(over="ignore"):
        T = np.ldexp(T, exponent)
    if not np.isfinite(T).all():
        raise ValueError("W is too large: the entries of its Schur form overflow float64")
    eigenvalues = np.ldexp(eigenvalues.view(float), exponent).view(complex)
    return OrderedSchur(Q, T, eigenvalues, blocks, unswapped)


def choose_basis(T: Matrix, Q: Matrix) -> None:
    """Choose, in place and exactly, one of the bases that a real Schur form leaves open.

    Any signed permutation within a diagonal block gives another form of the same matrix, and which
    one LAPACK returns differs between processors. Here the first vector of each block has its largest
    entry positive, and a 2×2 block [[a, b], [c, a]] has b ≥ −c > 0. Random changes drawn in Schur
    coordinates are then the same everywhere, as far as the form is well posed. T and Q, (N, N), are changed.
    """
    order, blocks = np.arange(len(T)), _blocks(T)[0]
    first, pairs = blocks[:-1], blocks[:-1][np.diff(blocks) == 2]
    turned = pairs[np.abs(T[pairs, pairs + 1]) < np.abs(T[pairs + 1, pairs])]
    order[turned], order[turned + 1] = turned + 1, turned
    T[:], Q[:] = T[np.ix_(order, order)], Q[:, order]
    signs = np.empty(len(T))
    signs[first] = np.sign(Q[np.abs(Q[:, first]).argmax(0), first])
    signs[pairs + 1] = signs[pairs] * np.sign(T[pairs, pairs + 1])
    Q *= signs
    T *= signs * signs[:, None]


def random_changes(n: int, norm: float, N: int, rng: np.random.Generator) -> Matrix:
    """n isotropic Gaussian matrices ΔW of one Frobenius norm, (n, N, N)."""
    drawn = rng.standard_normal((n, N, N))
    return drawn * (norm / np.linalg.norm(drawn, axis=(1, 2), keepdims=True))


def label(removed: Collection[str]) -> str:
    """Name of a removed set as in the tables: "" for the intact network, "RR+CC", …, in the order of COUPLINGS."""
    return "+".join(sorted(_names(removed), key=COUPLINGS.index))


_dgees, _dtrexc = (fortran("cython_lapack", name) for name in ("dgees", "dtrexc"))


@jit
def _form(T, Q):
    """Schur form of what is in T, and a pass of `_sort` up to where a block is stuck or splits; dgees's info."""
    (ld, N), V = T.shape, ord("V")
    real, imaginary, unused = np.empty(N), np.empty(N), np.empty(N, np.int32)
    info, sorted_to, work, n_work = np.zeros(1, np.int32), np.zeros(1, np.int32), np.empty(1), -1
    for _ in range(2):  # the first call asks how much room to work in is best
        _dgees((V, ord("N"), unused, N, T, ld, sorted_to, real, imaginary, Q, ld, work, n_work, unused, info))
        if n_work < 0:
            n_work = max(int(work[0]), N)
            work = np.empty(n_work)
    if not info[0]:
        rows, eigenvalues = _blocks(T[:N])
        _move_up(T, Q, rows, np.abs(eigenvalues[rows[:-1]]), 1)
    return info[0]


@jit
def _move_up(T, Q, rows, moduli, this):
    """Insertion sort of the blocks from one on: each call of dtrexc moves one up, and rows and moduli follow.

    Returns the block that is stuck on its way or has split, after which T must be read again, its aim and
    dtrexc's info; or the number of blocks.
    """
    (ld, N), n, tie, work = T.shape, len(moduli), _TIE * moduli.max(), np.empty(len(Q))
    info, first, last = np.zeros(1, np.int32), np.zeros(1, np.int32), np.zeros(1, np.int32)
    for k in range(this, n):
        to, size, modulus = k, rows[k + 1] - rows[k], moduli[k]
        while to > 0 and modulus - moduli[to - 1] > tie:
            to -= 1
        if to == k:
            continue
        first[0], last[0] = rows[k] + 1, rows[to] + 1
        _dtrexc((ord("V"), N, T, ld, Q, ld, first, last, work, info))
        n_pairs = 0
        for i in range(N - 1):
            n_pairs += T[i + 1, i] != 0
        if info[0] or n_pairs != N - n:
            return k, to, info[0]
        for j in range(k, to, -1):
            moduli[j], rows[j] = moduli[j - 1], rows[j - 1] + size
        moduli[to] = modulus
    return n, n, info[0]


def _sort(T, Q):
    """Bring the blocks of T into order, in place. Returns their `_blocks`."""
    for _ in range(_MAX_PASSES):
        blocks, eigenvalues, moduli = _read(T)
        tie, this = _TIE * moduli.max(), 1
        if not (np.diff(moduli) > tie).any():
            break
        while this < len(moduli):
            this, to, stuck = _move_up(T, Q, blocks, moduli, this)
            if this < len(moduli):
                blocks, eigenvalues, moduli = _read(T)
                late = (k for k in range(to + 1, this + 1) if stuck and moduli[k] - moduli[k - 1] > tie)
                if any(_swap(T, Q, *blocks[k - 1 : k + 2]) for k in late):
                    blocks, eigenvalues, moduli = _read(T)
            this += 1
    return _blocks(T[: T.shape[1]])


def _swap(T, Q, first, middle, end):
    """Swap two neighbouring blocks that dtrexc refused; False, and nothing done, where rounding forbids it.

    The same way (Bai and Demmel, 1993), but the system for the lower block's invariant subspace is solved as a
    whole, and what is left below is measured by both blocks. The moduli stay, to half their distance.
    """
    block, p, n = T[first:end, first:end].copy(), middle - first, end - middle
    A, B, C = block[:p, :p], block[p:, p:], block[:p, p:]
    try:  # LU, which bears what SVD does not: entries of very different sizes
        X = np.linalg.solve(np.kron(A, np.eye(n)) - np.kron(np.eye(p), B.T), C.ravel()).reshape(p, n)
    except np.linalg.LinAlgError:  # a common eigenvalue
        return False
    Z = np.linalg.qr(np.vstack([-X, np.eye(n)]), mode="complete")[0]
    D = Z.T @ block @ Z
    left = np.linalg.norm(D[n:, :n])
    for part in (slice(0, n), slice(n, None)):
        D[part, part], turn = schur(D[part, part])
        Z[:, part] = Z[:, part] @ turn
    D[:n, n:], D[n:, :n] = Z[:, :n].T @ block @ Z[:, n:], 0
    before, after = (np.abs(_blocks(form)[1]) for form in (block, D))
    moved = np.abs(after - np.roll(before, n)).max()
    if not (left <= 10 * np.finfo(float).eps * np.linalg.norm(block) and moved < (before[-1] - before[0]) / 2):
        return False
    T[first:end], Q[:, first:end] = Z.T @ T[first:end], Q[:, first:end] @ Z
    T[:, first:end] = T[:, first:end] @ Z
    T[first:end, first:end] = D
    return True


def _read(T):
    blocks, eigenvalues = _blocks(T[: T.shape[1]])
    return blocks, eigenvalues, np.abs(eigenvalues[blocks[:-1]])


@jit
def _blocks(T):
    """First rows of the diagonal blocks (and N at the end), and the eigenvalues on them."""
    N, first, blocks, eigenvalues = len(T), 0, [0], np.empty(len(T), np.complex128)
    while first < N:
        if first + 1 < N and T[first + 1, first]:
            # LAPACK's 2×2 blocks are [[a, b], [c, a]] with bc < 0: λ = a ± i √(−bc), |λ|² = det.
            imaginary = math.sqrt(abs(T[first, first + 1])) * math.sqrt(abs(T[first + 1, first]))
            eigenvalues[first] = complex(T[first, first], imaginary)
            eigenvalues[first + 1] = complex(T[first + 1, first + 1], -imaginary)
            first += 2
        else:
            eigenvalues[first] = T[first, first]
            first += 1
        blocks.append(first)
    return np.array(blocks), eigenvalues


def _padded(A):
    """A copy in Fortran order for LAPACK to work on in place."""
    # Rows 2^k entries apart share a cache line set: 8 unused rows make dtrexc three times as fast at N = 1024.
    padded = np.zeros((len(A) + 8, len(A)), order="F")
    padded[: len(A)] = A
    return padded


def _scaled(A):
    """A / 2^e with largest entry in [1/2, 1), and e: exact, and keeps products within range."""
    exponent = int(np.frexp(np.abs(A).max())[1])
    return np.ldexp(A, -exponent), exponent


def _checked(W):
    if isinstance(W, torch.Tensor):
        W = W.detach().cpu()
        W = (W.double() if W.is_floating_point() else W).numpy()
    W = np.asarray(W)
    if not np.issubdtype(W.dtype, np.floating):
        raise ValueError(f"W must hold real floating-point numbers, got dtype {W.dtype}")
    if W.ndim != 2 or W.shape[0] != W.shape[1] or not len(W):
        raise ValueError(f"W must be a square matrix (N, N) with at least one row, got shape {W.shape}")
    with np.errstate(over="ignore"):
        W = W.astype(np.float64)
    if not np.isfinite(W).all():
        i, j = np.argwhere(~np.isfinite(W))[0]
        raise ValueError(f"W must be finite in float64, got W[{i}, {j}] = {W[i, j]}")
    return W


def _names(removed):
    allowed = f"allowed is a collection of any of {', '.join(COUPLINGS)}, such as {{'CC'}}"
    if isinstance(removed, str) or not isinstance(removed, Iterable):
        raise ValueError(f"removed is {removed!r}; {allowed}")
    if unknown := (names := set(removed)).difference(COUPLINGS):
        raise ValueError(f"removed has unknown names {sorted(map(str, unknown))}; {allowed}")
    return names
