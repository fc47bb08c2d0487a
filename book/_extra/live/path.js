// The way to the smallest network that does the task as well, under one handle.
"use strict";

live.path = async (root) => {
  const { make } = live, form = make("svg:svg", { role: "img" }), bars = make("svg:svg", { role: "img" });
  const said = make("p", { class: "said", "aria-live": "polite" });
  root.replaceChildren(make("p", { class: "title" }, "Go the way to the smallest network"));
  const [{ ways, titles }] = await live.load("live-path");
  let way = ways[0];
  const options = ways.map(({ task, seed }, k) => [k, `${titles[task]}, seed ${seed}`]);
  const slider = live.slider({ label: "Step on the way", min: 0, max: way.kept.length - 1, step: 1, value: 0 }, live.frame(() => draw()));
  root.append(make("div", { class: "acts" }, live.select("Network", options, (k) => {
    way = ways[k];
    slider.input.max = way.kept.length - 1;
    slider.set(0);
    draw();
  }).row), slider.row,
  make("div", { class: "two" },
    make("div", {}, make("p", { class: "part" }, "Size of the weights that are left, and of their blocks"), form),
    make("div", {}, make("p", { class: "part" }, "Harm of ablating each block; thin: at the start"), bars)), said);

  const BLOCKS = ["RR", "CR", "CC"];
  const draw = () => {
    const at = Number(slider.input.value), kept = way.kept[at], side = Math.min(260, form.clientWidth);
    const strength = (block) => Math.min(1, 0.06 + (way.mass[block][at] * Math.sqrt(kept)) / Math.max(...BLOCKS.flatMap((b) => way.mass[b].map((m, k) => m * Math.sqrt(way.kept[k])))));
    const shapes = { RR: "0,0 60,0 60,60", CR: "60,0 100,0 100,60 60,60", CC: "60,60 100,60 100,100" }, texts = { RR: [42, 24], CR: [80, 32], CC: [88, 76] };
    form.setAttribute("viewBox", "0 0 100 100");
    form.style.cssText = `width: ${side}px; height: ${side}px`;
    form.innerHTML = BLOCKS.map((block) => `<polygon points="${shapes[block]}" fill="${live.colours[block]}" fill-opacity="${strength(block).toFixed(3)}"/>
      <text x="${texts[block][0]}" y="${texts[block][1]}" text-anchor="middle" class="halo" style="font-size: ${(1300 / side).toFixed(2)}px">${block}</text>`).join("")
      + `<path d="M0 0L100 100" stroke="currentColor" stroke-width="${(0.5 + 2.5 * Math.sqrt(kept)).toFixed(2)}"/>
        <path d="M0 60H100M60 0V100M0.3 0.3H99.7V99.7H0.3z" fill="none" stroke="currentColor" stroke-width="0.6"/>`;
    form.setAttribute("aria-label", BLOCKS.map((block) => `${block} holds ${live.number(way.mass[block][at])} of the norm`).join(", ") + ".");

    const width = bars.clientWidth, row = 52, left = 34, top = Math.max(1e-3, ...BLOCKS.flatMap((block) => way.harm[block]));
    const x = (value) => left + (Math.max(0, width - left - 62) * Math.max(0, value)) / top;
    live.svg(bars, 3 * row, BLOCKS.map((block, k) => `<text x="0" y="${k * row + 25}">${block}</text>
      <rect x="${left}" y="${k * row + 10}" width="${x(way.harm[block][at]) - left}" height="22" fill="${live.colours[block]}"/>
      <rect x="${left}" y="${k * row + 34}" width="${x(way.harm[block][0]) - left}" height="5" fill="${live.colours[block]}" fill-opacity="0.5"/>
      <text x="${x(way.harm[block][at]) + 6}" y="${k * row + 26}">${live.number(way.harm[block][at])}</text>`).join("")
      + `<path d="M${left} 0V${3 * row}" stroke="currentColor"/>`,
      BLOCKS.map((block) => `without ${block} the harm is ${live.number(way.harm[block][at])}`).join(", ") + ".");

    const copy = way.task === "copy", score = copy ? "replay accuracy" : "FVU";
    const harms = BLOCKS.map((block) => way.harm[block]), most = (k) => BLOCKS[[0, 1, 2].reduce((a, b) => (harms[b][k] > harms[a][k] ? b : a))];
    said.textContent = `Step ${at} of ${way.kept.length - 1}: ${(100 * kept).toFixed(1)} % of the squared norm of the weights is left, and the task is done ` +
      `with ${copy ? "a" : "an"} ${score} of ${live.number(way.score[at], copy ? 3 : 5)}, ${live.number(way.score[0], copy ? 3 : 5)} at the start. ` +
      (most(at) === most(0) ? `Ablating ${most(0)} does the most harm, as at the start.` : `Ablating ${most(at)} does the most harm now, ${most(0)} did at the start.`);
    Object.assign(root.dataset, { task: way.task, seed: way.seed, step: at, kept, score: way.score[at], harm: BLOCKS.map((block) => way.harm[block][at]).join(), shown: at });
  };
  draw();
  live.repainted(root, draw);
};
