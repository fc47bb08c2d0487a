// The page: controls, the state in the address, and one update a frame.
"use strict";

(() => {
  const root = document.getElementById("explorer");
  const part = (name) => root.querySelector(`[data-part="${name}"]`);
  const controls = Object.fromEntries(["task", "kind", "seed", "alpha", "trial", "RR", "CR", "CC"]
    .map((name) => [name, document.getElementById(`explorer-${name}`)]));
  const { tasks, networks, start } = explorer.index; // start: the network and α to begin with
  const state = { ...start, RR: 0, CR: 0, CC: 0, trial: 0 };
  const whole = new Map(); // score of each network without any deletion
  let updates = 0;
  let spectrum = ""; // what the drawn one shows: no dose changes it

  const chosen = () => networks.find(({ name }) => name === state.network);

  // --- the state in the address ---------------------------------------------------------------

  const address = () => `#${new URLSearchParams(state)}`;

  // Once a drag pauses: browsers refuse a page that changes its address at every frame.
  let writing = 0;
  const writeAddress = () => {
    clearTimeout(writing);
    writing = setTimeout(() => history.replaceState(null, "", address()), 200);
  };

  const readAddress = () => {
    const given = new URLSearchParams(location.hash.slice(1));
    const number = (key, low, high) => {
      const value = Number(given.get(key));
      if (given.has(key) && Number.isFinite(value)) state[key] = Math.min(high, Math.max(low, value));
    };
    if (networks.some(({ name }) => name === given.get("network"))) state.network = given.get("network");
    for (const name of explorer.COUPLINGS) number(name, 0, 100);
    number("alpha", Number(controls.alpha.min), 1);
    number("trial", 0, 1e6);
    state.trial = Math.min(Math.round(state.trial), tasks[chosen().task].n_trials - 1);
  };

  // --- controls -------------------------------------------------------------------------------

  const fill = (select, options, value) => {
    select.replaceChildren(...options.map(([key, text]) => new Option(text, key, false, String(key) === String(value))));
  };

  part("networks").hidden = networks.length === 1;
  controls.alpha.min = Math.min(0.5, start.alpha);

  let filled = ""; // the network that the lists stand at
  const showNetwork = () => {
    const { task, kind, seed } = chosen();
    filled = state.network;
    const ofTask = networks.filter((network) => network.task === task);
    fill(controls.task, Object.entries(tasks).map(([key, { title }]) => [key, title]), task);
    fill(controls.kind, [...new Map(ofTask.map((network) => [network.kind, network.title]))], kind);
    fill(controls.seed, ofTask.filter((network) => network.kind === kind).map((network) => [network.seed, network.seed]), seed);
    controls.trial.max = tasks[task].n_trials;
    for (const list of document.querySelectorAll('[class*="try-"]')) list.hidden = !list.classList.contains(`try-${task}`);
  };
  const showControls = () => {
    if (filled !== state.network) showNetwork();
    controls.trial.value = state.trial + 1;
    controls.alpha.value = state.alpha;
    part("alpha").textContent = state.alpha.toFixed(2);
    for (const name of explorer.COUPLINGS) {
      controls[name].value = state[name];
      part(name).textContent = `${state[name]} %`;
      const toggle = document.getElementById(`explorer-remove-${name}`);
      toggle.checked = state[name] > 0;
      toggle.indeterminate = state[name] > 0 && state[name] < 100;
    }
  };

  // A task, kind or seed was chosen: the network that has most in common with the choice.
  const pick = (wish) => {
    const best = networks.filter((network) => network.task === controls.task.value);
    const same = (key, among) => {
      const found = among.filter((network) => String(network[key]) === String(wish[key]));
      return found.length ? found : among;
    };
    state.network = same("seed", same("kind", best))[0].name;
    state.trial = Math.min(state.trial, tasks[controls.task.value].n_trials - 1);
    writeAddress();
    update();
  };
  const wish = () => ({ kind: controls.kind.value, seed: controls.seed.value });
  controls.task.addEventListener("change", () => pick({ kind: "dense_orthogonal-72", seed: 0 }));
  controls.kind.addEventListener("change", () => pick(wish()));
  controls.seed.addEventListener("change", () => pick(wish()));

  let frame = 0;
  const set = (key, value) => {
    state[key] = value;
    writeAddress();
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(update);
  };
  controls.alpha.addEventListener("input", () => set("alpha", Number(controls.alpha.value)));
  controls.trial.addEventListener("change", () => {
    const last = tasks[chosen().task].n_trials;
    set("trial", Math.min(last, Math.max(1, Math.round(Number(controls.trial.value)) || 1)) - 1);
  });
  for (const name of explorer.COUPLINGS) {
    controls[name].addEventListener("input", () => set(name, Number(controls[name].value)));
    document.getElementById(`explorer-remove-${name}`).addEventListener("change", (event) =>
      set(name, event.target.checked ? 100 : 0));
  }
  document.getElementById("explorer-reset").addEventListener("click", () => {
    Object.assign(state, { RR: 0, CR: 0, CC: 0, alpha: start.alpha });
    writeAddress();
    update();
  });

  // --- one update -----------------------------------------------------------------------------

  const run = (network, trials, T) => explorer.rollout(
    network, explorer.recurrentWeights(network, T), trials, tasks[chosen().task].free_steps);

  async function update() {
    const mine = ++updates;
    showControls();
    const { task, name } = chosen();
    let network, trials;
    try {
      [network, trials] = await Promise.all([explorer.load(name), explorer.load(task, `trials-${task}`)]);
    } catch (error) {
      part("score").textContent = error.message;
      return;
    }
    if (mine !== updates) return; // a later choice is on its way
    const { score: scoreName } = tasks[task], [label, digits, scoreOf] = explorer.SCORES[scoreName];
    if (!whole.has(name)) whole.set(name, scoreOf(run(network, trials, network.T), trials));

    const began = performance.now();
    const dose = Object.fromEntries(explorer.COUPLINGS.map((key) => [key, state[key] / 100]));
    const nLeading = explorer.nLeading(network, state.alpha);
    const mask = explorer.masks(network, nLeading);
    const { T, mass } = explorer.ablatedForm(network, mask, dose);
    const outputs = run(network, trials, T);
    const score = scoreOf(outputs, trials);

    const copy = scoreName === "replay_accuracy";
    part("replay").hidden = part("by-lag").hidden = !copy;
    part("traces").hidden = copy;
    const view = [name, state.alpha, part("spectrum").clientWidth].join();
    if (view !== spectrum) explorer.drawSpectrum(part("spectrum"), network, nLeading, state.alpha);
    spectrum = view;
    explorer.drawForm(part("form"), T, mask, nLeading);
    if (copy) {
      part("wrong").textContent = explorer.drawReplay(part("cells"), outputs, trials, state.trial);
      explorer.drawByLag(part("lags"), explorer.accuracyByLag(outputs, trials));
    } else {
      part("shown").textContent = explorer.drawTraces(part("lines"), outputs, trials, state.trial);
    }
    const shown = (value) => (Number.isFinite(value) ? value.toFixed(digits) : "without bound");
    part("score").textContent = `${label} ${shown(score)} (whole network ${shown(whole.get(name))})`;
    part("leading").textContent = `${nLeading} of ${network.real.length}`;
    part("mass").textContent = mass.toFixed(3);
    part("trials").textContent = tasks[task].n_trials;
    const elapsed = performance.now() - began;
    part("time").textContent = `Computed and drawn in ${elapsed.toFixed(0)} ms.`;
    Object.assign(root.dataset, { shown: address(), score, mass, leading: nLeading, ms: elapsed });
  }

  addEventListener("hashchange", () => {
    if (!location.hash.includes("=")) return; // a link to a part of the page
    readAddress();
    update();
  });
  addEventListener("resize", () => { cancelAnimationFrame(frame); frame = requestAnimationFrame(update); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", update);
  new MutationObserver(update).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  readAddress();
  update();
})();
