// Runs the network, h_t = tanh(W_xh x_t + W h_{t-1}), y_t = W_hy h_t, and scores its outputs.
"use strict";

// tanh to 2e-8 in double precision, three times as fast as Math.tanh: Lambert's continued fraction
// x/(1 + x²/(3 + x²/(5 + …))), seven levels deep at z/2, where it is p/q, and the double argument.
explorer.tanh = (z) => {
  const x = Math.max(-4.97, Math.min(4.97, z / 2)), s = x * x; // at 4.97, p/q reaches 1
  const p = x * (135135 + s * (17325 + s * (378 + s))), q = 135135 + s * (62370 + s * (3150 + s * 28));
  return (2 * p * q) / (p * p + q * q);
};

// Outputs (T, B, N_y) of the last T steps, T as long as the targets.
explorer.rollout = (network, W, trials, freeSteps) => {
  const [N, nInputs] = network.shapes.W_xh;
  const [steps, B] = trials.shapes.inputs;
  const [scored, , nOutputs] = trials.shapes.targets;
  const { W_xh, W_hy } = network, { inputs } = trials, { tanh } = explorer;
  // Four trials side by side, so that each weight is read once for the four.
  const groups = Math.ceil(B / 4);
  let h = new Float64Array(groups * 4 * N), next = new Float64Array(groups * 4 * N);
  const outputs = new Float64Array(scored * B * nOutputs);
  for (let t = 0; t < steps + freeSteps; t++) {
    for (let g = 0; g < groups; g++) {
      const start = g * 4 * N;
      for (let i = 0; i < N; i += 2) { // two units by four trials: N_h is even in every network here
        let a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, p = 0, q = 0;
        for (let j = 0, v = i * N, w = v + N, s = start; j < N; j++, v++, w++, s += 4) {
          const one = W[v], two = W[w], h0 = h[s], h1 = h[s + 1], h2 = h[s + 2], h3 = h[s + 3];
          a += one * h0; b += one * h1; c += one * h2; d += one * h3;
          e += two * h0; f += two * h1; p += two * h2; q += two * h3;
        }
        const to = start + 4 * i;
        next[to] = a; next[to + 1] = b; next[to + 2] = c; next[to + 3] = d;
        next[to + 4] = e; next[to + 5] = f; next[to + 6] = p; next[to + 7] = q;
      }
    }
    if (t < steps) {
      for (let trial = 0; trial < B; trial++) {
        const start = (trial >> 2) * 4 * N + (trial & 3), x = (t * B + trial) * nInputs;
        for (let i = 0; i < N; i++) {
          for (let k = 0; k < nInputs; k++) next[start + 4 * i] += W_xh[i * nInputs + k] * inputs[x + k];
        }
      }
    }
    for (let i = 0; i < next.length; i++) next[i] = tanh(next[i]);
    [h, next] = [next, h];
    const row = t - (steps + freeSteps - scored);
    if (row < 0) continue;
    for (let trial = 0; trial < B; trial++) {
      const start = (trial >> 2) * 4 * N + (trial & 3), y = (row * B + trial) * nOutputs;
      for (let k = 0; k < nOutputs; k++) {
        let sum = 0;
        for (let i = 0; i < N; i++) sum += W_hy[k * N + i] * h[start + 4 * i];
        outputs[y + k] = sum;
      }
    }
  }
  return outputs;
};

// The share of outputs with the right sign; exactly 0 is wrong.
explorer.replayAccuracy = (outputs, { targets }) => {
  let right = 0;
  for (let i = 0; i < targets.length; i++) right += outputs[i] * targets[i] > 0;
  return right / targets.length;
};

// Fraction of variance unexplained, E‖ŷ − y‖² / E‖y − ȳ‖², ȳ the mean over time and trials.
explorer.fvu = (outputs, { targets, shapes }) => {
  const width = shapes.targets[2], mean = new Float64Array(width);
  targets.forEach((value, i) => { mean[i % width] += value * width / targets.length; });
  let error = 0, variance = 0;
  for (let i = 0; i < targets.length; i++) {
    error += (outputs[i] - targets[i]) ** 2;
    variance += (targets[i] - mean[i % width]) ** 2;
  }
  return error / variance;
};

explorer.scoreOf = (outputs, trials, scoreName) =>
  scoreName === "replay_accuracy" ? explorer.replayAccuracy(outputs, trials) : explorer.fvu(outputs, trials);

// The share of right signs at each lag, over trials and channels (copy task).
explorer.accuracyByLag = (outputs, { targets, shapes }) => {
  const [T, B, width] = shapes.targets, right = new Float64Array(T);
  for (let i = 0; i < targets.length; i++) {
    right[Math.floor(i / (B * width))] += (outputs[i] * targets[i] > 0) / (B * width);
  }
  return right;
};
