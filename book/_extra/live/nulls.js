// A deleted block beside random changes of the same norm: each draw is run, and its harm joins the histogram.
"use strict";

live.nulls = async (root) => {
  const { make } = live, BINS = 40, HIGHEST = 0.6;
  const state = { block: "CC", kind: "same entries" };
  const kinds = [["same entries", "in the same places"], ["shuffled", "its own entries, shuffled"], ["isotropic", "anywhere"]];
  const blocks = ["CC", "CR", "RR"].map((block) => [block, `${block}, ${live.WORDS[block]}`]);
  const gone = make("canvas", { role: "img" }), drawn = make("canvas", { role: "img" }), histogram = make("svg:svg", { role: "img" });
  const said = make("p", { class: "said", "aria-live": "polite" });
  root.replaceChildren(
    make("p", { class: "title" }, "Draw another change of the same norm"),
    make("div", { class: "acts" },
      live.select("Block", blocks, (block) => { state.block = block; restart(); }).row,
      live.select("Changes", kinds, (kind) => { state.kind = kind; restart(); }).row),
    make("div", { class: "two side" },
      make("div", {}, make("p", { class: "part" }, "The block, which is deleted"), gone),
      make("div", {}, make("p", { class: "part" }, "The last random change"), drawn)),
    make("div", { class: "acts" }, live.button("Draw another", () => more(1)), live.button("Draw twenty", () => more(20)),
      live.button("Begin again", () => restart())),
    make("p", { class: "part" }, "Accuracy lost: each bar counts random changes, the line is the block"), histogram, said);

  const { network: name, alpha } = explorer.index.start, { task } = explorer.index.networks.find((one) => one.name === name);
  const [network, trials] = await Promise.all([explorer.load(name), explorer.load(task, `trials-${task}`)]);
  const N = network.real.length, [T] = trials.shapes.targets, mask = explorer.masks(network, explorer.nLeading(network, alpha));
  const W = explorer.recurrentWeights(network, network.T);
  const score = (weights) => explorer.replayAccuracy(explorer.rollout(network, weights, trials, T), trials);
  const intact = score(W);

  // W − Q ΔT Qᵀ, of any ΔT
  const changed = (dT) => {
    const { Q } = network, QT = new Float64Array(N * N), weights = W.slice();
    for (let i = 0; i < N; i++) for (let k = 0; k < N; k++) {
      const q = Q[i * N + k];
      for (let j = 0; j < N; j++) QT[i * N + j] += q * dT[k * N + j];
    }
    for (let i = 0; i < N; i++) for (let j = 0; j < N; j++) {
      let sum = 0;
      for (let k = 0; k < N; k++) sum += QT[i * N + k] * Q[j * N + k];
      weights[i * N + j] -= sum;
    }
    return weights;
  };
  const harm = (dT) => intact - score(changed(dT));

  const normal = () => Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
  const norm = (dT) => Math.sqrt(dT.reduce((sum, value) => sum + value * value, 0));
  const draw = () => {
    const places = [...mask.keys()].filter((k) => block[k]), dT = new Float64Array(N * N);
    if (state.kind === "isotropic") for (let k = 0; k < dT.length; k++) dT[k] = normal();
    else if (state.kind === "same entries") for (const k of places) dT[k] = normal();
    else {
      const values = places.map((k) => block[k]);
      for (let i = values.length - 1; i > 0; i--) {
        const j = Math.floor((i + 1) * Math.random());
        [values[i], values[j]] = [values[j], values[i]];
      }
      places.forEach((k, i) => { dT[k] = Math.random() < 0.5 ? values[i] : -values[i]; });
    }
    const scale = norm(block) / norm(dT);
    return dT.map((value) => scale * value);
  };

  let block, done, harms, last, asked = 0;
  const restart = () => {
    cancelAnimationFrame(asked);
    const at = explorer.COUPLINGS.indexOf(state.block) + 1;
    block = network.T.map((value, k) => (mask[k] === at ? value : 0));
    [done, harms, last] = [harm(block), [], null];
    show();
  };
  const more = (n) => {
    cancelAnimationFrame(asked);
    last = draw();
    harms.push(harm(last));
    show();
    if (n > 1) asked = requestAnimationFrame(() => more(n - 1));
  };

  const paint = (canvas, dT, label) => {
    const [context, size] = live.context(canvas, canvas.clientWidth), cell = size / N, most = dT ? Math.max(...dT.map(Math.abs)) : 1;
    context.strokeStyle = live.ink(canvas);
    context.strokeRect(0.5, 0.5, size - 1, size - 1);
    for (let k = 0; dT && k < dT.length; k++) {
      if (!dT[k]) continue;
      context.globalAlpha = Math.min(1, Math.max(0, 1 + Math.log10(Math.abs(dT[k]) / most) / 3));
      context.fillStyle = canvas === gone ? live.colours[state.block] : "#8a63d2";
      context.fillRect((k % N) * cell, Math.floor(k / N) * cell, cell + 0.3, cell + 0.3);
    }
    canvas.setAttribute("aria-label", label);
  };
  const show = () => {
    paint(gone, block, `The block ${state.block} in the ordered form.`);
    paint(drawn, last, last ? `A random change of the same norm, ${state.kind}.` : "Nothing is drawn yet.");
    const counts = new Array(BINS).fill(0), width = histogram.clientWidth, tall = 120, left = 30;
    const bin = (value) => Math.max(0, Math.min(BINS - 1, Math.floor(((value + 0.02) / (HIGHEST + 0.02)) * BINS)));
    for (const value of harms) counts[bin(value)] += 1;
    const top = Math.max(4, ...counts), x = (value) => left + ((width - left - 6) * (value + 0.02)) / (HIGHEST + 0.02);
    const y = (count) => 6 + (tall - 6) * (1 - count / top), wide = (width - left - 6) / BINS;
    live.svg(histogram, tall + 18, `<path d="M${left} ${tall}H${width}" stroke="currentColor"/>
      <text x="${left - 5}" y="${y(top) + 6}" text-anchor="end">${top}</text><text x="${left - 5}" y="${tall}" text-anchor="end">0</text>`
      + counts.map((count, k) => `<rect x="${left + k * wide}" y="${y(count)}" width="${wide - 1}" height="${tall - y(count)}" fill="#8a63d2"/>`).join("")
      + `<path d="M${x(done)} 0V${tall}" stroke="${live.colours[state.block]}" stroke-width="4"/>`
      + [0, 0.1, 0.2, 0.3, 0.4, 0.5].map((value) => `<text x="${x(value)}" y="${tall + 14}" text-anchor="middle">${value}</text>`).join(""),
      `Histogram of the harm of ${harms.length} random changes; the block's own harm is ${live.number(done)}.`);
    const mild = harms.filter((value) => value <= done).length, p = (1 + mild) / (1 + harms.length);
    said.textContent = `Deleting ${state.block} loses ${live.number(done)} of the accuracy. ` + (harms.length
      ? `Of ${harms.length} changes of the same norm, ${mild} lost no more: p = ${p.toFixed(3)}.` : "How much does another change of the same norm lose?");
    root.change = last; // for whoever wants to run it elsewhere
    Object.assign(root.dataset, { done, n: harms.length, harm: harms.at(-1) ?? "", p, norm: last ? norm(last) : "", size: norm(block), shown: state.block });
  };
  restart();
  live.repainted(root, show);
};
