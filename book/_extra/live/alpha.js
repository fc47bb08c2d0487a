// One handle moves the cut: the circle in the spectrum, the border in the form and the line in the curves together.
"use strict";

live.alpha = async (root) => {
  const { make } = live;
  const title = make("p", { class: "title" }, "Move the cut through three networks at once");
  const said = make("p", { class: "said", "aria-live": "polite" }), nets = make("div", { class: "nets" });
  const slider = live.slider({ label: "Threshold α", min: 0.5, max: 1, step: 0.01, value: 0.9, say: (v) => v.toFixed(2) },
    live.frame(() => draw()));
  root.replaceChildren(title, slider.row, nets, said);

  const [{ alphas, networks }] = await live.load("live-alpha");
  const loaded = await live.load(...networks.map(({ name }) => name));
  const views = networks.map(({ seed }) => {
    const view = { form: make("canvas", { role: "img" }), spectrum: make("svg:svg", { role: "img" }),
      curves: make("svg:svg", { role: "img" }), head: make("p", { class: "part" }) };
    nets.append(make("div", {}, view.head, make("div", { class: "pictures" }, view.form, view.spectrum), view.curves));
    return { ...view, seed };
  });
  nets.after(make("p", { class: "part legend" }, "ΔFVU when one block is ablated, against α: ",
    explorer.COUPLINGS.map((block) => [make("span", { class: `key ${block}` }), `${block}  `]).flat()));

  const bent = (value) => Math.sign(value) * Math.log10(1 + Math.abs(value) / 0.01); // linear near 0
  const top = Math.max(...networks.flatMap(({ delta }) => Object.values(delta).flat()).map(bent)), low = bent(-0.01);
  const ticks = [0, 0.1, 1, 10, 100, 1000].filter((value) => bent(value) <= top);

  const drawCurves = (svg, { delta }, at) => {
    const width = svg.clientWidth, left = 36, tall = 130;
    const x = (k) => left + ((width - left - 6) * k) / (alphas.length - 1), y = (value) => 4 + ((tall - 8) * (top - bent(value))) / (top - low);
    const steps = (values) => values.map((value, k) => `${k ? `H${x(k).toFixed(1)}V` : `M${x(0)} `}${y(value).toFixed(1)}`).join("");
    live.svg(svg, tall + 18, ticks.map((value) => `<text x="${left - 4}" y="${y(value) + 4}" text-anchor="end">${value}</text>
        <path d="M${left} ${y(value)}H${width}" stroke="currentColor" stroke-opacity="0.25"/>`).join("")
      + explorer.COUPLINGS.map((block) => `<path d="${steps(delta[block])}" fill="none" stroke="${live.colours[block]}" stroke-width="2.5"/>
        <circle cx="${x(at)}" cy="${y(delta[block][at])}" r="4" fill="${live.colours[block]}" stroke="currentColor"/>`).join("")
      + `<path d="M${x(at)} 0V${tall}" stroke="currentColor" stroke-dasharray="3 3"/>
        <text x="${left}" y="${tall + 14}">${alphas[0].toFixed(1)}</text><text x="${width - 2}" y="${tall + 14}" text-anchor="end">α = 1</text>`,
      explorer.COUPLINGS.map((block) => `ΔFVU without ${block} ${live.number(delta[block][at])}`).join(", ") + ".");
  };

  const draw = () => {
    const alpha = Number(slider.input.value), at = alphas.reduce((best, a, k) => (Math.abs(a - alpha) < Math.abs(alphas[best] - alpha) ? k : best), 0);
    const leading = loaded.map((network) => explorer.nLeading(network, alpha));
    views.forEach((view, i) => {
      const N = loaded[i].real.length;
      view.head.textContent = `Seed ${view.seed}: ${leading[i]} of ${N} lead`;
      live.form(view.form, loaded[i], leading[i]);
      view.form.setAttribute("aria-label", `The ordered form of seed ${view.seed}, with the border after ${leading[i]} of ${N}.`);
      explorer.drawSpectrum(view.spectrum, loaded[i], leading[i], alpha);
      drawCurves(view.curves, networks[i], at);
    });
    const harsh = networks.map(({ delta, seed }) => {
      const worst = explorer.COUPLINGS.reduce((a, b) => (delta[b][at] > delta[a][at] ? b : a));
      return `in seed ${seed} ${worst} (${live.number(delta[worst][at], 2)})`;
    });
    said.textContent = `At α = ${alpha.toFixed(2)} the ablation that does the most harm is ${harsh.join(", ")}.`;
    Object.assign(root.dataset, { shown: alpha, leading: leading.join(), CR: networks.map(({ delta }) => delta.CR[at]).join(),
      CC: networks.map(({ delta }) => delta.CC[at]).join(), RR: networks.map(({ delta }) => delta.RR[at]).join() });
  };
  draw();
  live.repainted(root, draw);
};
