// Predicted and measured harm: a point opens its network, with its block ablated, in the explorer.
"use strict";

live.scatter = async (root) => {
  const { make } = live, picture = make("svg:svg", { role: "slider", tabindex: 0, class: "scatter", "aria-valuemin": 1 });
  const link = make("a", { class: "open" }), said = make("p", { class: "said", "aria-live": "polite" });
  root.replaceChildren(make("p", { class: "title" }, "Open a point"),
    make("p", { class: "part" }, "Tap near a point, or go from point to point with the arrow keys; Enter opens it. On the line the prediction is right."));
  const [{ points, titles, limit }] = await live.load("live-scatter");
  const state = { task: "", at: 0, x: "predicted" };
  const options = [["", "all tasks"], ...Object.entries(titles)];
  root.append(make("div", { class: "acts" },
    live.select("Task", options, (task) => { state.task = task; state.at = points.indexOf(shown()[0]); draw(); }).row,
    live.select("Against", [["predicted", "the prediction"], ["mass", "mass of the activity"]], (x) => { state.x = x; draw(); }).row),
    picture, make("p", { class: "part" }, Object.keys(live.colours).map((block) => [make("span", { class: `key ${block}` }), `${block}, ${live.WORDS[block]}  `]).flat(),
      `Squares: ${titles.copy}; circles: ${titles.flip_flop}; triangles: ${titles.sine_generation}; diamonds: ${titles.context_integration}.`), said, link);

  const shown = () => points.filter(({ task }) => !state.task || task === state.task);
  const LOW = 1e-6, place = (value) => Math.log10(Math.max(LOW, value)), highest = 0.3 + Math.max(...points.map(({ measured, predicted }) => Math.max(place(measured), place(predicted))));
  const marks = ["M-4-4h8v8h-8z", "M-5 0A5 5 0 1 0 5 0A5 5 0 1 0-5 0z", "M0-6L5.5 4h-11z", "M0-6L6 0 0 6-6 0z"], tasks = Object.keys(titles);
  let px = [], py = [];
  const draw = () => {
    const width = picture.clientWidth, tall = Math.min(400, width), left = 44;
    const x = (value) => left + ((width - left - 10) * (place(value) + 6)) / (highest + 6), y = (value) => 6 + (tall - 30) * (1 - (place(value) + 6) / (highest + 6));
    const powers = Array.from({ length: Math.floor(highest) + 7 }, (_, k) => k - 6).filter((k) => k % 2 === 0);
    const name = (k) => `10<tspan dy="-5" font-size="11">${String(k).replace("-", "−")}</tspan>`;
    let content = powers.map((k) => `<path d="M${left} ${y(10 ** k)}H${width}M${x(10 ** k)} 0V${tall - 24}" stroke="currentColor" stroke-opacity="0.15"/>
      <text x="${left - 6}" y="${y(10 ** k) + 5}" text-anchor="end">${name(k)}</text><text x="${x(10 ** k)}" y="${tall - 4}" text-anchor="middle">${name(k)}</text>`).join("");
    content += `<path d="M${left} ${y(limit)}H${width}" stroke="currentColor" stroke-dasharray="2 3"/>`;
    if (state.x === "predicted") content += `<path d="M${x(LOW)} ${y(LOW)}L${x(10 ** highest)} ${y(10 ** highest)}" stroke="currentColor" stroke-opacity="0.6"/>`;
    [px, py] = [points.map((p) => x(p[state.x])), points.map((p) => y(p.measured))];
    points.forEach((p, k) => {
      if (state.task && p.task !== state.task) return;
      content += `<path d="${marks[tasks.indexOf(p.task)]}" transform="translate(${px[k].toFixed(1)} ${py[k].toFixed(1)})" fill="${live.colours[p.block]}" fill-opacity="0.35" stroke="${live.colours[p.block]}" stroke-width="1.5"/>`;
    });
    content += `<circle cx="${px[state.at]}" cy="${py[state.at]}" r="11" fill="none" stroke="currentColor" stroke-width="2.5"/>`;
    content += `<text x="${left + 6}" y="14">ΔFVU measured</text>
      <text x="${width - 4}" y="${tall - 30}" text-anchor="end">${state.x === "predicted" ? "ΔFVU predicted" : "mass of the activity"}</text>`;
    live.svg(picture, tall, content, `${shown().length} blocks: measured change of the FVU, upwards, against ${state.x === "predicted" ? "the predicted one" : "the mass of the activity"}.`);
    const p = points[state.at];
    said.textContent = `${titles[p.task]}, seed ${p.seed}, without ${p.block}: ΔFVU ${p.measured.toPrecision(3)} measured, ${p.predicted.toPrecision(3)} predicted, mass of the activity ${p.mass.toPrecision(3)}.`;
    link.href = `${live.home}explorer.html#${new URLSearchParams({ network: p.network, alpha: 0.9, [p.block]: 100 })}`;
    link.textContent = "Open this network in the explorer, with the block ablated";
    picture.setAttribute("aria-valuemax", points.length);
    picture.setAttribute("aria-valuenow", state.at + 1);
    picture.setAttribute("aria-valuetext", said.textContent);
    Object.assign(root.dataset, { ...p, shown: state.at });
  };
  picture.addEventListener("click", (event) => {
    const box = picture.getBoundingClientRect(), [cx, cy] = [event.clientX - box.left, event.clientY - box.top];
    state.at = points.reduce((best, p, k) => ((!state.task || p.task === state.task) &&
      (best < 0 || Math.hypot(px[k] - cx, py[k] - cy) < Math.hypot(px[best] - cx, py[best] - cy)) ? k : best), -1);
    draw();
  });
  picture.addEventListener("keydown", (event) => {
    if (event.key === "Enter") { location.href = link.href; return; }
    const way = { ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1, ArrowUp: 1 }[event.key];
    if (!way) return;
    event.preventDefault();
    const ranked = [...points.keys()].filter((k) => !state.task || points[k].task === state.task).sort((a, b) => points[a][state.x] - points[b][state.x] || a - b);
    state.at = ranked[Math.max(0, Math.min(ranked.length - 1, ranked.indexOf(state.at) + way))];
    draw();
  });
  draw();
  live.repainted(root, draw);
};
