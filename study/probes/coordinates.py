"""What the coupling blocks are in other coordinates, and how well posed they are.

The paper deletes blocks of one matrix, T of W = Q T Qᵀ. Here the same deletion is made in other
coordinates, under small changes of W, at other cuts, and in five ways that are wrong.

`removed` is any of "RR", "CR", "CC", and `alpha` splits the leading sector from its complement.
"""

from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from scipy.linalg import lapack, polar, rsf2csf, schur
from scipy.sparse.linalg import LinearOperator, eigsh

from schur_lib.networks import Network
from schur_lib.schur import COUPLINGS, OrderedSchur, choose_basis, label, ordered_schur
from schur_lib.subjects import Evaluation, of_network
from study.probes.nonnormality import smallest_singular, tanh_network
from study.probes.perturbations import SIZE, draws_of, perturbations

ALL = frozenset(COUPLINGS)
SETS = (*(frozenset({name}) for name in COUPLINGS), ALL)
NEAR = 0.05  # moduli closer than this share of the larger one may change places
ALPHAS = tuple(round(0.30 + 0.03 * i, 2) for i in range(24))  # 0.30 … 0.99


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
        removed: see the module.
        alpha: see the module.
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
        removed: see the module.
        alpha: see the module.
    Returns:
        (N, N) complex128 with the eigenvalues of W. Only without RR and CC is it real in general.
    """
    U, S = complex_form(form)
    couplings = np.triu(np.ones(S.shape, dtype=bool), 1)
    mask = _of_sectors(couplings, removed, form.n_leading(alpha))
    return U @ np.where(mask, 0, S) @ U.conj().T


def spectral_projector(form: OrderedSchur, alpha=0.9):
    """P_R, the projector on the leading invariant subspace along that of the complement.

    P_R = Q [[I, X], [0, 0]] Qᵀ with T_RR X − X T_CC = T_CR (Sylvester); ‖P_R‖ = 1 where the sectors do
    not interact. P_R W (I − P_R) = 0: in eigen-coordinates there is no coupling to delete.

    Args:
        form: ordered real Schur form.
        alpha: see the module.
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
        removed: see the module.
        alpha: see the module.
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
    for name, X, Z, lam in zip(("RR", "CC"), bases, (V[:, :n], V[:, n:]), (values[:n], values[n:]), strict=True):
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
        alpha: see the module.
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
    return OrderedSchur.of_factors(Q, T), swaps / (len(keys) * (len(keys) - 1) / 2)


# --- how well posed the cut is ------------------------------------------------------------------


def exact_sep(form: OrderedSchur, alpha=0.9):
    """sep(T_RR, T_CC) = min ‖T_RR X − X T_CC‖_F / ‖X‖_F, the smallest singular value of X ↦ T_RR X − X T_CC.

    LAPACK's dtrsen only estimates it; here the inverse operator (dtrsyl) is iterated with Lanczos.

    Args:
        form: ordered real Schur form.
        alpha: see the module.
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


# --- exact symmetries ---------------------------------------------------------------------------


def signed_permutation(N, rng):
    """P with one entry ±1 in each row and column, (N, N) float64."""
    return np.eye(N)[rng.permutation(N)] * rng.choice([-1.0, 1.0], N)


def relabelled(trials: Evaluation, P) -> Evaluation:
    """The network with hidden state P h on the same trials: W_xh → P W_xh, W_hh → P W_hh Pᵀ, W_hy → W_hy Pᵀ.

    For a signed permutation P the outputs of a tanh network stay the same, since tanh is odd and acts
    on each unit alone.

    Args:
        trials: of a plain tanh network.
        P: (N_h, N_h) float64, orthogonal.
    Returns:
        Evaluation.
    Raises:
        ValueError: it is no plain tanh network.
    """
    net = tanh_network(trials)
    P = torch.from_numpy(P).to(net.W_hh)
    b_h, h0 = (None if t is None else P @ t for t in (net.b_h, net.h0))
    other = Network(P @ net.W_xh, P @ net.W_hh @ P.T, net.W_hy @ P.T, b_h, net.b_y, h0)
    return of_network(other, trials.inputs, trials.targets, trials.metric, trials.free_steps)


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
# Each is a function of the right form, W and the removed set that returns (Q, T, T_ablated).


def right(form: OrderedSchur, W, removed, alpha=0.9):
    """The paper's ablation; "own output" has the same factors and the wrong target (`own_scores`)."""
    return form.Q, form.T, np.where(form.mask(removed, alpha), 0.0, form.T)


def unordered_form(form: OrderedSchur, W, removed, alpha=0.9):
    """LAPACK's Schur form as it comes; its first n_R dimensions are taken for R."""
    raw = _as_it_comes(W)
    return raw.Q, raw.T, np.where(raw.mask(removed, n=form.n_leading(alpha)), 0.0, raw.T)


def whole_blocks(form: OrderedSchur, W, removed, alpha=0.9):
    """Every entry of a sector is zeroed, its eigenvalues too."""
    mask = _of_sectors(np.ones(W.shape, dtype=bool), removed, form.n_leading(alpha))
    return form.Q, form.T, np.where(mask, 0.0, form.T)


def sorted_columns_of_Q(form: OrderedSchur, W, removed, alpha=0.9):
    """The columns of LAPACK's Q are sorted by modulus, T stays as it is."""
    raw = _as_it_comes(W)
    mask = raw.mask(removed, n=form.n_leading(alpha))
    return raw.Q[:, _by_modulus(raw)], raw.T, np.where(mask, 0.0, raw.T)


def permuted_T(form: OrderedSchur, W, removed, alpha=0.9):
    """Rows and columns of T are permuted with the columns of Q."""
    raw = _as_it_comes(W)
    order = _by_modulus(raw)
    T = raw.T[order][:, order]
    above = np.triu(np.ones(W.shape, dtype=bool), 1)
    mask = _of_sectors(above, removed, form.n_leading(alpha))
    return raw.Q[:, order], T, np.where(mask, 0.0, T)


WRONG = {
    "unordered form": unordered_form,
    "whole blocks": whole_blocks,
    "sorted columns of Q": sorted_columns_of_Q,
    "permuted T": permuted_T,
    "own output": right,
}


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
        "spectrum": how far W̃ is from having the eigenvalues of W, see `spectrum_moved`}.
    """
    index = np.arange(len(T))
    norm, rho = np.linalg.norm(W), np.abs(form.eigenvalues).max()
    below = np.tril(T, -2)
    # A subdiagonal entry belongs to a 2×2 block if its neighbours are zero and the rows below are clean.
    sub = np.diagonal(T, -1).copy()
    paired = (sub != 0) & ~np.append(False, sub[:-1] != 0) & ~np.append(sub[1:] != 0, False)
    below[index[1:], index[:-1]] = np.where(paired & (np.diagonal(T, 1) * sub < 0), 0.0, sub)
    triangular = not below.any()
    moduli = np.abs(OrderedSchur.of_factors(Q, T).eigenvalues if triangular else np.diagonal(T))
    return {
        "reconstruction": float(np.linalg.norm(Q @ T @ Q.T - W) / norm),
        "triangularity": float(np.linalg.norm(below) / norm),
        "order": float(max(np.diff(moduli).max(initial=0), 0) / rho),
        "spectrum": spectrum_moved(form, T_ablated),
    }


def spectrum_moved(form: OrderedSchur, W):
    """How far a matrix is from having each eigenvalue of a form, over the form's ρ.

    The largest σ_min(λI − W) over the eigenvalues λ of the form: the size, in the 2-norm, of the smallest
    change of W that gives it the λ it has lost most (Trefethen and Embree, 2005). For a normal W it is the
    distance of λ from the nearest eigenvalue of W, for any other it is less. It is 0 if and only if W has
    every λ, and a change of W moves it by no more than that change over ρ.

    Eigenvalues of W itself are not used. Those of a strongly nonnormal one may move by 0.01 when W moves by
    rounding, and with them any distance from those of the form; to pair the two spectra makes it worse, since
    many pairings are equally good where a whole sector has moved.

    Args:
        form: ordered real Schur form.
        W: (N, N) real.
    Returns:
        float.
    """
    values = form.eigenvalues[form.eigenvalues.imag >= 0]  # W is real: λ and its conjugate give the same
    return float(smallest_singular(W, values).max() / np.abs(values).max())


def own_scores(trials: Evaluation, matrices):
    """Scores against the intact network's own output instead of the target: wrong on purpose.

    Args:
        trials: the network on some trials; where the metric wants ±1, the sign of the output is taken.
        matrices: (N_h, N_h) each.
    Returns:
        list of floats.
    """
    own = next(trials.outputs([trials.W_hh]))
    if trials.metric.name == "replay_accuracy":
        own = torch.where(own >= 0, 1.0, -1.0).to(own)
    elif trials.metric.classes:
        own = own.argmax(-1)
    return replace(trials, targets=own).scores(matrices).tolist()


# --- the tables of the chapter ------------------------------------------------------------------


def measure_bases(trials: Evaluation, draws=5, alpha=0.9, seed=0):
    """Effects of the three blocks, and of all at once, in each system of coordinates.

    Args:
        trials: the network on some trials.
        draws: of random bases and of random orders.
        alpha: see the module.
        seed: of these draws; see `draws_of`.
    Returns:
        `system` ("schur", "order", "complex", "transpose", "eigen", "random"), `draw`, `removed`,
        `mass` ‖W − W̃‖_F / ‖W‖_F, `spectrum` (see `spectrum_moved`), `imaginary`
        (the share of ‖W̃‖_F that is imaginary and left out), `score`, `delta`, and for the network
        `condition` κ(V) of its unit eigenvectors and `projector` ‖P_R‖₂.
    """
    form, W, rng = trials.form, trials.W_hh.numpy(), draws_of(seed)
    N, n = len(W), form.n_leading(alpha)
    rows, matrices = [], []

    def add(system, draw, removed, changed):
        imaginary = np.linalg.norm(changed.imag) / np.linalg.norm(changed)
        mass = np.linalg.norm(W - changed.real) / np.linalg.norm(W)
        spectrum = spectrum_moved(form, changed.real)
        rows.append((system, draw, label(removed), mass, spectrum, imaginary))
        matrices.append(np.ascontiguousarray(changed.real))

    forms = [shuffled_order(form, rng, alpha)[0] for _ in range(draws)]
    bases = [np.linalg.qr(rng.standard_normal((N, N)))[0] for _ in range(draws)]
    for removed in SETS:
        mask = form.mask(removed, alpha)
        add("schur", 0, removed, in_basis(W, form.Q, mask))
        for draw, other in enumerate(forms):
            add("order", draw, removed, other.ablate(removed, n=n))
        add("complex", 0, removed, complex_ablation(form, removed, alpha))
        add("transpose", 0, removed, of_transpose(W, removed, alpha))
        add("eigen", 0, removed, eigen_ablation(form, removed, alpha))
        for draw, U in enumerate(bases):
            add("random", draw, removed, in_basis(W, U, mask))
    columns = ["system", "draw", "removed", "mass", "spectrum", "imaginary"]
    table = pd.DataFrame(rows, columns=columns).assign(score=trials.scores(matrices).numpy())
    return table.assign(
        delta=table.score - trials.intact,
        condition=float(np.linalg.cond(np.linalg.eig(W)[1])),
        projector=float(np.linalg.norm(spectral_projector(form, alpha), 2)),
    )


def measure_cut(trials: Evaluation):
    """The continuous sweep of α: where the cut falls, how well posed it is, what the blocks do.

    Args:
        trials: the network on some trials.
    Returns:
        One row an α in `ALPHAS` and a block: `alpha`, `n_leading`, `gap`, `n_near_cut`, `sep` (exact),
        `sep_estimate` (LAPACK), `s`, `removed`, `mass`, `score`, `delta`.
    """
    form, rows = trials.form, []
    by_n = {form.n_leading(alpha): alpha for alpha in ALPHAS}
    sep = {n: exact_sep(form, alpha) for n, alpha in by_n.items()}
    scores = trials.scores(form.ablate({name}, n=n) for n in by_n for name in COUPLINGS)
    scores = dict(zip(by_n, scores.reshape(-1, len(COUPLINGS)).tolist(), strict=True))
    for alpha in ALPHAS:
        n, report = form.n_leading(alpha), form.cut_report(alpha)
        for name, score in zip(COUPLINGS, scores[n], strict=True):
            row = (alpha, n, report.gap, report.n_near_cut, sep[n], report.sep, report.s, name)
            rows.append((*row, form.removed_mass({name}, alpha), score, score - trials.intact))
    columns = ["alpha", "n_leading", "gap", "n_near_cut", "sep", "sep_estimate", "s"]
    return pd.DataFrame(rows, columns=[*columns, "removed", "mass", "score", "delta"])


def measure_nudges(trials: Evaluation, draws=10, size=SIZE, alpha=0.9, seed=0):
    """What small changes of W do to the blocks and to what deleting them does.

    Args:
        trials, draws, size, alpha, seed: as for `perturbations`.
    Returns:
        Its rows of the changed networks, and of its columns those cut at the old n_R.
    """
    table = perturbations(trials, draws, size, alpha, seed)
    return table.loc[table.draw >= 0, :"score_CC"].reset_index(drop=True)


def measure_symmetries(trials: Evaluation, draws=3, alpha=0.9, seed=0):
    """What signed permutations of the hidden units change: nothing but rounding.

    Args:
        trials: a plain tanh network on some trials, in float64.
        draws: of the permutation.
        alpha: see the module.
        seed: of these draws; see `draws_of`.
    Returns:
        One row a draw: `draw`, `form` (`block_sign_error`), `norms` (largest change of a
        block's share of ‖T‖_F), `score` (largest change of the score over the intact and the three
        ablated networks), and `rotation`: the change of the intact network's score under a random
        rotation, which is no symmetry.
    """
    rng, N, rows = draws_of(seed), len(trials.W_hh), []

    def profile(subject):
        masks = subject.form.couplings(alpha).values()
        masses = np.array([subject.form.mass(mask) for mask in masks])
        matrices = (subject.form.without(mask) for mask in masks)
        return masses, np.array([subject.intact, *subject.scores(matrices).tolist()])

    masses, scores = profile(trials)
    for draw in range(draws):
        P = signed_permutation(N, rng)
        other = relabelled(trials, P)
        theirs, their_scores = profile(other)
        U = np.linalg.qr(rng.standard_normal((N, N)))[0]
        rows.append(
            {
                "draw": draw,
                "form": block_sign_error(trials.form, other.form, P),
                "norms": np.abs(theirs - masses).max(),
                "score": np.abs(their_scores - scores).max(),
                "rotation": relabelled(trials, U).intact - trials.intact,
            }
        )
    return pd.DataFrame(rows)


def measure_wrong(trials: Evaluation, alpha=0.9):
    """The five wrong implementations: what each violates, and the number it would have given.

    Args:
        trials: the network on some trials.
        alpha: see the module.
    Returns:
        One row an implementation ("right" first) and removed set ("" is the intact network):
        `implementation`, `removed`, `reconstruction`, `triangularity`, `order`, `spectrum`
        (see `violations`), `score`, and `right`, the score of the right implementation.
    """
    form, W = trials.form, trials.W_hh.numpy()
    sets, tables = (frozenset(), *SETS[:3]), []
    for implementation, factors_of in {"right": right, **WRONG}.items():
        rows, matrices = [], []
        for removed in sets:
            Q, T, T_ablated = factors_of(form, W, removed, alpha)
            rows.append({"implementation": implementation, "removed": label(removed)})
            rows[-1] |= violations(form, W, Q, T, T_ablated)
            matrices.append(Q @ T_ablated @ Q.T)
        own = implementation == "own output"
        scores = own_scores(trials, matrices) if own else trials.scores(matrices).tolist()
        tables.append(pd.DataFrame(rows).assign(score=scores))
    return pd.concat(tables, ignore_index=True).assign(right=tables[0].score.tolist() * len(tables))


# --- private ------------------------------------------------------------------------------------


def _of_sectors(mask, removed, n):
    """The entries of a mask that lie in the sectors of some couplings; R are the first n dimensions."""
    leads = np.arange(len(mask)) < n
    sectors = {"RR": (leads, leads), "CR": (leads, ~leads), "CC": (~leads, ~leads)}
    chosen = [np.outer(*sectors[name]) for name in removed]
    return mask & sum(chosen, np.zeros(mask.shape, dtype=bool))


def _as_it_comes(W):
    """LAPACK's Schur form, its blocks in no order."""
    T, Q = schur(W, output="real")
    choose_basis(T, Q)
    return OrderedSchur.of_factors(Q, T)


def _by_modulus(form):
    return np.argsort(-np.abs(form.eigenvalues), kind="stable")


def _orthonormal(Z):
    """An orthonormal real basis of the span of eigenvectors that come in conjugate pairs."""
    U, values, _ = np.linalg.svd(np.hstack([Z.real, Z.imag]), full_matrices=False)
    return U[:, : Z.shape[1]]
