// A map of pictures that moves from epoch to epoch: dots in the colours of the classes, or the pictures themselves.
// All epochs are here, so that playing and dragging ask nothing of the server.

const MARGIN = 22, DOT = 4.5, THUMB = 30, STEP = 700;

function unpack(text) {
  const bytes = Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
  return new Float32Array(bytes.buffer);
}

function build(parentElement) {
  const root = document.createElement("div");
  root.className = "fovea-map";
  root.style.cssText = "font:14px var(--st-font);color:var(--st-text-color)";
  root.innerHTML = `
    <div class="bar" style="display:flex;gap:10px;align-items:center;margin-bottom:6px">
      <button class="play" type="button"></button>
      <input class="epoch" type="range" min="0" step="1" style="flex:1;accent-color:var(--st-primary-color)" aria-label="Epoch of the map">
      <output style="min-width:6.5em;text-align:right;font-variant-numeric:tabular-nums"></output>
      <label style="display:flex;gap:5px;align-items:center;white-space:nowrap"><input class="thumbs" type="checkbox">Pictures</label>
    </div>
    <div class="legend" style="display:flex;flex-wrap:wrap;gap:4px 6px;margin-bottom:6px"></div>
    <div style="position:relative">
      <canvas role="img" style="width:100%;display:block;border:1px solid var(--st-border-color);border-radius:8px"></canvas>
      <div class="tip" hidden style="position:absolute;pointer-events:none;z-index:2;padding:6px;border-radius:8px;max-width:220px;
        background:var(--st-background-color);border:1px solid var(--st-border-color);box-shadow:0 2px 10px #0003"></div>
    </div>`;
  const button = root.querySelector(".play");
  button.style.cssText =
    "cursor:pointer;border:1px solid var(--st-border-color);border-radius:8px;padding:4px 12px;background:transparent;color:inherit;font:inherit;min-width:5.2em";
  parentElement.append(root);
  return root;
}

class FeatureMap {
  constructor(root) {
    this.root = root;
    this.canvas = root.querySelector("canvas");
    this.tip = root.querySelector(".tip");
    this.range = root.querySelector(".epoch");
    this.button = root.querySelector(".play");
    this.hidden = new Set();
    this.at = 0;
    this.range.addEventListener("input", () => { this.stop(); this.at = Number(this.range.value); this.draw(); });
    this.button.addEventListener("click", () => (this.playing ? this.stop() : this.play()));
    root.querySelector(".thumbs").addEventListener("change", () => this.draw());
    this.canvas.addEventListener("mousemove", (event) => this.point(event));
    this.canvas.addEventListener("mouseleave", () => { this.tip.hidden = true; });
    this.canvas.addEventListener("click", (event) => {
      const found = this.nearest(event);
      if (found >= 0) this.choose(this.data.numbers[found]);
    });
    new ResizeObserver(() => this.draw()).observe(this.canvas);
    this.stop();
  }

  take(data, choose) {
    this.choose = choose;
    if (data.key !== this.data?.key) {
      this.data = data;
      this.places = unpack(data.places);
      this.reach = [0, 1].map((axis) => this.places.reduce((most, each, n) => (n % 2 === axis ? Math.max(most, Math.abs(each)) : most), 1e-6));
      this.sprite = null;
      if (data.sprite) {
        const sprite = new Image();
        sprite.onload = () => { this.sprite = sprite; this.draw(); };
        sprite.src = data.sprite;
      }
      this.range.max = data.epochs.length - 1;
      this.range.disabled = this.button.disabled = data.epochs.length < 2;
      this.root.querySelector("label").hidden = !data.sprite;
      this.hidden = new Set([...this.hidden].filter((each) => each < data.classes.length));
      this.legend();
    }
    if (data.epoch !== this.asked) {
      this.asked = data.epoch;
      const place = data.epochs.indexOf(data.epoch);
      this.stop();
      this.at = place < 0 ? data.epochs.length - 1 : place;
    }
    this.canvas.setAttribute("aria-label", data.alt);
    this.draw();
  }

  legend() {
    const place = this.root.querySelector(".legend");
    place.replaceChildren(...this.data.classes.map((name, number) => {
      const chip = document.createElement("button");
      chip.type = "button";
      chip.textContent = name;
      chip.title = "Show or hide this class; press twice to see it alone";
      chip.style.cssText = "cursor:pointer;border:0;border-radius:999px;padding:1px 10px;font:12.5px var(--st-font);color:#fff;background:" + this.data.colours[number];
      const mark = () => { chip.style.opacity = this.hidden.has(number) ? 0.25 : 1; chip.setAttribute("aria-pressed", !this.hidden.has(number)); };
      chip.addEventListener("click", () => { this.hidden.has(number) ? this.hidden.delete(number) : this.hidden.add(number); this.legend(); this.draw(); });
      chip.addEventListener("dblclick", () => {
        this.hidden = new Set(this.data.classes.keys());
        this.hidden.delete(number);
        this.legend();
        this.draw();
      });
      mark();
      return chip;
    }));
  }

  play() {
    const last = this.data.epochs.length - 1;
    if (this.at >= last) this.at = 0;
    let before = null;
    const move = (now) => {
      if (!this.playing || !this.canvas.isConnected) return;
      this.at = Math.min(last, this.at + (before === null ? 0 : (now - before) / STEP));
      before = now;
      this.draw();
      if (this.at < last) this.playing = requestAnimationFrame(move);
      else this.stop();
    };
    this.button.textContent = "❚❚ Pause";
    this.playing = requestAnimationFrame(move);
  }

  stop() {
    cancelAnimationFrame(this.playing);
    this.playing = 0;
    this.button.textContent = "▶ Play";
  }

  // Where picture n lies on the canvas now, between the two epochs that are passed.
  where(number) {
    const count = this.data.labels.length, first = Math.floor(this.at), part = this.at - first;
    const second = Math.min(first + 1, this.data.epochs.length - 1);
    const read = (epoch, axis) => this.places[(epoch * count + number) * 2 + axis];
    const place = (axis) => read(first, axis) * (1 - part) + read(second, axis) * part;
    const { width, height, scale } = this.size;
    return [width / 2 + scale * place(0), height / 2 - scale * place(1)];
  }

  wrong(number) {
    return this.data.found[Math.round(this.at)][number] !== this.data.labels[number];
  }

  draw() {
    const width = this.canvas.clientWidth;
    if (!width || !this.data) return;
    const height = Math.round(Math.min(620, Math.max(320, width * 0.6))), ratio = window.devicePixelRatio || 1;
    const scale = Math.min((width / 2 - MARGIN) / this.reach[0], (height / 2 - MARGIN) / this.reach[1]);
    this.size = { width, height, scale };
    if (this.canvas.width !== Math.round(width * ratio) || this.canvas.height !== Math.round(height * ratio)) {
      this.canvas.width = Math.round(width * ratio);
      this.canvas.height = Math.round(height * ratio);
      this.canvas.style.height = `${height}px`;
    }
    const pen = this.canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    const thumbs = this.sprite && this.root.querySelector(".thumbs").checked;
    this.data.labels.forEach((label, number) => {
      if (this.hidden.has(label)) return;
      const [x, y] = this.where(number);
      if (thumbs) this.drawThumb(pen, number, label, x, y);
      else this.drawDot(pen, number, label, x, y);
    });
    const nearest = Math.round(this.at);
    this.range.value = nearest;
    this.root.querySelector("output").textContent = `epoch ${this.data.epochs[nearest]}`;
  }

  drawDot(pen, number, label, x, y) {
    pen.beginPath();
    pen.arc(x, y, DOT, 0, 7);
    pen.globalAlpha = 0.8;
    pen.fillStyle = this.data.colours[label];
    pen.fill();
    pen.globalAlpha = 1;
    if (this.wrong(number)) {
      pen.lineWidth = 1.8;
      pen.strokeStyle = "#e5383b";
      pen.stroke();
    }
  }

  drawThumb(pen, number, label, x, y) {
    const { side, columns } = this.data, half = THUMB / 2;
    pen.drawImage(this.sprite, (number % columns) * side, Math.floor(number / columns) * side, side, side, x - half, y - half, THUMB, THUMB);
    pen.lineWidth = this.wrong(number) ? 3 : 2;
    pen.strokeStyle = this.wrong(number) ? "#e5383b" : this.data.colours[label];
    pen.strokeRect(x - half, y - half, THUMB, THUMB);
  }

  nearest(event) {
    const box = this.canvas.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
    let best = -1, least = 14 ** 2;
    this.data.labels.forEach((label, number) => {
      if (this.hidden.has(label)) return;
      const [left, top] = this.where(number), far = (left - x) ** 2 + (top - y) ** 2;
      if (far < least) [best, least] = [number, far];
    });
    return best;
  }

  point(event) {
    const number = this.playing ? -1 : this.nearest(event);
    this.canvas.style.cursor = number < 0 ? "default" : "pointer";
    this.tip.hidden = number < 0;
    if (number < 0) return;
    const { classes, labels, found, names, side, columns, sprite } = this.data, [x, y] = this.where(number);
    const answer = found[Math.round(this.at)][number], said = document.createElement("div");
    said.textContent = `${names[number]}: ${classes[labels[number]]}` + (answer === labels[number] ? "" : `, taken for ${classes[answer]}`);
    said.style.overflowWrap = "anywhere";
    const parts = [said];
    if (sprite) {
      const shown = document.createElement("div");
      shown.style.cssText = `width:${2 * side}px;height:${2 * side}px;margin-bottom:4px;border-radius:4px;background:url(${sprite}) -${2 * (number % columns) * side}px -${2 * Math.floor(number / columns) * side}px / ${2 * columns * side}px auto`;
      parts.unshift(shown);
    }
    this.tip.replaceChildren(...parts);
    const wide = this.tip.offsetWidth, high = this.tip.offsetHeight;
    this.tip.style.left = `${x + 14 + wide > this.size.width ? x - 14 - wide : x + 14}px`;
    this.tip.style.top = `${Math.max(0, Math.min(this.size.height - high, y - high / 2))}px`;
  }
}

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".fovea-map") ?? build(parentElement);
  root.map ??= new FeatureMap(root);
  root.map.take(JSON.parse(data), (number) => setStateValue("chosen", number));
}
