// The ordered Schur form W = Q T Qᵀ: its sectors and couplings, and W̃ without (part of) them.
// Matrices are row by row in Float64Arrays. The same definitions as schur_lib/schur.py.
"use strict";

explorer.COUPLINGS = ["RR", "CR", "CC"];

explorer.moduli = ({ real, imag }) => Float64Array.from(real, (re, i) => Math.hypot(re, imag[i]));

// n_R: dimensions of the leading sector, |λ| ≥ α ρ; a 2×2 block is never cut.
explorer.nLeading = (network, alpha) => {
  const moduli = explorer.moduli(network);
  const rho = Math.max(...moduli);
  let last = 0;
  moduli.forEach((modulus, i) => { if (modulus >= alpha * rho - 1e-10 * rho) last = i; });
  return network.blocks.find((first) => first > last);
};

// Which coupling each entry of T belongs to: 0 none (a diagonal block, or below), 1 RR, 2 CR, 3 CC.
explorer.masks = (network, nLeading) => {
  const N = network.real.length;
  const block = new Int32Array(N);
  for (let k = 0; k + 1 < network.blocks.length; k++) {
    block.fill(k, network.blocks[k], network.blocks[k + 1]);
  }
  const mask = new Uint8Array(N * N);
  for (let i = 0; i < N; i++) {
    for (let j = i; j < N; j++) {
      if (block[i] === block[j]) continue;
      mask[i * N + j] = j < nLeading ? 1 : i < nLeading ? 2 : 3;
    }
  }
  return mask;
};

// T̃, with the share dose[X] (0 to 1) of each coupling X taken away, and the removed Schur mass.
explorer.ablatedForm = (network, mask, dose) => {
  const factors = [1, ...explorer.COUPLINGS.map((name) => 1 - dose[name])];
  const T = network.T.map((value, k) => value * factors[mask[k]]);
  let removed = 0, whole = 0;
  network.T.forEach((value, k) => { removed += (value - T[k]) ** 2; whole += value ** 2; });
  return { T, mass: Math.sqrt(removed / whole) };
};

// W̃ = Q T̃ Qᵀ.
explorer.recurrentWeights = (network, T) => {
  const N = network.real.length, Q = network.Q;
  const QT = new Float64Array(N * N), W = new Float64Array(N * N);
  for (let i = 0; i < N; i++) {
    for (let k = 0; k < N; k++) {
      const q = Q[i * N + k];
      for (let j = Math.max(0, k - 1); j < N; j++) QT[i * N + j] += q * T[k * N + j];
    }
  }
  for (let i = 0; i < N; i++) {
    for (let j = 0; j < N; j++) {
      let sum = 0;
      for (let k = 0; k < N; k++) sum += QT[i * N + k] * Q[j * N + k];
      W[i * N + j] = sum;
    }
  }
  return W;
};
