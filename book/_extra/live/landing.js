// The key figure: tap a block of the triangle, it fades, and the replay and its accuracy change at once.
"use strict";

live.landing = async (root) => {
  const { make } = live, SPLIT = 0.6;
  const state = { removed: new Set(), dose: { RR: 0, CR: 0, CC: 0 }, upTo: Infinity, trial: 0 };

  // --- what stands there before the numbers have come
  const form = make("canvas", { class: "form", role: "img" });
  const areas = make("svg:svg", { class: "areas", viewBox: "0 0 100 100", "aria-hidden": "true" });
  const shapes = { RR: `0,0 60,0 60,60`, CR: `60,0 100,0 100,60 60,60`, CC: `60,60 100,60 100,100` };
  const labels = { RR: [41, 23], CR: [80, 32], CC: [87, 76] };
  for (const block of ["RR", "CR", "CC"]) {
    const [x, y] = labels[block];
    areas.append(make("svg:polygon", { points: shapes[block], "data-block": block, class: block, click: () => flip(block) }),
      make("svg:text", { x, y, "text-anchor": "middle" }, block));
  }
  const buttons = Object.fromEntries([["RR", "among the leading rhythms"], ["CR", "from the others into these"],
    ["CC", "among the others"]].map(([block, text]) => [block, live.toggle(block, `${block}, ${text}`, () => flip(block))]));
  const again = live.button("Put all back", () => { state.removed.clear(); show(); });
  const score = make("p", { class: "big", "data-part": "score" }, "Loading the network …");
  const bar = make("div", { class: "bar", "aria-hidden": "true" }, make("span", { class: "chance" }), make("span", { class: "right" }));
  const target = make("canvas", { role: "img", class: "strip" }), replay = make("canvas", { role: "img", class: "strip" });
  const lags = make("svg:svg", { role: "img" });
  const said = make("p", { class: "said", "aria-live": "polite", "data-part": "said" });
  root.replaceChildren(
    make("div", { class: "landing" },
      make("div", {}, make("div", { class: "triangle" }, form, areas),
        make("div", { class: "blocks", role: "group", "aria-label": "Ablate a block of couplings" }, Object.values(buttons))),
      make("div", {},
        score, bar,
        make("p", { class: "part" }, "Goes in, and should come back for ever"), target,
        make("p", { class: "part" }, "Comes back; the strongest cells are wrong"), replay,
        make("p", { class: "part" }, "Share that is right, as time goes on"), lags,
        make("div", { class: "acts" }, again, live.button("Play it step by step", () => play()),
          live.button("Another sequence", () => { state.trial = (state.trial + 1) % trials.shapes.targets[1]; draw(); })))),
    said);

  const { network: name, alpha } = explorer.index.start, { task } = explorer.index.networks.find((one) => one.name === name);
  const [network, trials] = await Promise.all([explorer.load(name), explorer.load(task, `trials-${task}`)]);
  const nLeading = explorer.nLeading(network, alpha), mask = explorer.masks(network, nLeading);
  const [T, , width] = trials.shapes.targets, [symbols] = trials.shapes.inputs;
  let outputs, accuracy;

  const run = (removed) => {
    const whole = Object.fromEntries(explorer.COUPLINGS.map((block) => [block, removed.has(block) ? 1 : 0]));
    const { T: left, mass } = explorer.ablatedForm(network, mask, whole);
    const y = explorer.rollout(network, explorer.recurrentWeights(network, left), trials, T);
    return [y, explorer.replayAccuracy(y, trials), mass];
  };
  const [, intact] = run(new Set());

  // --- pictures
  const drawForm = () => {
    live.form(form, network, nLeading, { split: SPLIT, dose: state.dose, mask });
    form.setAttribute("aria-label", `The recurrent weights in order: ${nLeading} leading dimensions above and left, the other ` +
      `${network.real.length - nLeading} below and right, drawn larger than they are; ablated: ${names() || "nothing"}.`);
  };
  const drawStrip = (canvas, values, comes) => {
    const steps = symbols + T, tall = Math.max(5, Math.min(9, canvas.clientWidth / 60));
    const [context, size] = live.context(canvas, width * tall), cell = size / (steps + 1), ink = live.ink(canvas);
    const dark = document.documentElement.dataset.theme === "dark";
    const { trial } = state, B = trials.shapes.targets[1];
    let wrong = 0;
    for (let step = comes ? symbols : 0; step < Math.min(steps, state.upTo); step++) {
      for (let k = 0; k < width; k++) {
        const input = step < symbols, i = ((step - symbols) * B + trial) * width + k;
        const value = input ? trials.inputs[(step * B + trial) * width + k] : values[i];
        const miss = comes && !(value * trials.targets[i] > 0);
        wrong += miss;
        context.globalAlpha = miss ? 1 : input ? 1 : 0.25 + 0.45 * Math.min(1, Math.abs(value));
        context.fillStyle = miss ? ink : value > 0 ? (dark ? "#a58ad6" : "#6a51a3") : "#e08214";
        context.fillRect(cell * (step + (step >= symbols)), k * tall, cell + 0.3, tall - 0.5);
      }
    }
    context.globalAlpha = 1;
    context.fillStyle = ink;
    context.fillRect(cell * (symbols + 0.4), 0, 1, width * tall); // input ends here
    return wrong;
  };
  const drawLags = () => {
    const right = explorer.accuracyByLag(outputs, trials), size = lags.clientWidth, left = 46, tall = 58;
    const x = (t) => left + ((size - left - 4) * t) / (T - 1), y = (share) => 6 + (tall - 12) * (1 - share);
    const line = Array.from(right, (share, t) => `${x(t).toFixed(1)},${y(share).toFixed(1)}`).join(" ");
    live.svg(lags, tall + 16, [1, 0.5].map((share) => `<text x="${left - 5}" y="${y(share) + 4}" text-anchor="end">${100 * share} %</text>
      <path d="M${left} ${y(share)}H${size}" stroke="currentColor" stroke-opacity="0.3"/>`).join("") +
      `<text x="${left}" y="${tall + 13}">first step</text><text x="${size - 4}" y="${tall + 13}" text-anchor="end">${T}th step</text>
      <polyline points="${line}" fill="none" stroke="currentColor" stroke-width="2"/>`,
      `Share of right answers: ${right[0].toFixed(2)} at the first step, ${right[T - 1].toFixed(2)} at step ${T}.`);
  };
  const names = () => explorer.COUPLINGS.filter((block) => state.removed.has(block)).join(" and ");
  const draw = () => {
    drawForm();
    drawStrip(target, trials.targets, false);
    target.setAttribute("aria-label", `Sequence ${state.trial + 1}: eight patterns of ${width} signs, and what should come back.`);
    const wrong = drawStrip(replay, outputs, true);
    replay.setAttribute("aria-label", `What the network gives back: ${wrong} of ${T * width} signs are wrong.`);
    drawLags();
  };

  // --- one change
  let fading = 0;
  const fade = () => {
    cancelAnimationFrame(fading);
    let moving = false;
    for (const block of explorer.COUPLINGS) {
      const aim = state.removed.has(block) ? 1 : 0, way = aim - state.dose[block];
      state.dose[block] = live.calm.matches || Math.abs(way) < 0.08 ? aim : state.dose[block] + Math.sign(way) * 0.08;
      moving ||= state.dose[block] !== aim;
    }
    drawForm();
    if (moving) fading = requestAnimationFrame(fade);
  };
  const percent = (share) => `${(100 * share).toFixed(1)} %`;
  const show = () => {
    let mass;
    [outputs, accuracy, mass] = run(state.removed);
    state.upTo = Infinity;
    stop();
    score.textContent = `${percent(accuracy)} of the signs are right`;
    bar.lastChild.style.width = `${100 * accuracy}%`;
    for (const [block, button] of Object.entries(buttons)) {
      button.setAttribute("aria-pressed", state.removed.has(block));
      areas.querySelector(`polygon.${block}`).classList.toggle("gone", state.removed.has(block));
    }
    again.disabled = !state.removed.size;
    const lost = intact - accuracy;
    said.textContent = !state.removed.size
      ? `Nothing is ablated: ${percent(intact)} are right, and guessing would give 50 %. Tap a block.`
      : `Without ${names()}, and with nothing trained again, ${percent(accuracy)} of the signs are right, ${percent(intact)} before: ` +
        `${lost < 0.005 ? "hardly anything is lost" : accuracy < 0.6 ? "little more than guessing is left" : "part of the replay is lost"}, ` +
        `and ${percent(mass)} of the size of the weights is gone.`;
    Object.assign(root.dataset, { accuracy, mass, removed: names(), shown: [...state.removed].join("+") || "intact" });
    fade();
    draw();
  };
  const flip = (block) => {
    if (!outputs) return;
    if (!state.removed.delete(block)) state.removed.add(block);
    show();
  };
  let stop = () => {};
  const play = () => {
    stop();
    stop = live.play(symbols + T, 25, (step) => {
      state.upTo = step + 1;
      drawStrip(target, trials.targets, false);
      drawStrip(replay, outputs, true);
    }, () => { state.upTo = Infinity; draw(); });
  };

  show();
  live.repainted(root, draw);
  if (!live.calm.matches) play();
};
