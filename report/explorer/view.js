// Draws: the spectrum, the form, the replay or the traces. Colours as in study/figures/style.py.
"use strict";

explorer.COLOURS = ["", "#009E73", "#D55E00", "#0072B2"]; // by mask: none, RR, CR, CC
const ink = (element) => getComputedStyle(element).color; // follows the light or dark page

// Sets an SVG's content in a box as wide as it stands, so that text keeps its size on a phone.
const setSvg = (svg, height, content, label) => {
  svg.setAttribute("viewBox", `0 0 ${svg.clientWidth} ${height}`);
  svg.style.height = `${height}px`;
  svg.setAttribute("aria-label", label);
  svg.innerHTML = content;
};

const NEAR = 0.05; // of the largest modulus: eigenvalues drawn as one

// The eigenvalues with an imaginary part of 0 or more, in groups of those that lie close together.
explorer.groups = ({ real, imag }, nLeading) => {
  const groups = [], near = NEAR * Math.max(...explorer.moduli({ real, imag }));
  real.forEach((re, i) => {
    if (imag[i] < 0) return;
    const leads = i < nLeading, is = (one, im) => one.leads === leads && Math.hypot(one.re - re, one.im - im) < near;
    let group = groups.find((one) => is(one, imag[i]));
    if (!group) groups.push((group = { re, im: imag[i], leads, n: 0 }));
    group.n += imag[i] > 0 && is(group, -imag[i]) ? 2 : 1; // near the real axis, with its mirror image
  });
  return groups;
};

// The eigenvalues: R as green points, C as blue triangles; |λ| = 1 and the cut |λ| = αρ.
explorer.drawSpectrum = (svg, network, nLeading, alpha) => {
  const width = svg.clientWidth, middle = width / 2, unit = width / 2.4, foot = unit + 22;
  const rho = Math.max(...explorer.moduli(network)), extent = Math.max(1, rho);
  const x = (value) => middle + (unit * value) / extent, y = (value) => foot - (unit * value) / extent;
  const arc = (radius, dashes) => `<path d="M${x(-radius)} ${foot}A${(unit * radius) / extent} ${(unit * radius) / extent} 0 0 1 ${x(radius)} ${foot}"
    fill="none" stroke="currentColor" stroke-opacity="0.6" stroke-dasharray="${dashes}"/>`;
  const edge = 'fill-opacity="0.8" stroke="currentColor" stroke-width="0.8"'; // seen on black too
  const points = explorer.groups(network, nLeading).map(({ re, im, leads, n }) => {
    const px = x(re), py = y(im), big = Math.sqrt(Math.sqrt(n)), far = Math.hypot(re, im) || 1;
    const mark = leads
      ? `<circle cx="${px}" cy="${py}" r="${4 * big}" fill="${explorer.COLOURS[1]}" ${edge}/>`
      : `<path d="M${px} ${py - 5 * big}l${5 * big} ${9 * big}h${-10 * big}z" fill="${explorer.COLOURS[3]}" ${edge}/>`;
    const away = leads ? 17 : -17; // R outside its circle, C inside
    return mark + (n > 2 ? `<text x="${px + (away * re) / far}" y="${py - (away * im) / far + 4}" text-anchor="middle">×${n}</text>` : "");
  });
  const text = `<text x="${x(0.5)}" y="${foot + 14}" text-anchor="middle">Re λ</text><text x="${middle - 5}" y="${y(0.5)}" text-anchor="end">Im λ</text>`;
  const axes = `<path d="M0 ${foot}H${width}M${middle} 0V${foot}" stroke="currentColor" stroke-opacity="0.25"/>`;
  setSvg(svg, foot + 18, axes + arc(1, "none") + arc(alpha * rho, "5 4") + points.join("") + text,
    `Eigenvalues in the upper half of the complex plane: ${nLeading} in the leading sector, ` +
    `${network.real.length - nLeading} in the complement; spectral radius ${rho.toFixed(3)}.`);
};

const small = document.createElement("canvas"); // the form, a pixel an entry

// |T̃| on a logarithmic scale from 1e-4 to 1, each coupling in its colour, and the sectors' border.
explorer.drawForm = (canvas, T, mask, nLeading) => {
  const N = Math.sqrt(T.length), size = N * Math.max(6, Math.round(360 / N)), neutral = ink(canvas);
  if (canvas.width !== size) canvas.width = canvas.height = size;
  if (small.width !== N) small.width = small.height = N;
  const [, ...grey] = neutral.match(/(\d+)\D+(\d+)\D+(\d+)/).map(Number);
  const colours = explorer.COLOURS.map((hex) => (hex ? [1, 3, 5].map((k) => parseInt(hex.slice(k, k + 2), 16)) : grey));
  const image = new ImageData(N, N);
  for (let k = 0; k < T.length; k++) {
    const strength = 1 + Math.log10(Math.abs(T[k]) + 1e-12) / 4;
    if (strength > 0) image.data.set([...colours[mask[k]], 255 * Math.min(1, strength)], 4 * k);
  }
  small.getContext("2d").putImageData(image, 0, 0);
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, size, size);
  context.imageSmoothingEnabled = false;
  context.drawImage(small, 0, 0, size, size);
  context.strokeStyle = neutral;
  context.lineWidth = 2;
  const border = (nLeading * size) / N;
  context.strokeRect(1, 1, size - 2, size - 2);
  if (nLeading < N) {
    context.beginPath();
    context.moveTo(0, border); context.lineTo(size, border);
    context.moveTo(border, 0); context.lineTo(border, size);
    context.stroke();
  }
  canvas.setAttribute("aria-label", `The ordered form, ${N} by ${N}, with the border of the sectors ` +
    `after row and column ${nLeading}.`);
};

// One sequence, channels × lags: the target above, the network below, wrong signs dotted.
explorer.drawReplay = (canvas, outputs, trials, trial) => {
  const [T, B, width] = trials.shapes.targets, cell = 8, tall = 12, gap = 14;
  const [before, , channels] = trials.shapes.inputs, shown = channels === width ? before : 0; // input steps
  const left = shown && (shown + 1) * cell;
  canvas.width = left + T * cell; // which also clears it
  canvas.height = 2 * width * tall + gap;
  const context = canvas.getContext("2d"), neutral = ink(canvas);
  let wrong = 0;
  for (let i = 0; i < shown * width; i++) {
    const value = trials.inputs[(Math.floor(i / width) * B + trial) * width + (i % width)];
    context.globalAlpha = Math.min(1, Math.abs(value));
    context.fillStyle = value > 0 ? "#6a51a3" : "#e08214";
    context.fillRect(Math.floor(i / width) * cell, (i % width) * tall, cell, tall);
  }
  for (const [values, top] of [[trials.targets, 0], [outputs, width * tall + gap]]) {
    for (let t = 0; t < T; t++) {
      for (let k = 0; k < width; k++) {
        const i = (t * B + trial) * width + k, value = values[i];
        if (Number.isNaN(trials.targets[i])) continue; // not scored
        const px = left + t * cell, py = top + k * tall;
        context.globalAlpha = Math.min(1, 0.1 + 0.8 * Math.abs(value));
        context.fillStyle = value > 0 ? "#6a51a3" : "#e08214";
        context.fillRect(px, py, cell, tall);
        if (!(value * trials.targets[i] > 0)) {
          wrong += 1;
          context.globalAlpha = 1;
          context.fillStyle = neutral;
          context.fillRect(px + cell / 2 - 2, py + tall / 2 - 3, 4, 6);
        }
      }
    }
  }
  const one = Array.from({ length: T * width }, (_, i) => trials.targets[Math.floor(i / width) * B * width + trial * width + (i % width)]);
  const summary = `${wrong} of ${one.filter((value) => !Number.isNaN(value)).length} symbols have the wrong sign`;
  canvas.setAttribute("aria-label", `Replay of sequence ${trial + 1}: ${summary}.`);
  return summary;
};

// The share of right signs at each lag, over all sequences.
explorer.drawByLag = (svg, right) => {
  const width = svg.clientWidth, height = 90, left = 34, bottom = 20;
  const x = (t) => left + ((width - left - 4) * t) / Math.max(1, right.length - 1);
  const y = (share) => 6 + (height - bottom - 8) * (1 - share);
  const line = Array.from(right, (share, t) => `${x(t).toFixed(1)},${y(share).toFixed(1)}`).join(" ");
  const ticks = [0, 0.5, 1].map((share) => `<text x="${left - 5}" y="${y(share) + 4}" text-anchor="end">${share}</text>
    <path d="M${left} ${y(share)}H${width}" stroke="currentColor" stroke-opacity="0.25"/>`).join("");
  const ends = `<text x="${left}" y="${height - 4}">lag 1</text>
    <text x="${width - 4}" y="${height - 4}" text-anchor="end">${right.length}</text>`;
  setSvg(svg, height, `${ticks}${ends}<polyline points="${line}" fill="none" stroke="currentColor" stroke-width="2"/>`,
    `Share of right signs: ${right[0].toFixed(2)} at lag 1, ${right.at(-1).toFixed(2)} at lag ${right.length}.`);
};

const PANELS = 6; // outputs that are drawn, at most

// One trial, an output a panel: the target as a broad band, the network as a line. Of classes, whether it
// is the target and its probability. Returns which outputs are left out, in words.
explorer.drawTraces = (svg, outputs, trials, trial) => {
  const [T, B] = trials.shapes.targets, all = outputs.length / (T * B), width = Math.min(all, PANELS);
  const classes = trials.shapes.targets[2] === 1 && trials.classes;
  const values = classes ? explorer.probabilities(outputs, all) : outputs;
  const target = (t, k) => {
    const one = t * B + trial;
    if (!classes) return trials.targets[one * all + k];
    return trials.targets[one] < 0 ? NaN : Number(trials.targets[one] === k);
  };
  const range = Array.from({ length: T * width }, (_, i) => target(Math.floor(i / width), i % width));
  const reach = range.reduce((most, value) => Math.max(most, Math.abs(value) || 0), 0) || 1;
  // What has grown out of all proportion is cut; targets of the size of ±1 share one scale.
  const cut = (value) => Math.min(3 * reach, Math.max(-3 * reach, Number.isNaN(value) ? 0 : value));
  const output = (t, k) => cut(values[(t * B + trial) * all + k]);
  const unit = reach > 0.5 && reach < 1.2 ? 1 : Number(reach.toPrecision(1));
  let top = 1.1 * unit, low = classes ? -0.1 : -top;
  for (let t = 0; t < T; t++) {
    for (let k = 0; k < width; k++) {
      top = Math.max(top, output(t, k), cut(target(t, k)));
      low = Math.min(low, output(t, k), cut(target(t, k)));
    }
  }
  const size = svg.clientWidth, left = 44, row = 26; // the height of an input's row
  const [steps, , channels] = trials.shapes.inputs, given = Math.min(channels, PANELS), head = given * row + 6;
  const each = width > 1 ? (size < 400 ? 66 : 80) : size < 400 ? 130 : 190, height = head + width * each + 18;
  let content = "";
  for (let k = 0; k < given; k++) { // each as bars from its middle line, on a scale of its own
    const value = (t) => trials.inputs[(t * B + trial) * channels + k], middle = k * row + row / 2;
    let most = 0, bars = "";
    for (let t = 0; t < steps; t++) most = Math.max(most, Math.abs(value(t)));
    for (let t = 0; t < steps; t++) {
      const at = left + ((size - left - 6) * t) / Math.max(1, steps - 1);
      if (most && value(t)) bars += `M${at.toFixed(1)} ${middle}v${((-0.45 * row * value(t)) / most).toFixed(1)}`;
    }
    content += `<text x="${left - 5}" y="${middle + 4}" text-anchor="end">in ${k + 1}</text>
      <path d="M${left} ${middle}H${size}" stroke="currentColor" stroke-opacity="0.2"/>
      <path d="${bars}" stroke="currentColor" stroke-width="2" stroke-opacity="0.75"/>`;
  }
  for (let k = 0; k < width; k++) {
    const x = (t) => left + ((size - left - 6) * t) / Math.max(1, T - 1);
    const y = (value) => head + k * each + 6 + ((each - 12) * (top - value)) / (top - low);
    const draw = (series, style, radius) => {
      let line = "", pen = "M"; // lifted where a target is not scored
      for (let t = 0; t < T; t++) {
        const value = series(t, k);
        if (!Number.isNaN(value)) line += `${pen}${x(t).toFixed(1)} ${y(value).toFixed(1)}`;
        pen = Number.isNaN(value) ? "M" : "L";
      }
      if (T > 1) return `<path d="${line}" fill="none" stroke-linejoin="round" ${style}/>`;
      if (!line) return "";
      return `<circle cx="${left + 12}" cy="${y(series(0, k)).toFixed(1)}" r="${radius}" fill="none" ${style}/>`;
    };
    content += [-unit, 0, unit].filter((value) => value > low).map((value) => `
      <path d="M${left} ${y(value)}H${size}" stroke="currentColor" stroke-opacity="0.2"/>
      <text x="${left - 5}" y="${y(value) + 4}" text-anchor="end">${String(value).replace("-", "−")}</text>`).join("");
    content += draw(target, 'stroke="#e08214" stroke-width="6" stroke-opacity="0.6"', 7)
      + draw(output, 'stroke="currentColor" stroke-width="2"', 3);
  }
  if (T > 1) content += `<text x="${left}" y="${height - 3}">step 1</text>
    <text x="${size - 4}" y="${height - 3}" text-anchor="end">${T}</text>`;
  setSvg(svg, height, content, `Outputs of trial ${trial + 1} beside their targets, ${T} scored steps.`);
  const what = classes ? "; of each class its probability" : "";
  const leftOut = [channels > given && `${given} of ${channels} inputs`, all > width && `${width} of ${all} outputs`].filter(Boolean);
  return what + (leftOut.length ? `; the first ${leftOut.join(" and ")}` : "");
};
