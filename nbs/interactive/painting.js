// The painting widget of unet_nb.interactive.painting: an image to paint on, drawn in layers on one canvas.
// Points are in pixels of the image, (0, 0) is its upper left corner. A stroke goes to Python when the pointer is lifted.

const HELP = "paint: drag · move: Shift or middle button and drag · zoom: wheel · 1–9 class · E eraser · [ ] brush · " +
  "Ctrl+Z / Ctrl+Y · O outlines · P prediction · D doubt · N next image · F whole image";
const ERASER = 255;

const make = (tag, props = {}, ...children) => {
  const node = Object.assign(document.createElement(tag), props);
  node.append(...children);
  return node;
};

// The pixels of PNG bytes as an offscreen canvas; null where there are none.
async function decode(bytes) {
  if (!bytes || !bytes.byteLength) return null;
  const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }), { colorSpaceConversion: "none" });
  const canvas = make("canvas", { width: bitmap.width, height: bitmap.height });
  canvas.getContext("2d", { willReadFrequently: true }).drawImage(bitmap, 0, 0);
  return canvas;
}

const pixelsOf = (canvas) => canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);

// A new canvas whose pixels are color(r, g, b) of those of another one.
function recolored(canvas, color) {
  const data = pixelsOf(canvas);
  const values = data.data;
  for (let i = 0; i < values.length; i += 4) {
    const [r, g, b, a] = color(values[i], values[i + 1], values[i + 2]);
    values[i] = r; values[i + 1] = g; values[i + 2] = b; values[i + 3] = a;
  }
  const result = make("canvas", { width: canvas.width, height: canvas.height });
  result.getContext("2d").putImageData(data, 0, 0);
  return result;
}

// Only the pixels that have another color to their right or below.
function outlined(canvas) {
  const data = pixelsOf(canvas), { width, height } = canvas;
  const values = new Uint32Array(data.data.buffer), result = new Uint32Array(values.length);
  for (let y = 0; y < height - 1; y++)
    for (let x = 0, i = y * width; x < width - 1; x++, i++) {
      const other = values[i] !== values[i + 1] ? values[i + 1] : values[i + width];
      if (values[i] !== other) result[i] = values[i] || other;
    }
  data.data.set(new Uint8ClampedArray(result.buffer));
  const lines = make("canvas", { width, height });
  lines.getContext("2d").putImageData(data, 0, 0);
  return lines;
}

const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));

class Painter {
  constructor(model, el) {
    this.model = model;
    this.view = { scale: 1, x: 0, y: 0 };
    this.layers = { image: null, shown: null, base: null, labels: null, answer: null, prediction: null, doubt: null };
    this.strokes = []; this.undone = [];
    this.classId = 1; this.radius = 6; this.overlay = "prediction"; this.outlines = false;
    this.build(el);
    const follow = (name, act) => model.on(`change:${name}`, act);
    follow("picture", () => this.open());
    follow("answer", () => this.takeAnswer());
    follow("classes", () => { this.listClasses(); this.redrawLabels(); this.takeAnswer(); });
    follow("said", () => this.say());
    follow("image", () => this.say());
    follow("learning", () => this.say());
    this.listClasses(); this.say(); this.open(true);
    new ResizeObserver(() => this.resize()).observe(this.canvas);
  }

  // ---- what is seen

  build(el) {
    const button = (text, title, act) => make("button", { textContent: text, title, onclick: act });
    const slider = (title, min, max, value, act) =>
      make("input", { type: "range", title, min, max, step: "any", value, oninput: (e) => act(+e.target.value) });
    const send = (type) => () => this.model.send({ type });
    this.canvas = make("canvas", { className: "unet-canvas" });
    this.classBar = make("span", { className: "unet-classes" });
    this.sizeBox = slider("brush: radius in pixels of the image", 1, 60, this.radius, (v) => { this.radius = v; this.draw(); });
    this.low = slider("darkest value shown", 0, 254, 0, () => this.adjust());
    this.high = slider("brightest value shown", 1, 255, 255, () => this.adjust());
    this.opacity = slider("overlay: how strong", 0, 1, 0.4, () => this.draw());
    this.labelOpacity = slider("strokes: how strong", 0, 1, 0.6, () => this.draw());
    this.choice = make("select", { title: "overlay", onchange: (e) => { this.overlay = e.target.value; this.draw(); } },
      ...["prediction", "doubt", "nothing"].map((v) => make("option", { value: v, textContent: v })));
    this.channel = make("select", { title: "channel", onchange: (e) => this.model.send({ type: "channel", channel: e.target.value }) });
    this.pauseButton = button("", "start, pause or go on", () => this.model.send({ type: this.model.get("learning") === "learning" ? "pause" : "learn" }));
    this.name = make("b"); this.words = make("span", { className: "unet-said" });
    const bar = (...parts) => make("div", { className: "unet-bar" }, ...parts);
    this.root = make("div", { className: "unet-paint", tabIndex: 0 },
      bar(this.classBar, "brush", this.sizeBox, button("↶", "undo (Ctrl+Z)", () => this.takeBack("undo")),
        button("↷", "redo (Ctrl+Y)", () => this.takeBack("redo"))),
      bar("overlay", this.choice, this.opacity, "strokes", this.labelOpacity, "contrast", this.low, this.high, this.channel,
        button("outlines", "outlines instead of areas (O)", () => this.toggleOutlines())),
      this.canvas,
      bar(button("◀", "the image before", send("before")), this.name, button("▶", "the image after", send("after")),
        button("next to paint", "the image that the network is least sure of (N)", send("next")), this.pauseButton,
        button("begin anew", "new weights, same strokes", send("reset")), button("finish", "end the training: a run folder", send("finish")),
        this.words),
      make("div", { className: "unet-help", textContent: HELP }));
    this.root.dataset.lmSuppressShortcuts = "true"; // JupyterLab's own keys stay out
    const on = (type, act) => this.canvas.addEventListener(type, act, { passive: false });
    on("pointerdown", (e) => this.down(e)); on("pointermove", (e) => this.move(e));
    on("pointerup", (e) => this.up(e)); on("pointercancel", (e) => this.up(e));
    on("pointerleave", () => { this.cursor = null; this.draw(); });
    on("wheel", (e) => this.zoom(e)); on("contextmenu", (e) => e.preventDefault());
    this.root.addEventListener("keydown", (e) => this.key(e));
    el.replaceChildren(this.root);
  }

  listClasses() {
    const classes = this.model.get("classes");
    const entry = (name, color, id, key) => {
      const mark = make("span", { className: "unet-color" });
      mark.style.background = color;
      return make("button", { title: `key ${key}`, onclick: () => this.choose(id), className: id === this.classId ? "unet-chosen" : "" },
        mark, `${name} `, make("small", { textContent: key }));
    };
    this.classBar.replaceChildren(
      ...classes.map((c, i) => entry(c.name, c.color, i, `${i + 1}`)), entry("eraser", "transparent", ERASER, "E"),
      make("button", { textContent: "+", title: "a class more; the network is compiled anew", onclick: () => this.addClass() }));
    const channels = this.model.get("channels");
    this.channel.replaceChildren(...channels.map((c) => make("option", { value: c, textContent: c })));
    this.channel.hidden = channels.length < 2;
  }

  addClass() {
    const box = make("input", { placeholder: "name, then Enter", size: 14 });
    box.onkeydown = (e) => {
      e.stopPropagation();
      if (e.key === "Enter" && box.value.trim()) this.model.send({ type: "class", name: box.value.trim() });
      if (e.key === "Enter" || e.key === "Escape") this.listClasses();
    };
    this.classBar.append(box);
    box.focus();
  }

  choose(id) { this.classId = id; this.listClasses(); this.draw(); }

  say() {
    const state = this.model.get("learning");
    const count = this.strokes.length;
    this.name.textContent = `${this.model.get("image")} · ${count} stroke${count === 1 ? "" : "s"}`;
    this.words.textContent = this.model.get("said");
    this.pauseButton.textContent = { learning: "❚❚ pause", paused: "▶ go on" }[state] || "▶ learn";
  }

  // ---- layers

  async open(first = false) {
    const [image, base] = await Promise.all([decode(this.model.get("picture")), decode(this.model.get("base"))]);
    if (!image) return;
    const other = !this.layers.image || first || this.model.get("image") !== this.opened;
    this.layers = { ...this.layers, image, base };
    if (other) {
      Object.assign(this.layers, { answer: null, prediction: null, doubt: null });
      this.strokes = this.model.get("strokes").map((s) => ({ ...s })); this.undone = [];
      this.layers.labels = make("canvas", { width: image.width, height: image.height });
      this.opened = this.model.get("image");
      this.fit();
    }
    this.adjust(); this.redrawLabels(); this.takeAnswer(); this.say();
  }

  adjust() {
    if (!this.layers.image) return;
    const low = +this.low.value, factor = 255 / Math.max(1, +this.high.value - low);
    const table = Uint8ClampedArray.from({ length: 256 }, (_, v) => (v - low) * factor);
    const plain = low <= 0 && +this.high.value >= 255;
    this.layers.shown = plain ? this.layers.image : recolored(this.layers.image, (r, g, b) => [table[r], table[g], table[b], 255]);
    this.draw();
  }

  colorOf(id) { return this.model.get("classes")[id]?.color || "#000000"; }

  redrawLabels() {
    const { labels, base } = this.layers;
    if (!labels) return;
    const context = labels.getContext("2d");
    context.clearRect(0, 0, labels.width, labels.height);
    if (base) context.drawImage(recolored(base, (id) => (id === ERASER ? [0, 0, 0, 0] : [...rgb(this.colorOf(id)), 255])), 0, 0);
    for (const stroke of this.strokes) this.brush(stroke, 0);
    this.labelsChanged();
  }

  // Draw a stroke from its point number `from` on.
  brush(stroke, from) {
    const context = this.layers.labels.getContext("2d"), points = stroke.points.slice(Math.max(0, from - 1));
    context.globalCompositeOperation = stroke.class_id === ERASER ? "destination-out" : "source-over";
    context.strokeStyle = this.colorOf(stroke.class_id);
    context.lineWidth = 2 * stroke.radius; context.lineCap = context.lineJoin = "round";
    context.beginPath();
    context.moveTo(...points[0]);
    for (const point of points) context.lineTo(...point);
    context.stroke();
    context.globalCompositeOperation = "source-over";
  }

  labelsChanged() {
    this.lines = this.outlines && this.layers.labels ? outlined(this.layers.labels) : null;
    this.say();
    this.draw();
  }

  async takeAnswer() {
    const fits = this.model.get("answer_image") === this.opened;
    const answer = fits ? await decode(this.model.get("answer")) : null;
    if (!answer) return;
    const colors = this.model.get("classes").map((c) => rgb(c.color));
    this.layers.prediction = recolored(answer, (id) => [...(colors[id] || [0, 0, 0]), 255]);
    this.layers.doubt = recolored(answer, (_, __, doubt) => [255, 255 - doubt, 0, doubt]);
    this.answerLines = null;
    this.draw();
  }

  toggleOutlines() { this.outlines = !this.outlines; this.labelsChanged(); }

  draw() {
    if (this.drawing) return;
    this.drawing = requestAnimationFrame(() => { this.drawing = null; this.paintView(); });
  }

  paintView() {
    const context = this.canvas.getContext("2d"), { scale, x, y } = this.view, ratio = window.devicePixelRatio || 1;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    if (!this.layers.shown) return;
    context.setTransform(scale * ratio, 0, 0, scale * ratio, x * ratio, y * ratio);
    context.imageSmoothingEnabled = scale < 1;
    const layer = (canvas, alpha) => { if (canvas && alpha > 0) { context.globalAlpha = alpha; context.drawImage(canvas, 0, 0); } };
    layer(this.layers.shown, 1);
    const answer = this.layers[this.overlay];
    if (answer && this.outlines && this.overlay === "prediction") this.answerLines ||= outlined(answer);
    layer(this.outlines && this.overlay === "prediction" ? this.answerLines : answer, +this.opacity.value);
    layer(this.lines || this.layers.labels, +this.labelOpacity.value);
    context.globalAlpha = 1;
    if (!this.cursor) return;
    context.beginPath();
    context.arc(...this.cursor, this.radius, 0, 7);
    context.lineWidth = 1.5 / scale;
    context.strokeStyle = this.classId === ERASER ? "#ffffff" : this.colorOf(this.classId);
    context.stroke();
  }

  resize() {
    const ratio = window.devicePixelRatio || 1;
    const width = Math.round(this.canvas.clientWidth * ratio), height = Math.round(this.canvas.clientHeight * ratio);
    if (!width || (width === this.canvas.width && height === this.canvas.height)) return;
    Object.assign(this.canvas, { width, height });
    this.fit();
  }

  fit() {
    if (!this.layers.image) return;
    const { width, height } = this.layers.image, { clientWidth, clientHeight } = this.canvas;
    const scale = Math.min(clientWidth / width, clientHeight / height);
    this.view = { scale, x: (clientWidth - scale * width) / 2, y: (clientHeight - scale * height) / 2 };
    this.draw();
  }

  // ---- the hand

  at(e) { // where on the image
    const box = this.canvas.getBoundingClientRect();
    return [(e.clientX - box.left - this.view.x) / this.view.scale, (e.clientY - box.top - this.view.y) / this.view.scale];
  }

  down(e) {
    e.preventDefault();
    this.root.focus({ preventScroll: true });
    if (!this.layers.labels || this.stroke || this.moving) return;
    this.canvas.setPointerCapture(e.pointerId);
    if (e.button === 1 || e.shiftKey) this.moving = { x: e.clientX - this.view.x, y: e.clientY - this.view.y };
    else if (e.button === 0 || e.button === 5) { // 5: the rubber end of a pen
      this.stroke = { class_id: e.button === 5 ? ERASER : this.classId, radius: this.radius, points: [this.at(e)] };
      this.brush(this.stroke, 0);
      this.draw();
    }
  }

  move(e) {
    this.cursor = this.at(e);
    if (this.moving) Object.assign(this.view, { x: e.clientX - this.moving.x, y: e.clientY - this.moving.y });
    if (this.stroke) {
      const from = this.stroke.points.length;
      const events = e.getCoalescedEvents?.() || [];
      for (const event of events.length ? events : [e]) this.stroke.points.push(this.at(event));
      this.brush(this.stroke, from);
    }
    this.draw();
  }

  up(e) {
    if (this.moving || !this.stroke) { this.moving = null; return; }
    const stroke = this.stroke;
    this.stroke = null;
    this.strokes.push(stroke);
    this.undone = [];
    this.model.send({ type: "stroke", image: this.opened, ...stroke });
    this.labelsChanged();
  }

  takeBack(act) {
    const [from, to] = act === "undo" ? [this.strokes, this.undone] : [this.undone, this.strokes];
    if (!from.length || this.stroke) return;
    to.push(from.pop());
    this.model.send({ type: act, image: this.opened });
    this.redrawLabels();
  }

  zoom(e) {
    e.preventDefault();
    const [x, y] = this.at(e), scale = Math.min(64, Math.max(0.02, this.view.scale * Math.exp(-e.deltaY / 400)));
    this.view.x += x * (this.view.scale - scale); this.view.y += y * (this.view.scale - scale);
    this.view.scale = scale;
    this.draw();
  }

  key(e) {
    if (e.target.tagName === "INPUT" && e.target.type === "text") return;
    const key = e.key.toLowerCase(), digit = parseInt(key, 10) - 1;
    const overlay = (what) => { this.choice.value = this.overlay = this.overlay === what ? "nothing" : what; this.draw(); };
    const size = (factor) => { this.radius = this.sizeBox.value = Math.min(60, Math.max(1, this.radius * factor)); this.draw(); };
    const acts = {
      z: () => e.ctrlKey || e.metaKey ? this.takeBack(e.shiftKey ? "redo" : "undo") : null,
      y: () => e.ctrlKey || e.metaKey ? this.takeBack("redo") : null,
      e: () => this.choose(ERASER), o: () => this.toggleOutlines(), f: () => this.fit(), n: () => this.model.send({ type: "next" }),
      p: () => overlay("prediction"), d: () => overlay("doubt"), "[": () => size(0.8), "]": () => size(1.25),
    };
    if (digit >= 0 && digit < this.model.get("classes").length) this.choose(digit);
    else if (acts[key]) acts[key]();
    else return;
    e.preventDefault(); e.stopPropagation();
  }
}

function render({ model, el }) {
  const painter = new Painter(model, el);
  model.on("msg:custom", (message) => { // Python refused a stroke, or another window painted
    if (message.type !== "strokes" || message.image !== painter.opened) return;
    painter.strokes = message.strokes; painter.undone = [];
    painter.redrawLabels();
  });
}

export default { render };
