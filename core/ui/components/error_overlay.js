// Hits, misses and false alarms over a picture, by one network or by two. All thresholds are here, so that the sliders
// ask nothing of the server. Each pixel is a byte: the threshold up to which it is found, plus `LABELLED` where it is
// labelled; `OUTSIDE` does not count.

const LABELLED = 101, OUTSIDE = 255;
const KINDS = [
  { name: "hits", title: "Hit", colour: [255, 255, 255] },
  { name: "misses", title: "Missed", colour: [255, 64, 64] },
  { name: "alarms", title: "False alarm", colour: [64, 160, 255] },
];
const kept = { opacity: 70, zoom: 1, beside: false, hidden: new Set(), thresholds: new Map() }; // for the next picture

async function unpack(text) {
  const bytes = Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

const share = (part, whole) => (whole ? `${((100 * part) / whole).toFixed(1)}\u00a0%` : "none");
const count = (number) => number.toLocaleString("en");

function build(parentElement) {
  const root = document.createElement("div");
  root.className = "fovea-errors";
  root.style.cssText = "font:14px var(--st-font);color:var(--st-text-color)";
  const slider = (name, label, range) => `<label style="flex:1 1 150px;min-width:0">
      <span style="display:flex;justify-content:space-between"><span>${label}</span><output class="${name}-said" style="font-variant-numeric:tabular-nums"></output></span>
      <input class="${name}" type="range" ${range} style="width:100%;accent-color:var(--st-primary-color)"></label>`;
  root.innerHTML = `
    <div style="display:flex;flex-wrap:wrap;gap:4px 22px;margin-bottom:4px">
      ${slider("threshold", "Threshold", 'min="0.01" max="1" step="0.01"')}
      ${slider("opacity", "Opacity", 'min="0" max="100" step="1"')}
      ${slider("zoom", "Zoom", 'min="1" max="6" step="0.5"')}
    </div>
    <div style="display:flex;flex-wrap:wrap;gap:4px 18px;margin-bottom:6px;align-items:center">
      ${KINDS.map((kind) => `<label style="display:flex;gap:6px;align-items:center;cursor:pointer"><input class="show-${kind.name}" type="checkbox" style="accent-color:var(--st-primary-color)">
        <i style="width:14px;height:14px;border-radius:3px;border:1px solid #8a979c;background:rgb(${kind.colour})"></i>${kind.title}</label>`).join("")}
      <label class="beside-label" style="display:flex;gap:6px;align-items:center;cursor:pointer"><input class="beside" type="checkbox" style="accent-color:var(--st-primary-color)">Side by side</label>
    </div>
    <div class="said" role="status" style="margin-bottom:6px"></div>
    <div class="window" style="overflow:auto;max-height:80vh;border-radius:8px"><div class="panes" style="position:relative;display:grid;gap:6px"></div></div>`;
  parentElement.append(root);
  return root;
}

function buildPane(name, colour) {
  const pane = document.createElement("div");
  pane.style.cssText = "position:relative;display:grid;min-width:0";
  pane.innerHTML = '<img style="grid-area:1/1;width:100%;display:block"><canvas style="grid-area:1/1;width:100%;height:100%;display:block;pointer-events:none"></canvas>' +
    (name ? '<span style="position:absolute;top:8px;padding:2px 8px;border-radius:6px;background:#000a;color:#fff;font-size:13px"></span>' : "");
  if (name) {
    pane.querySelector("span").textContent = name;
    pane.querySelector("span").style[colour] = "8px";
  }
  return pane;
}

class ErrorOverlay {
  constructor(root) {
    this.root = root;
    this.find = (name) => root.querySelector(`.${name}`);
    this.find("threshold").addEventListener("input", () => { kept.thresholds.set(this.data.memory, this.threshold); this.draw(); });
    this.find("threshold").addEventListener("change", () => this.tell());
    this.find("opacity").addEventListener("input", () => { kept.opacity = Number(this.find("opacity").value); this.style(); });
    this.find("zoom").addEventListener("input", () => { kept.zoom = Number(this.find("zoom").value); this.style(); });
    this.find("beside").addEventListener("change", () => { kept.beside = this.find("beside").checked; this.style(); });
    for (const { name } of KINDS) {
      this.find(`show-${name}`).addEventListener("change", (event) => {
        event.target.checked ? kept.hidden.delete(name) : kept.hidden.add(name);
        this.draw();
      });
    }
  }

  get threshold() { return Number(this.find("threshold").value); }

  async take(data, tell) {
    this.tell = () => tell(this.threshold);
    if (data.key === this.data?.key) return;
    this.data = data;
    const bytes = await Promise.all(data.sides.map((side) => unpack(side.bytes)));
    if (data.key !== this.data.key) return; // another picture came meanwhile
    this.bytes = bytes;
    this.hang();
    this.find("threshold").value = kept.thresholds.get(data.memory) ?? data.sides[0].threshold;
    this.find("opacity").value = kept.opacity;
    this.find("zoom").value = kept.zoom;
    this.find("beside").checked = kept.beside;
    this.find("beside-label").style.display = data.sides.length > 1 ? "flex" : "none";
    for (const { name } of KINDS) this.find(`show-${name}`).checked = !kept.hidden.has(name);
    this.style();
    this.draw();
    if (this.threshold !== data.sides[0].threshold && data.sides.length === 1) this.tell();
  }

  hang() {
    const { data } = this, panes = this.find("panes"), several = data.sides.length > 1;
    panes.replaceChildren(...data.sides.map((side, number) => buildPane(several ? side.name : "", number ? "right" : "left")));
    this.panes = [...panes.children];
    for (const pane of this.panes) {
      pane.querySelector("img").src = data.picture;
      pane.querySelector("img").alt = `${data.name} with hits, misses and false alarms`;
      Object.assign(pane.querySelector("canvas"), { width: data.width, height: data.height });
    }
    if (!several) return;
    this.line = document.createElement("i");
    this.line.style.cssText = "position:absolute;top:0;bottom:0;width:3px;margin-left:-1.5px;background:#fff;box-shadow:0 0 4px #000;pointer-events:none";
    this.handle = document.createElement("input");
    Object.assign(this.handle, { type: "range", min: 0, max: 100, step: 0.5, value: 50, ariaLabel: `From ${data.sides[0].name} to ${data.sides[1].name}` });
    this.handle.style.cssText = "position:absolute;inset:0;width:100%;height:100%;margin:0;opacity:0;cursor:ew-resize;touch-action:pan-y";
    this.handle.addEventListener("input", () => this.style());
    panes.append(this.line, this.handle);
  }

  // What needs no new drawing: how strong, how large, and what lies over what.
  style() {
    const { panes, root } = this, several = panes.length > 1, beside = several && kept.beside;
    this.find("opacity-said").textContent = `${kept.opacity} %`;
    this.find("zoom-said").textContent = `${kept.zoom}×`;
    const high = 78 * (this.data.width / this.data.height) * (beside ? 2 : 1); // so wide that all of it is seen at once
    this.find("panes").style.width = `calc(${kept.zoom} * min(100%, ${high}vh))`;
    this.find("panes").style.gridTemplateColumns = beside && root.clientWidth > 560 ? "1fr 1fr" : "1fr";
    for (const [number, pane] of panes.entries()) {
      pane.querySelector("canvas").style.opacity = kept.opacity / 100;
      for (const each of pane.children) each.style.imageRendering = kept.zoom > 2 ? "pixelated" : "auto";
      pane.style.gridArea = several && !beside ? "1/1" : "auto";
      pane.style.clipPath = several && !beside ? (number ? `inset(0 0 0 ${this.handle.value}%)` : `inset(0 ${100 - this.handle.value}% 0 0)`) : "none";
    }
    if (!several) return;
    for (const each of [this.line, this.handle]) each.style.display = beside ? "none" : "block";
    this.line.style.left = `${this.handle.value}%`;
  }

  draw() {
    const step = Math.round(100 * this.threshold);
    this.find("threshold-said").textContent = this.threshold.toFixed(2);
    const table = new Uint32Array(256); // 0 is transparent
    for (let value = 0; value < OUTSIDE; value++) {
      const labelled = value >= LABELLED, found = (labelled ? value - LABELLED : value) >= step;
      if (!labelled && !found) continue;
      const kind = KINDS[labelled ? (found ? 0 : 1) : 2];
      if (!kept.hidden.has(kind.name)) table[value] = (255 << 24) | (kind.colour[2] << 16) | (kind.colour[1] << 8) | kind.colour[0];
    }
    for (const [number, pane] of this.panes.entries()) {
      const bytes = this.bytes[number], image = new ImageData(this.data.width, this.data.height);
      const pixels = new Uint32Array(image.data.buffer);
      for (let place = 0; place < bytes.length; place++) pixels[place] = table[bytes[place]];
      pane.querySelector("canvas").getContext("2d").putImageData(image, 0, 0);
    }
    this.find("said").replaceChildren(...this.data.sides.map((side) => this.say(side, step)));
  }

  say(side, step) {
    const hits = side.hits[step], alarms = side.alarms[step], misses = side.labelled - hits, marked = hits + alarms;
    const dice = side.labelled + marked ? (2 * hits) / (side.labelled + marked) : 1;
    const line = document.createElement("p");
    line.style.margin = "0 0 4px";
    const bold = document.createElement("b");
    bold.textContent = (this.data.sides.length > 1 ? `${side.name}: ` : "") + `Dice ${dice.toFixed(4)}`;
    line.append(bold, ` at ${this.threshold.toFixed(2)}. Found ${count(hits)} of ${count(side.labelled)} labelled pixels (${share(hits, side.labelled)}), ` +
      `missed ${count(misses)} (${share(misses, side.labelled)}). ${count(alarms)} of ${count(marked)} pixels that it marks are false alarms (${share(alarms, marked)}).`);
    return line;
  }
}

export default async function ({ data, parentElement, setStateValue }) {
  let root = parentElement.querySelector(".fovea-errors");
  if (!root) {
    root = build(parentElement);
    root.overlay = new ErrorOverlay(root);
  }
  await root.overlay.take(JSON.parse(data), (threshold) => setStateValue("threshold", threshold));
}
