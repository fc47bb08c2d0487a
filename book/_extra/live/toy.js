// Four units, two rhythms of two modes each: R lasts, C fades and feeds R. In Schur coordinates
//   T = [λ_R  c·I; 0  λ_C], each λ a pair r e^{±iθ} as a 2×2 block; the units see W = Q T Qᵀ.
"use strict";

// The 4×4 matrix, row by row.
live.toyMatrix = ({ rR, aR, rC, aC, c }) => {
  const pair = (r, degrees) => [r * Math.cos((degrees * Math.PI) / 180), r * Math.sin((degrees * Math.PI) / 180)];
  const [x, y] = pair(rR, aR), [u, v] = pair(rC, aC);
  return [x, y, c, 0, -y, x, 0, c, 0, 0, u, v, 0, 0, -v, u];
};

// The states z_0 … z_n of z_t = T z_{t−1}, from an impulse to the first mode of C.
live.toyStates = (T, n) => {
  const states = [[0, 0, 1, 0]];
  for (let t = 0; t < n; t++) {
    const z = states[t];
    states.push([0, 1, 2, 3].map((i) => [0, 1, 2, 3].reduce((sum, j) => sum + T[4 * i + j] * z[j], 0)));
  }
  return states;
};

live.toy = (root) => {
  const { make } = live, n = 30;
  const start = { rR: 0.9, aR: 30, rC: 0.6, aC: 75, c: 1.5 };
  const state = { ...start, ablated: false, step: 0 };
  let stop = () => {};

  const plane = make("svg:svg", { role: "group", "aria-label": "The eigenvalues in the complex plane; arrow keys move the one that has the focus" });
  const net = make("svg:svg", { role: "img" }), growth = make("svg:svg", { role: "img" });
  const change = (key) => (value) => { state[key] = value; bound(); halt(); };
  const slow = (value) => value.toFixed(2), sliders = {
    rR: live.slider({ label: "R: size per step", min: 0.5, max: 1, step: 0.01, value: state.rR, say: slow }, change("rR")),
    aR: live.slider({ label: "R: turn per step", min: 0, max: 180, step: 1, value: state.aR, say: (v) => `${v}°` }, change("aR")),
    rC: live.slider({ label: "C: size per step", min: 0, max: 0.9, step: 0.01, value: state.rC, say: slow }, change("rC")),
    aC: live.slider({ label: "C: turn per step", min: 0, max: 180, step: 1, value: state.aC, say: (v) => `${v}°` }, change("aC")),
    c: live.slider({ label: "coupling from C to R", min: 0, max: 3, step: 0.05, value: state.c, say: slow }, change("c")),
  };
  const steps = live.slider({ label: "step", min: 0, max: n, step: 1, value: 0 }, (value) => { stop(); state.step = value; draw(); });
  const ablate = live.button("Ablate the coupling", () => { state.ablated = !state.ablated; halt(); }, { "aria-pressed": "false" });
  const said = make("p", { class: "said", "aria-live": "polite" });
  root.replaceChildren(
    make("div", { class: "two" },
      make("div", {}, make("p", { class: "part" }, "Eigenvalues (drag them): R filled, C open"), plane),
      make("div", {}, make("p", { class: "part" }, "Two modes of R, two of C; arrows feed"), net)),
    make("div", { class: "two" },
      make("div", {}, make("p", { class: "part" }, "Length of the state after an impulse to C"), growth, steps.row,
        make("div", { class: "acts" }, live.button("Play the impulse", () => play()), ablate,
          live.button("Start again", () => { Object.assign(state, start, { ablated: false, step: 0 }); halt(); }))),
      make("div", {}, Object.values(sliders).map(({ row }) => row))),
    said);

  // C fades faster than R, so that which is which stays: |λ_C| ≤ 0.85 |λ_R|
  const bound = () => { state.rC = Math.min(state.rC, Math.floor(85 * state.rR) / 100); };
  const halt = () => { stop(); show(); };
  const matrix = (c = state.ablated ? 0 : state.c) => live.toyMatrix({ ...state, c });
  const lengths = (T) => live.toyStates(T, n).map((z) => Math.hypot(...z));

  // --- the eigenvalues, each a handle
  const drawPlane = () => {
    const size = Math.min(plane.clientWidth, 280), middle = size / 2, unit = size / 2.4;
    const focused = document.activeElement?.dataset?.handle;
    const at = (r, a, way = 1) => [middle + unit * r * Math.cos((a * Math.PI) / 180), middle - way * unit * r * Math.sin((a * Math.PI) / 180)];
    plane.setAttribute("viewBox", `0 0 ${size} ${size}`);
    plane.style.cssText = `width: ${size}px; height: ${size}px; touch-action: pan-y`;
    plane.innerHTML = `<path d="M0 ${middle}H${size}M${middle} 0V${size}" stroke="currentColor" stroke-opacity="0.3"/>
      <circle cx="${middle}" cy="${middle}" r="${unit}" fill="none" stroke="currentColor" stroke-opacity="0.6"/>
      <circle cx="${middle}" cy="${middle}" r="${0.9 * unit * state.rR}" fill="none" stroke="currentColor" stroke-opacity="0.6" stroke-dasharray="5 4"/>
      <text x="${size - 2}" y="${middle - 5}" text-anchor="end">real</text><text x="${middle + 5}" y="12">imaginary</text>`;
    for (const [key, colour] of [["R", live.colours.RR], ["C", live.colours.CC]]) {
      const r = state[`r${key}`], a = state[`a${key}`], [x, y] = at(r, a), [mx, my] = at(r, a, -1);
      const fill = key === "R" ? colour : "var(--pst-color-background)";
      plane.append(make("svg:circle", { cx: mx, cy: my, r: 6, fill, stroke: colour, "stroke-width": 2.5 }));
      const handle = make("svg:g", { tabindex: 0, role: "slider", "data-handle": key, class: "handle",
        "aria-label": `Eigenvalue of ${key}`, "aria-valuemin": 0, "aria-valuemax": 1, "aria-valuenow": r,
        "aria-valuetext": `size ${r.toFixed(2)}, ${a}° a step`,
        keydown: (event) => {
          const move = { ArrowUp: ["a", 3], ArrowDown: ["a", -3], ArrowRight: ["r", 0.02], ArrowLeft: ["r", -0.02] }[event.key];
          if (!move) return;
          event.preventDefault();
          to(key, state[`r${key}`] + (move[0] === "r" ? move[1] : 0), state[`a${key}`] + (move[0] === "a" ? move[1] : 0));
        },
        pointerdown: (event) => {
          event.preventDefault();
          plane.setPointerCapture(event.pointerId);
          plane.onpointermove = (moved) => {
            const box = plane.getBoundingClientRect(), px = (moved.clientX - box.left - middle) / unit, py = (middle - moved.clientY + box.top) / unit;
            to(key, Math.hypot(px, py), (Math.atan2(Math.abs(py), px) * 180) / Math.PI);
          };
          plane.onpointerup = plane.onpointercancel = () => { plane.onpointermove = null; };
        } },
        make("svg:circle", { cx: x, cy: y, r: 22, fill: "transparent" }),
        make("svg:circle", { cx: x, cy: y, r: 8, fill, stroke: colour, "stroke-width": 3 }),
        make("svg:text", { x: x + 12, y: y - 8 }, key));
      plane.append(handle);
      if (focused === key) handle.focus();
    }
  };
  const to = (key, r, a) => {
    const slider = sliders[`r${key}`].input;
    state[`r${key}`] = Math.round(100 * Math.min(slider.max, Math.max(slider.min, r))) / 100;
    state[`a${key}`] = Math.round(Math.min(180, Math.max(0, a)));
    bound();
    halt();
  };

  // --- the modes at one step, and what feeds what
  const drawNet = (z) => {
    const size = net.clientWidth, x = [size * 0.3, size * 0.3, size * 0.75, size * 0.75], y = [60, 190, 60, 190];
    const top = Math.max(1, ...z.map(Math.abs)), c = state.ablated ? 0 : state.c;
    const arrow = (i, j, width, colour, bend = 0) => {
      if (width < 0.05) return "";
      const dx = x[j] - x[i], dy = y[j] - y[i], far = Math.hypot(dx, dy), ux = dx / far, uy = dy / far;
      const [ax, ay, bx, by] = [x[i] + 32 * ux, y[i] + 32 * uy, x[j] - 38 * ux, y[j] - 38 * uy];
      const [qx, qy] = [(ax + bx) / 2 - bend * uy, (ay + by) / 2 + bend * ux];
      const tip = 5 + width, [sx, sy] = [bx - qx, by - qy], sf = Math.hypot(sx, sy), [vx, vy] = [sx / sf, sy / sf];
      return `<path d="M${ax} ${ay}Q${qx} ${qy} ${bx} ${by}" fill="none" stroke="${colour}" stroke-width="${width}"/>
        <path d="M${bx + tip * vx} ${by + tip * vy}L${bx - tip * vy} ${by + tip * vx}L${bx + tip * vy} ${by - tip * vx}z" fill="${colour}"/>`;
    };
    const turn = (r, a) => 4 * r * Math.abs(Math.sin((a * Math.PI) / 180));
    let content = arrow(0, 1, turn(state.rR, state.aR), live.colours.RR, 14) + arrow(1, 0, turn(state.rR, state.aR), live.colours.RR, 14)
      + arrow(2, 3, turn(state.rC, state.aC), live.colours.CC, 14) + arrow(3, 2, turn(state.rC, state.aC), live.colours.CC, 14)
      + arrow(2, 0, 3 * c, live.colours.CR) + arrow(3, 1, 3 * c, live.colours.CR);
    z.forEach((value, i) => {
      const colour = i < 2 ? live.colours.RR : live.colours.CC;
      content += `<circle cx="${x[i]}" cy="${y[i]}" r="28" fill="none" stroke="${colour}" stroke-width="2"/>
        <circle cx="${x[i]}" cy="${y[i]}" r="${(26 * Math.sqrt(Math.abs(value) / top)).toFixed(1)}" fill="${value > 0 ? "#8a63d2" : "#e08214"}"/>
        <text x="${x[i] + (i < 2 ? -36 : 36)}" y="${y[i] + 4}" text-anchor="${i < 2 ? "end" : "start"}">${live.number(value, 2)}</text>`;
    });
    content += `<text x="${x[0]}" y="20" text-anchor="middle">R</text><text x="${x[2]}" y="20" text-anchor="middle">C</text>`;
    live.svg(net, 250, content, `Step ${state.step}: the modes of R hold ${live.number(z[0], 2)} and ${live.number(z[1], 2)}, ` +
      `those of C ${live.number(z[2], 2)} and ${live.number(z[3], 2)}; ${c ? `C feeds R with ${c.toFixed(2)}` : "C feeds nothing"}.`);
  };

  const drawGrowth = (now, without) => {
    const size = growth.clientWidth, left = 34, tall = 120, top = Math.max(1.2, ...now, ...without);
    const x = (t) => left + ((size - left - 6) * t) / n, y = (value) => 6 + (tall - 10) * (1 - value / top);
    const line = (values, style) => `<polyline points="${values.map((v, t) => `${x(t).toFixed(1)},${y(v).toFixed(1)}`).join(" ")}" fill="none" stroke="currentColor" ${style}/>`;
    live.svg(growth, tall + 18, [0, 1, ...(top > 2 ? [Math.floor(top)] : [])].map((v) => `<text x="${left - 5}" y="${y(v) + 4}" text-anchor="end">${v}</text>
        <path d="M${left} ${y(v)}H${size}" stroke="currentColor" stroke-opacity="0.25"/>`).join("")
      + line(without, 'stroke-width="1.5" stroke-dasharray="5 4"') + line(now, 'stroke-width="2.5"')
      + `<circle cx="${x(state.step)}" cy="${y(now[state.step])}" r="5" fill="#8a63d2"/>
        <text x="${left}" y="${tall + 14}">step 0</text><text x="${size - 4}" y="${tall + 14}" text-anchor="end">${n}; dashed: no coupling</text>`,
      `Length of the state over ${n} steps: at most ${live.number(Math.max(...now), 2)}, without the coupling ${live.number(Math.max(...without), 2)}.`);
  };

  const draw = () => {
    const T = matrix(), now = lengths(T);
    drawNet(live.toyStates(T, state.step)[state.step]);
    drawGrowth(now, lengths(matrix(0)));
    steps.set(state.step);
  };
  const show = () => {
    for (const [key, { set }] of Object.entries(sliders)) set(state[key]);
    ablate.setAttribute("aria-pressed", state.ablated);
    drawPlane();
    draw();
    const peak = Math.max(...lengths(matrix())), other = Math.max(...lengths(matrix(state.ablated ? state.c : 0)));
    said.textContent = `${state.ablated ? "Ablated" : "Coupled"}: the eigenvalues have the sizes ${state.rR.toFixed(2)} and ${state.rC.toFixed(2)}, ` +
      `with and without the coupling. The impulse, of length 1, grows to ${live.number(peak, 2)} at most` +
      `${state.c ? `; ${state.ablated ? "with" : "without"} the coupling to ${live.number(other, 2)}. Eigenvalues unchanged, growth changed` : ""}.`;
    Object.assign(root.dataset, { T: JSON.stringify(matrix()), peak, shown: JSON.stringify(state) });
  };
  const play = () => { stop(); stop = live.play(n + 1, 250, (step) => { state.step = step; draw(); }); };

  live.repainted(root, show);
  show();
};
