"""What the coupling blocks are in other coordinates, and how well posed they are.

The paper deletes blocks of one matrix, T of W = Q T Qᵀ. Here the same deletion is made in other
coordinates, under small changes of W, at other cuts, and in five ways that are wrong.
"""

import numpy as np
import pandas as pd
import torch
from scipy.linalg import lapack, polar, rsf2csf, schur, subspace_angles
from scipy.optimize import linear_sum_assignment
from scipy.sparse.linalg import LinearOperator, eigsh

from schur_lib.dynamics import rollout
from schur_lib.networks import Network
from schur_lib.profile import held_out, scores_of
from schur_lib.schur import COUPLINGS, OrderedSchur, choose_basis, label, ordered_schur

ALL = frozenset(COUPLINGS)
SETS = (*(frozenset({name}) for name in COUPLINGS), ALL)
NEAR = 0.05  # moduli closer than this share of the larger one may change places
ALPHAS = tuple(round(0.30 + 0.03 * i, 2) for i in range(24))  # 0.30 … 0.99
WRONG = ("unordered form", "whole blocks", "sorted columns of Q", "permuted T", "own output")


# --- the same deletion in other coordinates -----------------------------------------------------


def in_basis(W, U, mask):
    """U (UᵀWU without the masked entries) Uᵀ: a deletion in the coordinates U.

    With U = Q of the ordered Schur form it is the paper's ablation.

    Args:
        W: (N, N) float64.
        U: (N, N) float64, orthogonal.
        mask: (N, N) boolean, the entries to zero.
    Returns:
        (N, N) float64.
    """
    return U @ np.where(mask, 0.0, U.T @ W @ U) @ U.T


def of_transpose(W, removed, alpha=0.9):
    """The ablation of Wᵀ, transposed back: coordinates that start with the left eigenvectors.

    Wᵀ = Q T Qᵀ gives W = Q Tᵀ Qᵀ, whose off-diagonal block leads from R into C. It is the Schur form
    of W with the complement first.

    Args:
        W: (N, N) float64.
        removed: any of "RR", "CR", "CC".
        alpha: split threshold in (0, 1].
    Returns:
        (N, N) float64 with the eigenvalues of W.
    """
    return ordered_schur(W.T).ablate(removed, alpha).T


def complex_form(form: OrderedSchur):
    """The complex Schur form W = U S Uᴴ with the sectors of the real one (scipy's rsf2csf).

    Every 2×2 block becomes two diagonal entries and one coupling between them.

    Args:
        form: ordered real Schur form.
    Returns:
        (U, S): (N, N) complex128, U unitary, S upper triangular.
    """
    S, U = rsf2csf(form.T, form.Q)
    return U, S


def complex_ablation(form: OrderedSchur, removed, alpha=0.9):
    """The ablation in the complex Schur form; above the diagonal of S everything is a coupling.

    Args:
        form: ordered real Schur form.
        removed: any of "RR", "CR", "CC".
        alpha: split threshold in (0, 1].
    Returns:
        (N, N) complex128 with the eigenvalues of W. Only without RR and CC is it real in general.
    """
    U, S = complex_form(form)
    index = np.arange(len(S))
    leads = index < form.n_leading(alpha)
    above = index[:, None] < index[None, :]
    masks = {
        "RR": above & leads[None, :],
        "CR": above & leads[:, None] & ~leads[None, :],
        "CC": above & ~leads[:, None],
    }
    mask = sum((masks[name] for name in removed), np.zeros(S.shape, dtype=bool))
    return U @ np.where(mask, 0, S) @ U.conj().T


def spectral_projector(form: OrderedSchur, alpha=0.9):
    """P_R, the projector on the leading invariant subspace along that of the complement.

    P_R = Q [[I, X], [0, 0]] Qᵀ with T_RR X − X T_CC = T_CR (Sylvester); ‖P_R‖ = 1 where the sectors do
    not interact. P_R W (I − P_R) = 0: in eigen-coordinates there is no coupling to delete.

    Args:
        form: ordered real Schur form.
        alpha: split threshold in (0, 1].
    Returns:
        (N, N) float64, P_R² = P_R and P_R W = W P_R.
    """
    n = form.n_leading(alpha)
    P = np.eye(len(form.T))
    P[n:, n:] = 0
    if n < len(P):
        X, scale, info = lapack.dtrsyl(form.T[:n, :n], form.T[n:, n:], form.T[:n, n:], isgn=-1)
        if info < 0:
            raise RuntimeError(f"LAPACK dtrsyl failed with info = {info}")
        P[:n, n:] = X / scale
    return form.Q @ P @ form.Q.T


def eigen_ablation(form: OrderedSchur, removed, alpha=0.9):
    """What comes nearest to an ablation in eigen-coordinates, where W has no couplings at all.

    What the couplings do shows there as oblique eigenvectors. So these are made orthogonal, as evenly as
    possible, by the unitary factor of the polar decomposition (Löwdin, 1950): the eigenvectors within
    R for "RR", within C for "CC", and the two invariant subspaces to each other for "CR". All three
    at once give the normal matrix whose eigenvectors are nearest to those of W. No order enters.
    (Our choice of an analogue.)

    Args:
        form: ordered real Schur form.
        removed: any of "RR", "CR", "CC".
        alpha: split threshold in (0, 1].
    Returns:
        (N, N) float64 with the eigenvalues of W.
    """
    n, N = form.n_leading(alpha), len(form.T)
    values, V = np.linalg.eig(form.Q @ form.T @ form.Q.T)
    order = np.argsort(-np.abs(values), kind="stable")
    values, V = values[order], V[:, order]
    if ALL <= set(removed):
        V = polar(V)[0]
        return (V * values @ V.conj().T).real
    W = np.zeros((N, N))
    bases = [_orthonormal(V[:, :n]), _orthonormal(V[:, n:])]
    sectors = []
    for name, X, Z, lam in zip(
        ("RR", "CC"), bases, (V[:, :n], V[:, n:]), (values[:n], values[n:]), strict=True
    ):
        S = X.T @ Z  # the eigenvectors in an orthonormal basis of their span
        S = polar(S)[0] if name in removed and len(lam) else S
        sectors.append((S * lam @ np.linalg.inv(S)).real)
    W[:n, :n], W[n:, n:] = sectors
    X = np.hstack(bases)
    X = polar(X)[0] if "CR" in removed else X
    return X @ W @ np.linalg.inv(X)


def shuffled_order(form: OrderedSchur, rng, alpha=0.9, near=NEAR):
    """The Schur form with near-equal moduli in a random order, R still first.

    Each modulus is multiplied by a random factor in [1, 1 + near] and the blocks of each sector are
    sorted anew, so that only blocks within `near` of each other change places.

    Args:
        form: ordered real Schur form.
        rng: numpy generator.
        alpha: split threshold in (0, 1].
        near: relative distance.
    Returns:
        (form, share): the other form, and the share of pairs of blocks that changed places. With
        share > 0 its moduli are not in order, but the first n_R are still those of R.
    """
    n = form.n_leading(alpha)
    starts = form.blocks[:-1]
    keys = np.abs(form.eigenvalues[starts]) * (1 + near * rng.random(len(starts)))
    keys[starts < n] += 2 * keys.max()
    T, Q, keys = form.T.copy(order="F"), form.Q.copy(order="F"), keys.tolist()
    sizes = np.diff(form.blocks).tolist()
    swaps = 0
    for this in range(1, len(keys)):
        to = this
        while to > 0 and keys[this] > keys[to - 1]:
            to -= 1
        if to < this:
            T, Q, info = lapack.dtrexc(T, Q, sum(sizes[:this]) + 1, sum(sizes[:to]) + 1)
            if info != 0:
                continue  # too close to swap: this block stays
            keys.insert(to, keys.pop(this))
            sizes.insert(to, sizes.pop(this))
            swaps += this - to
    T = np.triu(T, -1)
    return _as_form(T, Q), swaps / (len(keys) * (len(keys) - 1) / 2)


# --- how well posed the cut is ------------------------------------------------------------------


def exact_sep(form: OrderedSchur, alpha=0.9):
    """sep(T_RR, T_CC) = min ‖T_RR X − X T_CC‖_F / ‖X‖_F, the smallest singular value of X ↦ T_RR X − X T_CC.

    LAPACK's dtrsen only estimates it; here the inverse operator (dtrsyl) is iterated with Lanczos.

    Args:
        form: ordered real Schur form.
        alpha: split threshold in (0, 1].
    Returns:
        float, in the units of W; NaN where C is empty.
    """
    n, N = form.n_leading(alpha), len(form.T)
    if n == N:
        return np.nan
    A, B = form.T[:n, :n], form.T[n:, n:]

    def solve(y, transposed):
        options = {"trana": "T", "tranb": "T"} if transposed else {}
        X, scale, _ = lapack.dtrsyl(A, B, y.reshape(n, N - n), isgn=-1, **options)
        return X / scale

    size = n * (N - n)
    if size < 3:
        dense = np.kron(A, np.eye(N - n)) - np.kron(np.eye(n), B.T)
        return float(np.linalg.svd(dense, compute_uv=False)[-1])
    inverse = LinearOperator(
        (size, size), matvec=lambda y: solve(solve(y, True).ravel(), False).ravel(), dtype=float
    )
    start = np.random.default_rng(0).standard_normal(size)
    largest = eigsh(inverse, 1, which="LA", v0=start, return_eigenvectors=False, tol=1e-6)[0]
    return float(1 / np.sqrt(largest))


def nudged(W, rng, size=1e-3):
    """W plus a Gaussian change of `size` times its Frobenius norm."""
    E = rng.standard_normal(W.shape)
    return W + size * np.linalg.norm(W) / np.linalg.norm(E) * E


def moved(form: OrderedSchur, other: OrderedSchur, alpha=0.9):
    """How far the parts of a Schur form are from those of another one, such as that of a nudged W.

    Args:
        form: ordered real Schur form.
        other: of the same size; its sectors are cut at the same n_R.
        alpha: split threshold of the first in (0, 1].
    Returns:
        {"RR", "CR", "CC": relative change of the block's Frobenius norm (NaN for an empty block),
        "subspace": largest angle between the leading subspaces, in radians,
        "entries": ‖|N| − |N'|‖_F / ‖N‖_F, N the entries above the diagonal blocks: signs are
        left out because they are arbitrary}.
    """
    n, masks = form.n_leading(alpha), form.couplings(alpha)
    index = np.arange(len(form.T))
    block = np.searchsorted(other.blocks, index, side="right")
    above = block[:, None] < block[None, :]
    leads = index < n
    theirs = {
        "RR": above & leads[:, None] & leads[None, :],
        "CR": above & leads[:, None] & ~leads[None, :],
        "CC": above & ~leads[:, None] & ~leads[None, :],
    }
    change = {}
    for name in COUPLINGS:
        norm = np.linalg.norm(form.T[masks[name]])
        new = np.linalg.norm(other.T[theirs[name]])
        change[name] = abs(new / norm - 1) if norm > 0 else np.nan
    change["subspace"] = float(subspace_angles(form.Q[:, :n], other.Q[:, :n]).max())
    here = np.where(sum(masks.values()), np.abs(form.T), 0)
    there = np.where(above, np.abs(other.T), 0)
    size = np.linalg.norm(here)
    change["entries"] = float(np.linalg.norm(here - there) / size) if size > 0 else np.nan
    return change


# --- exact symmetries ---------------------------------------------------------------------------


def signed_permutation(N, rng):
    """P with one entry ±1 in each row and column, (N, N) float64."""
    return np.eye(N)[rng.permutation(N)] * rng.choice([-1.0, 1.0], N)


def relabelled(net: Network, P):
    """The network with hidden state P h: W_xh → P W_xh, W_hh → P W_hh Pᵀ, W_hy → W_hy Pᵀ.

    For a signed permutation P and a tanh network without biases the outputs stay the same, since tanh
    is odd and acts on each unit alone.

    Args:
        net: the network, without biases and with h_0 = 0.
        P: (N_h, N_h) float64, orthogonal.
    Returns:
        Network, float64.
    """
    P = torch.from_numpy(P)
    W_xh, W_hh, W_hy = (t.double() for t in (net.W_xh, net.W_hh, net.W_hy))
    return Network(P @ W_xh, P @ W_hh @ P.T, W_hy @ P.T, activation=net.activation)


def block_sign_error(form: OrderedSchur, other: OrderedSchur, P):
    """How far T' = D T Dᵀ is from holding with D a sign (or a turn) of each diagonal block alone.

    D = Q'ᵀ P Q with Q' of the relabelled network; that D is block diagonal says that T is the same
    up to block signs.

    Args:
        form: of W.
        other: of P W Pᵀ.
        P: (N, N) orthogonal.
    Returns:
        float, ‖D − its diagonal blocks‖_F / √N: 0 for the same form, about 1 for an unrelated one.
    """
    D = other.Q.T @ P @ form.Q
    block = np.searchsorted(form.blocks, np.arange(len(D)), side="right")
    return float(np.linalg.norm(D[block[:, None] != block[None, :]]) / np.sqrt(len(D)))


# --- five ways to get it wrong ------------------------------------------------------------------


def wrong_factors(form: OrderedSchur, W, implementation, removed, alpha=0.9):
    """Q, T and the ablated T of an implementation that is wrong on purpose.

    * "unordered form": LAPACK's Schur form as it comes; its first n_R dimensions are taken for R.
    * "whole blocks": every entry of a sector is zeroed, its eigenvalues too.
    * "sorted columns of Q": the columns of LAPACK's Q are sorted by modulus, T stays as it is.
    * "permuted T": rows and columns of T are permuted with the columns of Q.
    * "own output": right factors; what is wrong is the target (`own_scores`).

    Args:
        form: the right form.
        W: (N, N) float64.
        implementation: one of `WRONG`.
        removed: any of "RR", "CR", "CC".
        alpha: split threshold in (0, 1].
    Returns:
        (Q, T, T_ablated): (N, N) float64 each.
    Raises:
        ValueError: unknown implementation.
    """
    if implementation not in WRONG:
        raise ValueError(f"implementation must be one of {WRONG}, got {implementation!r}")
    n, index = form.n_leading(alpha), np.arange(len(W))
    leads = index < n
    sectors = {"RR": (leads, leads), "CR": (leads, ~leads), "CC": (~leads, ~leads)}
    if implementation == "own output":
        Q, T, above = form.Q, form.T, _above(form.blocks)
    elif implementation == "whole blocks":
        Q, T, above = form.Q, form.T, np.ones(W.shape, dtype=bool)
    else:
        T, Q = schur(W, output="real")
        choose_basis(T, Q)
        raw = _as_form(T, Q)
        above = _above(raw.blocks)
        order = np.argsort(-np.abs(raw.eigenvalues), kind="stable")
        if implementation != "unordered form":
            Q = Q[:, order]
        if implementation == "permuted T":
            T, above = T[order][:, order], index[:, None] < index[None, :]
    mask = np.zeros(W.shape, dtype=bool)
    for name in removed:
        rows, columns = sectors[name]
        mask |= above & rows[:, None] & columns[None, :]
    return Q, T, np.where(mask, 0.0, T)


def violations(form: OrderedSchur, W, Q, T, T_ablated):
    """What an implementation breaks; each is 0 for the right one, up to rounding.

    Args:
        form: the right form of W.
        W: (N, N) float64.
        Q, T, T_ablated: (N, N) float64 of the implementation.
    Returns:
        {"reconstruction": ‖Q T Qᵀ − W‖_F / ‖W‖_F,
        "triangularity": ‖T below its diagonal blocks‖_F / ‖W‖_F,
        "order": largest rise of the modulus from one dimension to the next, over ρ,
        "spectrum": largest distance of an eigenvalue of W̃ from its partner in W, over ρ}.
    """
    index = np.arange(len(T))
    norm, rho = np.linalg.norm(W), np.abs(form.eigenvalues).max()
    below = np.tril(T, -2)
    # A subdiagonal entry belongs to a 2×2 block if its neighbours are zero and the rows below are clean.
    sub = np.diagonal(T, -1).copy()
    paired = (sub != 0) & ~np.append(False, sub[:-1] != 0) & ~np.append(sub[1:] != 0, False)
    below[index[1:], index[:-1]] = np.where(paired & (np.diagonal(T, 1) * sub < 0), 0.0, sub)
    triangular = not below.any()
    moduli = np.abs(_as_form(T, Q).eigenvalues if triangular else np.diagonal(T))
    return {
        "reconstruction": float(np.linalg.norm(Q @ T @ Q.T - W) / norm),
        "triangularity": float(np.linalg.norm(below) / norm),
        "order": float(max(np.diff(moduli).max(initial=0), 0) / rho),
        "spectrum": spectrum_moved(form, T_ablated),
    }


def spectrum_moved(form: OrderedSchur, W):
    """Largest distance of an eigenvalue of W from its partner in a form's, over the form's ρ.

    Partners are assigned so that the sum of the distances is least.

    Args:
        form: ordered real Schur form.
        W: (N, N), real or complex.
    Returns:
        float.
    """
    distance = np.abs(form.eigenvalues[:, None] - np.linalg.eigvals(W)[None, :])
    rows, columns = linear_sum_assignment(distance)
    return float(distance[rows, columns].max() / np.abs(form.eigenvalues).max())


def own_scores(net: Network, task, matrices, batch_size=128, seed=0):
    """Scores against the whole network's own output instead of the target: wrong on purpose.

    Args:
        net: the network.
        task: gives the trials and the score; where it wants ±1, the sign of the output is taken.
        matrices: list of (N_h, N_h) tensors.
        batch_size: held-out trials.
        seed: of the trials.
    Returns:
        list of floats.
    """
    inputs, targets = (t.to(net.W_hh) for t in held_out(task, batch_size, seed))
    own = rollout(net, inputs, free_steps=task.free_steps)[-len(targets) :]
    if task.score_name == "replay_accuracy":
        own = torch.where(own >= 0, 1.0, -1.0).to(own)
    outputs = rollout(net, inputs, W_hh=torch.stack(list(matrices)), free_steps=task.free_steps)
    return [float(task.score(y, own)) for y in outputs]


# --- the tables of the chapter ------------------------------------------------------------------


def measure_bases(spec, net, batch_size=128, draws=5):
    """Effects of the three blocks, and of all at once, in each system of coordinates.

    Args:
        spec: of the network.
        net: the network.
        batch_size: held-out trials.
        draws: of random bases and of random orders.
    Returns:
        `system` ("schur", "order", "complex", "transpose", "eigen", "random"), `draw`, `removed`,
        `mass` ‖W − W̃‖_F / ‖W‖_F, `spectrum` (largest move of an eigenvalue, over ρ), `imaginary`
        (the share of ‖W̃‖_F that is imaginary and left out), `score`, `delta`, and for the network
        `condition` κ(V) of its unit eigenvectors and `projector` ‖P_R‖₂.
    """
    form = ordered_schur(net.W_hh)
    W, N, rng = net.W_hh.double().numpy(), len(form.T), np.random.default_rng(spec.seed)
    rows, matrices = [], []

    def add(system, draw, removed, changed):
        imaginary = np.linalg.norm(changed.imag) / np.linalg.norm(changed)
        mass = np.linalg.norm(W - changed.real) / np.linalg.norm(W)
        spectrum = spectrum_moved(form, changed.real)
        rows.append((system, draw, label(removed), mass, spectrum, imaginary))
        matrices.append(torch.from_numpy(np.ascontiguousarray(changed.real)).to(net.W_hh))

    forms = [shuffled_order(form, rng)[0] for _ in range(draws)]
    bases = [np.linalg.qr(rng.standard_normal((N, N)))[0] for _ in range(draws)]
    n = form.n_leading()
    masks = form.couplings()
    for removed in SETS:
        mask = sum((masks[name] for name in removed), np.zeros((N, N), dtype=bool))
        add("schur", 0, removed, in_basis(W, form.Q, mask))
        for draw, other in enumerate(forms):
            add("order", draw, removed, _ablate_at(other, n, removed))
        add("complex", 0, removed, complex_ablation(form, removed))
        add("transpose", 0, removed, of_transpose(W, removed))
        add("eigen", 0, removed, eigen_ablation(form, removed))
        for draw, U in enumerate(bases):
            add("random", draw, removed, in_basis(W, U, mask))
    full, *scores = scores_of(net, spec.make_task(), [net.W_hh, *matrices], batch_size).tolist()
    columns = ["system", "draw", "removed", "mass", "spectrum", "imaginary"]
    table = pd.DataFrame(rows, columns=columns).assign(score=scores)
    return table.assign(
        delta=table.score - full,
        condition=float(np.linalg.cond(np.linalg.eig(W)[1])),
        projector=float(np.linalg.norm(spectral_projector(form), 2)),
    )


def measure_cut(spec, net, batch_size=128):
    """The continuous sweep of α: where the cut falls, how well posed it is, what the blocks do.

    Args:
        spec: of the network.
        net: the network.
        batch_size: held-out trials.
    Returns:
        One row an α in `ALPHAS` and a block: `alpha`, `n_leading`, `gap`, `n_near_cut`, `sep` (exact),
        `sep_estimate` (LAPACK), `s`, `removed`, `mass`, `score`, `delta`.
    """
    form = ordered_schur(net.W_hh)
    reports, keys, matrices = {}, [], []
    for alpha in (0.9, *ALPHAS):
        n = form.n_leading(alpha)
        if n not in reports:
            report = form.cut_report(alpha)
            reports[n] = (report.gap, exact_sep(form, alpha), report.sep, report.s)
            for name in COUPLINGS:
                keys.append((n, name))
                matrices.append(torch.from_numpy(form.ablate({name}, alpha)).to(net.W_hh))
    full, *scores = scores_of(net, spec.make_task(), [net.W_hh, *matrices], batch_size).tolist()
    scores = dict(zip(keys, scores, strict=True))
    rows = []
    for alpha in ALPHAS:
        n = form.n_leading(alpha)
        gap, sep, estimate, s = reports[n]
        for name in COUPLINGS:
            mass, score = form.removed_mass({name}, alpha), scores[n, name]
            near = form.cut_report(alpha).n_near_cut
            row = (alpha, n, gap, near, sep, estimate, s, name, mass, score, score - full)
            rows.append(row)
    columns = ["alpha", "n_leading", "gap", "n_near_cut", "sep", "sep_estimate", "s"]
    return pd.DataFrame(rows, columns=[*columns, "removed", "mass", "score", "delta"])


def measure_nudges(spec, net, batch_size=128, draws=10, size=1e-3):
    """What small changes of W do to the blocks and to what deleting them does.

    Args:
        spec: of the network.
        net: the network.
        batch_size: held-out trials.
        draws: of the change.
        size: of the change, over ‖W‖_F.
    Returns:
        One row a draw: `draw`, `n_leading` of the changed W (cut anew at α = 0.9), `RR`, `CR`, `CC`,
        `subspace`, `entries` (see `moved`, cut at the old n_R), and `score` (of the whole network),
        `score_RR`, `score_CR`, `score_CC`: the changed network's score or effect minus the
        unchanged network's.
    """
    form = ordered_schur(net.W_hh)
    W, rng = net.W_hh.double().numpy(), np.random.default_rng(spec.seed)
    n, rows, matrices = form.n_leading(), [], []
    for draw in range(-1, draws):  # −1 is the network as it is
        V = W if draw < 0 else nudged(W, rng, size)
        other = ordered_schur(V)
        matrices += [V, *(_ablate_at(other, n, {name}) for name in COUPLINGS)]
        if draw >= 0:
            rows.append({"draw": draw, "n_leading": other.n_leading(), **moved(form, other)})
    matrices = [torch.from_numpy(V).to(net.W_hh) for V in matrices]
    scores = scores_of(net, spec.make_task(), matrices, batch_size).numpy().reshape(draws + 1, 4)
    effects = np.column_stack([scores[:, 0], scores[:, 1:] - scores[:, :1]])
    names = ["score", *(f"score_{name}" for name in COUPLINGS)]
    changes = pd.DataFrame(effects[1:] - effects[0], columns=names)
    return pd.concat([pd.DataFrame(rows), changes], axis=1)


def measure_symmetries(spec, net, batch_size=64, draws=3):
    """What signed permutations of the hidden units change: nothing but rounding.

    Args:
        spec: of the network.
        net: the network.
        batch_size: held-out trials.
        draws: of the permutation.
    Returns:
        One row a draw: `draw`, `form` (`block_sign_error`), `norms` (largest change of a
        block's share of ‖T‖_F), `score` (largest change of the score over the whole and the three
        ablated networks, in float64), and `rotation`: the change of the whole network's score
        under a random rotation, which is no symmetry.
    """
    form, task = ordered_schur(net.W_hh), spec.make_task()
    rng, N = np.random.default_rng(spec.seed), net.hidden_size
    before = _profile_in_float64(relabelled(net, np.eye(N)), task, batch_size)
    rows = []
    for draw in range(draws):
        P = signed_permutation(N, rng)
        other = relabelled(net, P)
        theirs = ordered_schur(other.W_hh)
        masses = [[f.removed_mass({name}) for name in COUPLINGS] for f in (form, theirs)]
        norms = np.abs(np.subtract(*masses)).max()
        scores = _profile_in_float64(other, task, batch_size)
        U = np.linalg.qr(rng.standard_normal((N, N)))[0]
        turned = relabelled(net, U)
        rotated = scores_of(turned, task, [turned.W_hh], batch_size).item()
        rows.append(
            (draw, block_sign_error(form, theirs, P), norms, np.abs(scores - before).max(),
             rotated - before[0])
        )  # fmt: skip
    return pd.DataFrame(rows, columns=["draw", "form", "norms", "score", "rotation"])


def measure_wrong(spec, net, batch_size=128):
    """The five wrong implementations: what each violates, and the number it would have given.

    Args:
        spec: of the network.
        net: the network.
        batch_size: held-out trials.
    Returns:
        One row an implementation ("right" first) and removed set ("" is the whole network):
        `implementation`, `removed`, `reconstruction`, `triangularity`, `order`, `spectrum`
        (see `violations`), `score`, and `right`, the score of the right implementation.
    """
    form, task = ordered_schur(net.W_hh), spec.make_task()
    W = net.W_hh.double().numpy()
    rows, matrices, sets = [], [], (frozenset(), *SETS[:3])
    for implementation in ("right", *WRONG):
        for removed in sets:
            kind = "own output" if implementation == "right" else implementation
            Q, T, T_ablated = wrong_factors(form, W, kind, removed)
            broken = violations(form, W, Q, T, T_ablated)
            rows.append({"implementation": implementation, "removed": label(removed), **broken})
            matrices.append(torch.from_numpy(Q @ T_ablated @ Q.T).to(net.W_hh))
    scores = scores_of(net, task, matrices, batch_size).tolist()
    scores[-len(sets) :] = own_scores(net, task, matrices[-len(sets) :], batch_size)
    table = pd.DataFrame(rows).assign(score=scores)
    return table.assign(right=scores[: len(sets)] * (1 + len(WRONG)))


# --- private ------------------------------------------------------------------------------------


def _above(blocks):
    block = np.searchsorted(blocks, np.arange(blocks[-1]), side="right")
    return block[:, None] < block[None, :]


def _as_form(T, Q):
    """An OrderedSchur of LAPACK's factors in whatever order they are."""
    below = np.diagonal(T, -1)
    pairs = np.flatnonzero(below)
    blocks = np.append(np.flatnonzero(np.append(True, below == 0)), len(T))
    values = np.diagonal(T).astype(complex)
    turn = np.sqrt(np.abs(np.diagonal(T, 1)[pairs] * below[pairs]))
    values[pairs] += 1j * turn
    values[pairs + 1] -= 1j * turn
    return OrderedSchur(Q, T, values, blocks)


def _ablate_at(form, n, removed):
    """W̃ with the sectors cut after n dimensions, wherever αρ lies."""
    leads = np.arange(len(form.T)) < n
    above = _above(form.blocks)
    masks = {
        "RR": above & leads[:, None] & leads[None, :],
        "CR": above & leads[:, None] & ~leads[None, :],
        "CC": above & ~leads[:, None] & ~leads[None, :],
    }
    mask = sum((masks[name] for name in removed), np.zeros(form.T.shape, dtype=bool))
    return form.Q @ np.where(mask, 0.0, form.T) @ form.Q.T


def _orthonormal(Z):
    """An orthonormal real basis of the span of eigenvectors that come in conjugate pairs."""
    U, values, _ = np.linalg.svd(np.hstack([Z.real, Z.imag]), full_matrices=False)
    return U[:, : Z.shape[1]]


def _profile_in_float64(net, task, batch_size):
    form = ordered_schur(net.W_hh)
    matrices = [net.W_hh, *(torch.from_numpy(form.ablate({name})) for name in COUPLINGS)]
    return scores_of(net, task, matrices, batch_size).numpy()
