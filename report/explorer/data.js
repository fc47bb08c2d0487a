// Networks and trials: in the page, or loaded when they are asked for. A page opened from the disk may
// not fetch files, so each is a script that calls explorer.receive; report/explorer.py writes them.
"use strict";

const explorer = {
  folder: new URL("data/", document.currentScript.src || document.baseURI).href, // beside this script
  loaded: new Map(),
  waiting: new Map(),
};

// Called by a data script: a JSON head and little-endian float32 arrays in base64.
explorer.receive = (name, head, base64) => {
  const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  const data = { name, ...head, shapes: {} };
  let offset = 0;
  for (const [key, shape] of head.arrays) {
    const size = shape.reduce((a, b) => a * b, 1);
    data[key] = new Float64Array(size);
    for (let i = 0; i < size; i++) data[key][i] = view.getFloat32(offset + 4 * i, true);
    data.shapes[key] = shape;
    offset += 4 * size;
  }
  explorer.loaded.set(name, data);
};

// A promise of the data of a network or of a task's trials.
explorer.load = (name, file = name) => {
  if (explorer.loaded.has(name)) return Promise.resolve(explorer.loaded.get(name));
  if (!explorer.waiting.has(name)) {
    explorer.waiting.set(name, new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = `${explorer.folder}${file}.js`;
      script.onload = () => resolve(explorer.loaded.get(name));
      script.onerror = () => reject(new Error(`could not load ${script.src}`));
      document.head.append(script);
    }));
  }
  return explorer.waiting.get(name);
};
