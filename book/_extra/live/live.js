// What the figures that respond have in common. Each is a function live.NAME(root), in a file of its own, that
// fills <… data-live="NAME">; it keeps the numbers it shows in root.dataset, and says in words what is seen.
"use strict";

const live = {
  colours: { RR: "#009E73", CR: "#D55E00", CC: "#0072B2" },
  WORDS: { RR: "within R", CR: "from C into R", CC: "within C" },
  calm: matchMedia("(prefers-reduced-motion: reduce)"),
  home: new URL("../", document.currentScript.src).href,
};

// An element of HTML, or of SVG where its name begins with "svg:", with attributes, listeners and children.
live.make = (name, attributes = {}, ...children) => {
  const svg = name.startsWith("svg:");
  const element = svg ? document.createElementNS("http://www.w3.org/2000/svg", name.slice(4)) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(key, value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value !== undefined) element.setAttribute(key, value);
  }
  element.append(...children.flat());
  return element;
};

live.button = (text, act, attributes = {}) => live.make("button", { type: "button", click: act, ...attributes }, text);

// A button of a block that is pressed while the block is ablated.
live.toggle = (block, text, act) =>
  live.button([live.make("span", { class: `key ${block}` }), text], act, { "aria-pressed": "false", "data-block": block });

let names = 0; // of labelled controls

// A labelled range; say(value) is the text beside it. `set` moves it without a call.
live.slider = ({ label, min, max, step, value, say = String }, act) => {
  const id = `live-${++names}`, output = live.make("output", { for: id });
  const input = live.make("input", { type: "range", id, min, max, step, input: () => { show(); act(Number(input.value)); } });
  const show = () => { output.textContent = say(Number(input.value)); input.setAttribute("aria-valuetext", output.textContent); };
  const set = (to) => { input.value = to; show(); };
  set(value);
  return { row: live.make("div", { class: "slider" }, live.make("label", { for: id }, label), input, output), input, set };
};

live.select = (label, options, act) => {
  const id = `live-${++names}`;
  const select = live.make("select", { id, change: () => act(select.value) },
    options.map(([value, text]) => live.make("option", { value }, text)));
  return { row: live.make("span", { class: "choice" }, live.make("label", { for: id }, label), " ", select), select };
};

// Any number of calls before the next frame are one.
live.frame = (act) => {
  let asked = 0;
  return () => { cancelAnimationFrame(asked); asked = requestAnimationFrame(act); };
};

// Draw now, and again when the width or the colours of the page change.
live.repainted = (root, draw) => {
  let width = 0;
  new ResizeObserver(() => { if (root.clientWidth !== width) { width = root.clientWidth; draw(); } }).observe(root);
  new MutationObserver(draw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
};

// Steps 0 to n − 1, `ms` apart; returns a function that stops. Where motion is unwanted, the last step at once.
live.play = (n, ms, act, ended = () => {}) => {
  if (live.calm.matches) { act(n - 1); ended(); return () => {}; }
  const began = performance.now();
  let last = -1, asked = requestAnimationFrame(function next(now) {
    const step = Math.min(n - 1, Math.floor((now - began) / ms));
    if (step > last) act((last = step));
    if (step < n - 1) asked = requestAnimationFrame(next);
    else ended();
  });
  return () => cancelAnimationFrame(asked);
};

live.ink = (element) => getComputedStyle(element).color;

// A canvas's context in CSS pixels, cleared, sharp on fine screens.
live.context = (canvas, height) => {
  const width = canvas.clientWidth, fine = Math.min(2, devicePixelRatio || 1);
  canvas.width = Math.round(width * fine);
  canvas.height = Math.round(height * fine);
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d");
  context.scale(fine, fine);
  return [context, width];
};

// An SVG's content, in a box as wide as it stands, so that its text keeps its size on a phone.
live.svg = (svg, height, content, label) => {
  svg.setAttribute("viewBox", `0 0 ${svg.clientWidth} ${height}`);
  svg.style.height = `${height}px`;
  if (label) svg.setAttribute("aria-label", label);
  svg.innerHTML = content;
};

live.number = (value, digits = 3) => (Number.isFinite(value) ? value.toFixed(digits).replace("-", "−") : "without bound");

// |T̃| on a logarithmic scale from 1e-4 to 1: entry (i, j) in the colour of its block, fainter by what is ablated.
// The leading rows take `split` of the side (their true share, where it is not given).
live.form = (canvas, network, nLeading, { split, dose = {}, mask = explorer.masks(network, nLeading) } = {}) => {
  const [context, size] = live.context(canvas, canvas.clientWidth), N = network.real.length, ink = live.ink(canvas);
  const share = split ?? nLeading / N;
  const at = (i) => size * (i <= nLeading ? (share * i) / nLeading : share + ((1 - share) * (i - nLeading)) / (N - nLeading));
  const names = ["", ...explorer.COUPLINGS];
  for (let i = 0; i < N; i++) {
    for (let j = Math.max(0, i - 1); j < N; j++) {
      const name = names[mask[i * N + j]], strength = 1 + Math.log10(Math.abs(network.T[i * N + j]) + 1e-12) / 4;
      const left = (1 - (dose[name] ?? 0)) * Math.min(1, strength);
      if (left <= 0) continue;
      context.globalAlpha = left;
      context.fillStyle = live.colours[name] ?? ink;
      context.fillRect(at(j), at(i), at(j + 1) - at(j) + 0.3, at(i + 1) - at(i) + 0.3);
    }
  }
  context.globalAlpha = 1;
  context.strokeStyle = ink;
  context.lineWidth = 1.5;
  context.strokeRect(0.75, 0.75, size - 1.5, size - 1.5);
  const border = at(nLeading);
  if (nLeading < N) {
    context.beginPath();
    context.moveTo(0, border); context.lineTo(size, border);
    context.moveTo(border, 0); context.lineTo(border, size);
    context.stroke();
  }
  return border;
};

// Data by the name of its script; a page from the disk may load scripts, but fetch nothing.
live.load = (...wanted) => Promise.all(wanted.map((name) => explorer.load(name)));

// At the end of the page, when all its scripts are there.
addEventListener("DOMContentLoaded", () => {
  for (const root of document.querySelectorAll("[data-live]")) {
    const before = [...root.childNodes];
    root.hidden = false;
    Promise.resolve(live[root.dataset.live](root)).catch((error) => {
      root.replaceChildren(...before, live.make("p", { role: "alert" }, `This figure does not respond: ${error.message}.`));
    });
  }
});
