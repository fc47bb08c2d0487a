// Three lines, eight memories: pulses are placed by hand, and the state jumps, in the intact network and in an ablated one.
"use strict";

live.memory = async (root) => {
  const { make } = live, state = { block: "CR", step: 0 };
  const lines = make("svg:svg", { role: "img" }), cube = make("svg:svg", { role: "img" });
  const said = make("p", { class: "said", "aria-live": "polite" });
  const title = make("p", { class: "title" }, "Place pulses, and watch the memory");
  const blocks = ["CR", "CC", "RR"].map((block) => [block, `${block}, ${live.WORDS[block]}`]);
  const pulses = [0, 1, 2].map((bit) => [1, -1].map((sign) => live.button(`line ${bit + 1} ${sign > 0 ? "+" : "−"}`, () => place(bit, state.step, sign))));
  root.replaceChildren(title,
    make("div", { class: "acts" }, live.select("Ablated", blocks, (block) => { state.block = block; run(); }).row),
    make("div", { class: "memory" },
      make("div", {}, make("p", { class: "part" }, "Click a line to place a pulse: up, down, none. Broad: what should be held; line: intact; dashed: ablated"), lines),
      make("div", {}, make("p", { class: "part" }, "The three outputs in space, with the eight memories as corners"), cube)));

  const [{ network: name, steps }] = await live.load("live-memory"), [network] = await live.load(name);
  const inputs = new Float64Array(3 * steps), nLeading = explorer.nLeading(network, 0.9), mask = explorer.masks(network, nLeading);
  [[0, 0, 1], [0, 1, -1], [0, 2, 1], [6, 0, -1], [11, 2, -1], [16, 1, 1], [20, 0, 1]]
    .filter(([t]) => t < steps).forEach(([t, bit, sign]) => { inputs[3 * t + bit] = sign; });
  const slider = live.slider({ label: "step", min: 1, max: steps, step: 1, value: 1 }, (value) => { stop(); state.step = value - 1; draw(); });
  root.append(slider.row, make("div", { class: "acts" }, pulses.flat()),
    make("div", { class: "acts" }, live.button("Play", () => { stop(); stop = live.play(steps, 300, (step) => { state.step = step; draw(); }); }),
      live.button("No pulses but the first", () => { inputs.fill(0, 3); run(); })), said);
  let stop = () => {}, intact, ablated;

  const outputs = (removed) => {
    const { T } = explorer.ablatedForm(network, mask, Object.fromEntries(explorer.COUPLINGS.map((block) => [block, Number(block === removed)])));
    const trials = { inputs, shapes: { inputs: [steps, 1, 3], targets: [steps, 1, 3] } };
    return explorer.rollout(network, explorer.recurrentWeights(network, T), trials, 0);
  };
  // what should be held: the sign of each line's last pulse, 0 before its first
  const targets = () => {
    const held = new Float64Array(3 * steps);
    for (let t = 0; t < steps; t++) for (let bit = 0; bit < 3; bit++) held[3 * t + bit] = inputs[3 * t + bit] || (t ? held[3 * (t - 1) + bit] : 0);
    return held;
  };
  const place = (bit, t, sign) => {
    const now = inputs[3 * t + bit];
    inputs[3 * t + bit] = sign === undefined ? (now === 0 ? 1 : now > 0 ? -1 : 0) : now === sign ? 0 : sign;
    run();
  };
  const run = () => { stop(); intact = outputs(""); ablated = outputs(state.block); draw(); };

  const TALL = 84, LEFT = 20;
  const drawLines = () => {
    const width = lines.clientWidth, held = targets();
    const x = (t) => LEFT + 6 + ((width - LEFT - 14) * t) / (steps - 1), y = (bit, value) => bit * TALL + TALL / 2 - 28 * Math.max(-1.4, Math.min(1.4, value));
    let content = `<rect x="${x(state.step) - 7}" y="0" width="14" height="${3 * TALL}" fill="currentColor" fill-opacity="0.15"/>`;
    for (let bit = 0; bit < 3; bit++) {
      const line = (values, style) => `<polyline points="${Array.from({ length: steps }, (_, t) => `${x(t).toFixed(1)},${y(bit, values[3 * t + bit]).toFixed(1)}`).join(" ")}" fill="none" ${style}/>`;
      content += `<path d="M${LEFT} ${bit * TALL + TALL / 2}H${width}" stroke="currentColor" stroke-opacity="0.3"/>
        <text x="0" y="${y(bit, 1) + 4}">+1</text><text x="0" y="${y(bit, -1) + 4}">−1</text>`
        + line(held, 'stroke="#e08214" stroke-width="8" stroke-opacity="0.45"') + line(intact, 'stroke="currentColor" stroke-width="2"')
        + line(ablated, `stroke="${live.colours[state.block]}" stroke-width="2.5" stroke-dasharray="6 4"`);
      for (let t = 0; t < steps; t++) {
        const pulse = inputs[3 * t + bit];
        if (pulse) content += `<path d="M${x(t)} ${y(bit, 0)}V${y(bit, 0.8 * pulse)}m-4 ${6 * pulse}l4 ${-6 * pulse}l4 ${6 * pulse}" stroke="#8a63d2" stroke-width="3" fill="none"/>`;
      }
    }
    live.svg(lines, 3 * TALL, content, `Three lines over ${steps} steps, with pulses, what should be held, and the outputs of the intact network and of the one without ${state.block}.`);
  };
  lines.addEventListener("click", (event) => {
    const box = lines.getBoundingClientRect();
    const t = Math.round(((event.clientX - box.left - LEFT - 6) / (box.width - LEFT - 14)) * (steps - 1));
    const bit = Math.floor((event.clientY - box.top) / TALL);
    if (t < 0 || t >= steps || bit < 0 || bit > 2) return;
    state.step = t;
    place(bit, t);
  });

  const drawCube = () => {
    const width = Math.min(300, cube.clientWidth), unit = width / 4.6, middle = [width / 2, width / 2 - 4];
    const at = (a, b, c) => [middle[0] + unit * (a + 0.45 * c), middle[1] - unit * (b + 0.35 * c)];
    const of = (values, t) => at(...[0, 1, 2].map((bit) => Math.max(-1.7, Math.min(1.7, values[3 * t + bit]))));
    let content = "";
    const corners = [-1, 1].flatMap((a) => [-1, 1].flatMap((b) => [-1, 1].map((c) => [a, b, c])));
    for (const one of corners) for (const other of corners) {
      if (one.filter((value, k) => value !== other[k]).length === 1 && one.join() < other.join()) content += `<path d="M${at(...one)}L${at(...other)}" stroke="currentColor" stroke-opacity="0.35"/>`;
    }
    for (const one of corners) {
      const [px, py] = at(...one);
      content += `<circle cx="${px}" cy="${py}" r="3" fill="currentColor"/><text x="${px + (one[0] > 0 ? 8 : -8)}" y="${py + (one[1] > 0 ? -6 : 14)}"
        text-anchor="${one[0] > 0 ? "start" : "end"}">${one.map((value) => (value > 0 ? "+" : "−")).join("")}</text>`;
    }
    for (const [values, style] of [[intact, 'stroke="currentColor" stroke-opacity="0.6"'], [ablated, `stroke="${live.colours[state.block]}" stroke-dasharray="5 4"`]]) {
      content += `<polyline points="${Array.from({ length: state.step + 1 }, (_, t) => of(values, t).join()).join(" ")}" fill="none" stroke-width="1.5" ${style}/>`;
    }
    const [ix, iy] = of(intact, state.step), [ax, ay] = of(ablated, state.step);
    content += `<circle cx="${ix}" cy="${iy}" r="7" fill="#8a63d2" stroke="currentColor"/>
      <circle cx="${ax}" cy="${ay}" r="9" fill="none" stroke="${live.colours[state.block]}" stroke-width="3.5"/>`;
    cube.setAttribute("viewBox", `0 0 ${width} ${width}`);
    cube.style.cssText = `width: ${width}px; height: ${width}px`;
    cube.innerHTML = content;
  };

  const corner = (values, t) => [0, 1, 2].map((bit) => (Math.abs(values[3 * t + bit]) < 0.5 ? "?" : values[3 * t + bit] > 0 ? "+" : "−")).join("");
  const draw = () => {
    drawLines();
    drawCube();
    const held = targets(), { step } = state, right = corner(held, step).replaceAll("?", "·");
    cube.setAttribute("aria-label", `Step ${step + 1}: to be held ${right}; the intact network is at ${corner(intact, step)}, without ${state.block} at ${corner(ablated, step)}.`);
    slider.set(step + 1);
    let wrong = [0, 0];
    for (let k = 0; k < 3 * steps; k++) if (held[k]) [intact, ablated].forEach((values, i) => { wrong[i] += !(values[k] * held[k] > 0); });
    const all = held.filter(Boolean).length;
    said.textContent = `Step ${step + 1}, to be held ${right}: intact ${corner(intact, step)} (dot), without ${state.block} ${corner(ablated, step)} (ring; “?” is between two memories). ` +
      `Over the trial, ${wrong[0]} of ${all} signs are wrong intact, ${wrong[1]} without ${state.block}.`;
    pulses.flat().forEach((button, k) => button.setAttribute("aria-pressed", inputs[3 * step + (k >> 1)] === (k % 2 ? -1 : 1)));
    Object.assign(root.dataset, { inputs: inputs.join(), intact: intact.join(), ablated: ablated.join(), block: state.block, step, shown: name });
  };
  run();
  live.repainted(root, draw);
};
