// Runs the network and scores its outputs. The equations are those of report/equations.py; W multiplies with
// what acts: the state itself, or φ of it. A network may be without b_h, b_y and h0.
"use strict";

// tanh to 2e-8 in double precision, three times as fast as Math.tanh: Lambert's continued fraction
// x/(1 + x²/(3 + x²/(5 + …))), seven levels deep at z/2, where it is p/q, and the double argument.
explorer.tanh = (z) => {
  const x = Math.max(-4.97, Math.min(4.97, z / 2)), s = x * x; // at 4.97, p/q reaches 1
  const p = x * (135135 + s * (17325 + s * (378 + s))), q = 135135 + s * (62370 + s * (3150 + s * 28));
  return (2 * p * q) / (p * p + q * q);
};

explorer.ACTIVATIONS = {
  tanh: explorer.tanh,
  relu: (z) => (z > 0 ? z : 0),
  sigmoid: (z) => 1 / (1 + Math.exp(-z)),
  softplus: (z) => Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z))),
  identity: (z) => z,
};

// Outputs (T, B, N_y) of the last T steps, T as long as the targets.
explorer.rollout = (network, W, trials, freeSteps) => {
  const [N, nInputs] = network.shapes.W_xh;
  const [steps, B] = trials.shapes.inputs;
  const [scored] = trials.shapes.targets, [nOutputs] = network.shapes.W_hy;
  const { W_xh, W_hy, b_h, b_y, h0 } = network, { inputs } = trials;
  const { activation, leak, form, late } = network.equation, phi = explorer.ACTIVATIONS[activation];
  const plain = leak === 1 && (form === "rate" || form === "inside"); // what acts is φ of the sum
  const potential = form !== "rate" && form !== "inside"; // the state is not what acts
  // Four trials side by side, so that each weight is read once for the four.
  const groups = Math.ceil(B / 4);
  let h = new Float64Array(groups * 4 * N), next = new Float64Array(groups * 4 * N);
  const outputs = new Float64Array(scored * B * nOutputs);
  if (h0) for (let k = 0; k < h.length; k++) h[k] = h0[Math.floor(k / 4) % N];
  const state = h.slice(); // the state, where it is not what acts
  let read = potential && form !== "potential-out" ? state.map(phi) : state.slice(); // what the readout takes
  if (potential) h = state.map(phi);
  for (let t = 0; t < steps + freeSteps; t++) {
    for (let g = 0; g < groups; g++) {
      const start = g * 4 * N;
      for (let i = 0; i < N; i += 2) { // two units by four trials; of an odd N the last one twice
        let a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, p = 0, q = 0;
        const last = i + 1 === N;
        for (let j = 0, v = i * N, w = last ? v : v + N, s = start; j < N; j++, v++, w++, s += 4) {
          const one = W[v], two = W[w], h0 = h[s], h1 = h[s + 1], h2 = h[s + 2], h3 = h[s + 3];
          a += one * h0; b += one * h1; c += one * h2; d += one * h3;
          e += two * h0; f += two * h1; p += two * h2; q += two * h3;
        }
        const to = start + 4 * i;
        next[to] = a; next[to + 1] = b; next[to + 2] = c; next[to + 3] = d;
        if (last) continue;
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
    const before = read;
    if (b_h && form !== "bias-inside") for (let k = 0; k < next.length; k++) next[k] += b_h[Math.floor(k / 4) % N];
    if (plain) for (let k = 0; k < next.length; k++) next[k] = phi(next[k]);
    else if (form === "rate") for (let k = 0; k < next.length; k++) next[k] = (1 - leak) * h[k] + leak * phi(next[k]);
    else if (form === "inside") for (let k = 0; k < next.length; k++) next[k] = phi((1 - leak) * h[k] + leak * next[k]);
    else {
      const bias = (k) => (b_h && form === "bias-inside" ? b_h[Math.floor(k / 4) % N] : 0);
      for (let k = 0; k < next.length; k++) {
        state[k] = (1 - leak) * state[k] + leak * next[k];
        next[k] = phi(state[k] + bias(k));
      }
    }
    read = !potential ? next : form === "potential-out" ? state.slice() : state.map(phi);
    const taken = late ? before : read;
    [h, next] = [next, h];
    const row = t - (steps + freeSteps - scored);
    if (row < 0) continue;
    for (let trial = 0; trial < B; trial++) {
      const start = (trial >> 2) * 4 * N + (trial & 3), y = (row * B + trial) * nOutputs;
      for (let k = 0; k < nOutputs; k++) {
        let sum = b_y ? b_y[k] : 0;
        for (let i = 0; i < N; i++) sum += W_hy[k * N + i] * taken[start + 4 * i];
        outputs[y + k] = sum;
      }
    }
  }
  return outputs;
};

// Targets that are NaN, or a class below 0, are not scored; scores are over all others together.
explorer.scored = ({ targets }) => targets.reduce((n, target) => n + (target >= 0 || target < 0), 0);

// The share of outputs with the right sign; exactly 0 is wrong.
explorer.replayAccuracy = (outputs, trials) => {
  let right = 0;
  trials.targets.forEach((target, i) => { right += outputs[i] * target > 0; });
  return right / explorer.scored(trials);
};

// Fraction of variance unexplained, E‖ŷ − y‖² / E‖y − ȳ‖², ȳ the mean over time and trials.
explorer.fvu = (outputs, { targets, shapes }) => {
  const width = shapes.targets[2], mean = new Float64Array(width), count = new Float64Array(width);
  targets.forEach((value, i) => {
    if (Number.isNaN(value)) return;
    mean[i % width] += value;
    count[i % width] += 1;
  });
  let error = 0, variance = 0;
  targets.forEach((value, i) => {
    if (Number.isNaN(value)) return;
    error += (outputs[i] - value) ** 2;
    variance += (value - mean[i % width] / count[i % width]) ** 2;
  });
  return error / variance;
};

// The probability of each class at each step and trial: the softmax of the outputs.
explorer.probabilities = (outputs, n) => {
  const p = new Float64Array(outputs.length);
  for (let start = 0; start < p.length; start += n) {
    const row = outputs.subarray(start, start + n), top = Math.max(...row);
    let sum = 0;
    for (const value of row) sum += Math.exp(value - top);
    row.forEach((value, k) => { p[start + k] = Math.exp(value - top) / sum; });
  }
  return p;
};

explorer.accuracy = (outputs, { targets }) => {
  const n = outputs.length / targets.length, scored = targets.filter((target) => target >= 0).length;
  let right = 0;
  targets.forEach((target, i) => {
    const row = outputs.subarray(i * n, (i + 1) * n);
    right += row.indexOf(Math.max(...row)) === target;
  });
  return right / scored;
};

explorer.crossEntropy = (outputs, { targets }) => {
  const n = outputs.length / targets.length, scored = targets.filter((target) => target >= 0).length;
  return targets.reduce((sum, target, i) => {
    if (target < 0) return sum;
    const row = outputs.subarray(i * n, (i + 1) * n), top = Math.max(...row);
    const norm = top + Math.log(row.reduce((total, value) => total + Math.exp(value - top), 0));
    return sum + (norm - row[target]) / scored;
  }, 0);
};

// Each score's name in words, its digits, and its function of outputs and trials.
explorer.SCORES = {
  fvu: ["FVU", 4, explorer.fvu],
  replay_accuracy: ["Replay accuracy", 3, explorer.replayAccuracy],
  accuracy: ["Accuracy", 3, explorer.accuracy],
  cross_entropy: ["Cross-entropy", 4, explorer.crossEntropy],
};

// The share of right signs at each lag, over trials and channels (copy task).
explorer.accuracyByLag = (outputs, { targets, shapes }) => {
  const [T, B, width] = shapes.targets, right = new Float64Array(T), scored = new Float64Array(T);
  targets.forEach((target, i) => {
    const lag = Math.floor(i / (B * width));
    right[lag] += outputs[i] * target > 0;
    scored[lag] += !Number.isNaN(target);
  });
  return right.map((n, lag) => n / scored[lag]);
};
