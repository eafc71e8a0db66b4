// The page of a network: it reads dropped images, scales them, computes them in tiles and shows what came out.
// No text of a file or of a class is ever put together with HTML; it goes through textContent.
"use strict";

const byId = (id) => document.getElementById(id);
const about = JSON.parse(byId("settings").textContent);
const say = (text) => { byId("state").textContent = text; };
const breathe = () => new Promise((resolve) => setTimeout(resolve, 0)); // so that the browser can draw

// What is packed in the page: gzip in base64.
async function unpacked(id) {
  const packed = Uint8Array.from(atob(byId(id).textContent.trim()), (c) => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function openNetwork() {
  const script = new Blob([await unpacked("runtime-script")], { type: "text/javascript" });
  ort.env.wasm.numThreads = 1; // threads need headers that only a server can send
  ort.env.wasm.wasmPaths = { mjs: URL.createObjectURL(script) };
  ort.env.wasm.wasmBinary = await unpacked("runtime");
  return ort.InferenceSession.create(await unpacked("network"), { executionProviders: ["wasm"] });
}

// ---------------------------------------------------------------------------------------------------- reading files
// A picture: { name, width, height, channels, data }, data a typed array with the channels of a pixel side by side.

const NUMBERS = {
  Uint8Array: "uint8", Uint16Array: "uint16", Uint32Array: "uint32", Int8Array: "int8", Int16Array: "int16",
  Int32Array: "int32", Float32Array: "float32", Float64Array: "float64",
};
const typeOf = ({ data }) => NUMBERS[data.constructor.name];

// What is wrong with an image, in words that go on from its name.
class Refusal extends Error {}

// Some 30 bytes a pixel are held at once, and canvases of browsers have sides of at most 32767 pixels.
const [MOST_PIXELS, LONGEST_SIDE] = [2 ** 26, 32767];

function checkSize(width, height, pages = 1) {
  const size = `${pages > 1 ? `${pages} pages of ` : ""}${width} × ${height} pixels`;
  if (!(width > 0 && height > 0)) throw new Refusal(`it says that it has ${size}; it is damaged`);
  if (width * height * pages <= MOST_PIXELS && Math.max(width, height) <= LONGEST_SIDE) return;
  throw new Refusal(`it has ${size}, and this page holds ${MOST_PIXELS / 1e6 | 0} million at once, on sides of at most ` +
    `${LONGEST_SIDE}; cut it, or use the program that made this page, which predicts images of any size`);
}

function fromRgba(name, width, height, rgba, channels) {
  const data = new Uint8Array(width * height * channels);
  for (let i = 0; i < width * height; i++) for (let c = 0; c < channels; c++) data[i * channels + c] = rgba[i * 4 + c];
  return { name, width, height, channels, data };
}

// UPNG unpacks a damaged file to whatever it finds, so each part's check sum and the end are looked at first.
function checkPng(buffer) {
  const [bytes, view] = [new Uint8Array(buffer), new DataView(buffer)];
  checkSize(view.getUint32(16), view.getUint32(20));
  for (let at = 8, kind = 0; kind !== 0x49454e44; kind = view.getUint32(at + 4), at += view.getUint32(at) + 12) { // IEND
    const length = view.getUint32(at);
    if (view.getUint32(at + 8 + length) !== UPNG.crc.crc(bytes, at + 4, length + 4) >>> 0) throw new Error("check sum");
  }
}

function readPng(name, buffer) {
  checkPng(buffer);
  const png = UPNG.decode(buffer);
  const { width, height, depth, ctype } = png;
  const channels = { 0: 1, 2: 3, 3: 3, 4: 2, 6: 4 }[ctype];
  if (ctype === 3) return [fromRgba(name, width, height, new Uint8Array(UPNG.toRGBA8(png)[0]), 3)];
  if (depth < 8) throw new Refusal(`it has ${depth} bits a pixel; save it with 8 or 16`);
  const bytes = new Uint8Array(png.data);
  if (depth === 8) return [{ name, width, height, channels, data: bytes.slice(0, width * height * channels) }];
  const data = new Uint16Array(width * height * channels);
  for (let i = 0; i < data.length; i++) data[i] = bytes[2 * i] * 256 + bytes[2 * i + 1];
  return [{ name, width, height, channels, data }];
}

// The first frame header of a JPEG, markers C0 to CF but for those of tables, has its size and its colours.
function checkJpeg(bytes) {
  for (let at = 2; at + 9 < bytes.byteLength && bytes.getUint8(at) === 0xff; at += 2 + bytes.getUint16(at + 2)) {
    const marker = bytes.getUint8(at + 1);
    if (marker < 0xc0 || marker > 0xcf || [0xc4, 0xc8, 0xcc].includes(marker)) continue;
    if (bytes.getUint8(at + 9) === 4) throw new Refusal("its colours are for printing (CMYK); save it as RGB");
    checkSize(bytes.getUint16(at + 7), bytes.getUint16(at + 5));
    return;
  }
}

async function readJpeg(name, buffer) {
  const options = { imageOrientation: "from-image", colorSpaceConversion: "none", premultiplyAlpha: "none" };
  checkJpeg(new DataView(buffer)); // before anything is unpacked
  const bitmap = await createImageBitmap(new Blob([buffer], { type: "image/jpeg" }), options);
  checkSize(bitmap.width, bitmap.height);
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext("2d");
  context.drawImage(bitmap, 0, 0);
  const rgba = context.getImageData(0, 0, bitmap.width, bitmap.height).data;
  return [fromRgba(name, bitmap.width, bitmap.height, rgba, 3)];
}

async function readTiffPage(name, image) {
  const tag = (tagName) => image.fileDirectory.hasTag(tagName) ? image.fileDirectory.getValue(tagName) : undefined;
  const photometric = tag("PhotometricInterpretation");
  const width = image.getWidth();
  const height = image.getHeight();
  const bits = [tag("BitsPerSample") ?? 1].flat()[0];
  if (bits < 8) throw new Refusal(`it has ${bits} bits a pixel; save it with 8, 16 or 32`);
  if ([6, 7].includes(tag("Compression")) && image.getSamplesPerPixel() > 1) {
    throw new Refusal("its colours are compressed as JPEG, whose kind is not certain in a TIFF; save it with LZW or without compression");
  }
  if ((tag("Predictor") ?? 1) !== 1 && bits > 8 && !image.littleEndian) {
    throw new Refusal("its bytes are in big-endian order under a predictor, which the reader in this page gets wrong; save it without compression");
  }
  if (photometric === 0) throw new Refusal("it is a negative (white is zero); invert it and save it again");
  if ((tag("Orientation") ?? 1) !== 1) throw new Refusal("it is stored turned; turn it and save it again");
  if (photometric === 3 || photometric === 5 || photometric === 6 || photometric === 8) {
    const data = await image.readRGB({ interleave: true }); // palette, CMYK, YCbCr, CIELAB
    return { name, width, height, channels: 3, data: Uint8Array.from(data) };
  }
  const raster = await image.readRasters({ interleave: true });
  const extra = tag("ExtraSamples");
  const channels = image.getSamplesPerPixel();
  const alpha = extra !== undefined && [...[extra].flat()].some((kind) => kind === 1 || kind === 2);
  const picture = { name, width, height, channels, data: raster, alpha };
  if (!typeOf(picture)) throw new Refusal(`it has ${bits} bits of an unusual kind; save it with 8, 16 or 32`);
  return picture;
}

async function readTiff(name, buffer) {
  const tiff = await GeoTIFF.fromArrayBuffer(buffer);
  const pages = [];
  for (let i = 0; i < await tiff.getImageCount(); i++) {
    const image = await tiff.getImage(i);
    const reduced = image.fileDirectory.hasTag("NewSubfileType") && image.fileDirectory.getValue("NewSubfileType") & 1;
    if (!reduced) pages.push(image);
  }
  for (const page of pages) checkSize(page.getWidth(), page.getHeight(), pages.length);
  if (about.channels > 1 && pages.length === about.channels && pages[0].getSamplesPerPixel() === 1) {
    throw new Refusal(`its ${pages.length} pages may be slices or channels; save it with the channels in one page (RGB)`);
  }
  const named = (i) => pages.length > 1 ? `${name}, page ${i + 1} of ${pages.length}` : name;
  return Promise.all(pages.map((image, i) => readTiffPage(named(i), image)));
}

async function readPictures(file) {
  if (file.size > 2 ** 31) throw new Refusal("it has more than two gigabytes, which browsers do not hold; cut it");
  const buffer = await file.arrayBuffer();
  const head = Array.from(new Uint8Array(buffer.slice(0, 4)));
  const begins = (...bytes) => bytes.every((byte, i) => head[i] === byte);
  if (begins(0x89, 0x50, 0x4e, 0x47)) return readPng(file.name, buffer);
  if (begins(0xff, 0xd8, 0xff)) return readJpeg(file.name, buffer);
  if (begins(0x49, 0x49) || begins(0x4d, 0x4d)) return readTiff(file.name, buffer);
  throw new Refusal("it is neither PNG, JPEG nor TIFF");
}

// ----------------------------------------------------------------------------------------------- scaling, computing

// The channels that the network reads, from those of the picture: (pixel, wanted channel) -> value.
function channelPicker({ channels, data, alpha }) {
  const colors = alpha || channels === 2 || channels === 4 ? channels - 1 : channels;
  if (channels === about.channels && !alpha) return (i, c) => data[i * channels + c];
  if (colors === about.channels) return (i, c) => data[i * channels + c];
  if (colors === 1) return (i) => data[i * channels];
  if (colors === 3 && about.channels === 1) {
    return (i) => 0.299 * data[i * channels] + 0.587 * data[i * channels + 1] + 0.114 * data[i * channels + 2];
  }
  throw new Refusal(`it has ${channels} channels, and the network reads ${about.channels}`);
}

// bytes, whole numbers or fractions: what the type of an image says of its values.
function kindOf(type) {
  return type === "uint8" ? "bytes" : type.startsWith("float") ? "fractions" : "whole numbers";
}

// The values of each channel on an even grid of at most a million pixels, sorted.
function sampled({ width, height }, pixel) {
  const step = Math.max(1, Math.ceil(Math.sqrt(width * height / 2 ** 20)));
  return Array.from({ length: about.channels }, (_, c) => {
    const values = [];
    for (let y = 0; y < height; y += step) for (let x = 0; x < width; x += step) values.push(pixel(y * width + x, c));
    return Float64Array.from(values).sort();
  });
}

// The darkest and the brightest value of each channel, without the outermost thousandths.
function ownLimits(channels) {
  const low = channels.map((v) => v[Math.floor(0.001 * (v.length - 1))]);
  const high = channels.map((v, c) => {
    const found = v[Math.ceil(0.999 * (v.length - 1))];
    return found > low[c] ? found : low[c] + Math.max(1, Math.abs(low[c]) * 1e-6);
  });
  return { low, high };
}

// Values that mean something else than those of the training would give an answer that looks right and is not.
function checkType(type, channels, { by, low, high, dtype }) {
  const say = (known) => new Refusal(`its values are ${type}, and the network ${known}; it would answer nonsense`);
  if (by === "type" || by === "auto") {
    const known = dtype ? [dtype] : by === "auto" ? ["uint8"] : ["uint8", "uint16"];
    if (!known.includes(type)) throw say(`was trained on ${known.join(" or ")}`);
  }
  if (by !== "limits" || !dtype) return;
  const whole = () => channels.every((v) => v.every((value) => value === Math.round(value)) && v[v.length - 1] > 1);
  const same = kindOf(type) === kindOf(dtype);
  if (!same && !(kindOf(dtype) === "whole numbers" && kindOf(type) === "fractions" && whole())) {
    throw say(`was trained on ${dtype}`);
  }
  const middle = channels.map((v) => (v[(v.length - 1) >> 1] + v[v.length >> 1]) / 2);
  const near = (m, c) => {
    const [a, b] = [low[c % low.length], high[c % high.length]];
    return a - (b - a) <= m && m <= b + (b - a);
  };
  if (!middle.every(near)) throw say(`was trained on values from ${Math.min(...low)} to ${Math.max(...high)}, these are around ${Math.max(...middle)}`);
}

function scaled(picture) {
  const { width, height } = picture;
  const pixel = channelPicker(picture);
  const type = typeOf(picture);
  const choice = typeof about.scaling === "string" ? { by: about.scaling } : about.scaling;
  const channels = choice.by === "limits" || choice.by === "image" ? sampled(picture, pixel) : [];
  if (channels.some((v) => !Number.isFinite(v[0]) || !Number.isFinite(v[v.length - 1]))) {
    throw new Refusal("it holds values that are no numbers (NaN or infinite); put a number in their place");
  }
  checkType(type, channels, choice);
  const x = new Float32Array(about.channels * width * height);
  const half = type === "uint8" ? 127.5 : 32767.5;
  const { low, high } = choice.by === "image" ? ownLimits(channels) : choice;
  for (let c = 0, to = 0; c < about.channels; c++) {
    const [dark, bright] = low ? [low[c % low.length], high[c % high.length]] : [0, 2 * half];
    const factor = 2 / (bright - dark);
    for (let i = 0; i < width * height; i++) {
      const value = low ? (pixel(i, c) - dark) * factor - 1 : pixel(i, c) / half - 1;
      x[to++] = low ? Math.min(1, Math.max(-1, value)) : value;
    }
  }
  return x;
}

// Where tiles begin and end along an axis of n pixels: [reads from, reads to, answers from, answers to].
function spans(n) {
  const { halo, step, tile } = about.size;
  if (!tile || n <= tile) return [[0, n, 0, n]];
  const keep = Math.max(step, Math.floor((tile - 2 * halo) / step) * step);
  const found = [];
  for (let first = 0; first < n; first += keep) {
    const last = Math.min(first + keep, n);
    found.push([Math.max(0, first - halo), Math.min(n, last + halo), first, last]);
  }
  return found;
}

function window2d(x, width, height, [top, bottom], [left, right]) {
  const out = new Float32Array(about.channels * (bottom - top) * (right - left));
  let to = 0;
  for (let c = 0; c < about.channels; c++) {
    for (let row = top; row < bottom; row++) {
      const from = (c * height + row) * width;
      out.set(x.subarray(from + left, from + right), to);
      to += right - left;
    }
  }
  return new ort.Tensor("float32", out, [1, about.channels, bottom - top, right - left]);
}

// Classes Uint8Array (H, W), and where the network gives them probabilities Float32Array (K, H, W).
async function segment(session, picture, progress) {
  const { width, height } = picture;
  const x = scaled(picture);
  const count = about.classes.length;
  const classes = new Uint8Array(width * height);
  const probabilities = about.activation === "Softmax" ? new Float32Array(count * width * height) : null;
  const rows = spans(height);
  const columns = spans(width);
  let done = 0;
  for (const row of rows) {
    for (const column of columns) {
      const answer = await session.run({ image: window2d(x, width, height, row, column) });
      put(answer[session.outputNames[0]], row, column, picture, classes, probabilities);
      progress(++done / (rows.length * columns.length));
      await breathe();
    }
  }
  return { classes, probabilities };
}

function put({ data }, row, column, { width, height }, classes, probabilities) {
  const [high, wide] = [row[1] - row[0], column[1] - column[0]];
  for (let i = row[2]; i < row[3]; i++) {
    for (let j = column[2]; j < column[3]; j++) {
      const from = (i - row[0]) * wide + j - column[0];
      const to = i * width + j;
      if (!probabilities) { classes[to] = Number(data[from]); continue; }
      let best = 0;
      for (let k = 0; k < about.classes.length; k++) {
        const p = data[k * high * wide + from];
        probabilities[k * width * height + to] = p;
        if (p > data[best * high * wide + from]) best = k;
      }
      classes[to] = best;
    }
  }
}

// --------------------------------------------------------------------------------------------------------- showing

// The picture as 8-bit RGB; other values than bytes are stretched from the darkest to the brightest.
function shown({ width, height, channels, data }) {
  const rgb = new Uint8ClampedArray(width * height * 3);
  const colors = channels >= 3 ? 3 : 1;
  let [low, high] = [0, 255];
  if (!(data instanceof Uint8Array)) {
    [low, high] = [Infinity, -Infinity];
    for (const value of data) { low = Math.min(low, value); high = Math.max(high, value); }
  }
  const factor = 255 / (high - low || 1);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) rgb[i * 3 + c] = (data[i * channels + (colors === 3 ? c : 0)] - low) * factor;
  }
  return rgb;
}

function draw(canvas, rgb, classes, opacity) {
  const context = canvas.getContext("2d");
  const image = context.createImageData(canvas.width, canvas.height);
  for (let i = 0; i < classes.length; i++) {
    const color = about.classes[classes[i]].color;
    const share = classes[i] ? opacity : 0;
    for (let c = 0; c < 3; c++) image.data[i * 4 + c] = (1 - share) * rgb[i * 3 + c] + share * color[c];
    image.data[i * 4 + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}

function element(kind, text = "", properties = {}) {
  const made = Object.assign(document.createElement(kind), properties);
  made.textContent = text;
  return made;
}

// A part of a PNG file: length, kind, bytes, and the check sum (CRC-32) of the two.
function pngPart(kind, bytes) {
  const part = new Uint8Array(bytes.length + 12);
  const view = new DataView(part.buffer);
  view.setUint32(0, bytes.length);
  part.set(new TextEncoder().encode(kind), 4);
  part.set(bytes, 8);
  view.setUint32(bytes.length + 8, UPNG.crc.crc(part, 4, bytes.length + 4));
  return part;
}

// Values (H, W) as a PNG of one channel, which a canvas cannot write.
async function greyPng(values, width, height) {
  const rows = new Uint8Array((width + 1) * height); // each begins with the number of its filter, 0 for none
  for (let y = 0; y < height; y++) rows.set(values.subarray(y * width, (y + 1) * width), y * (width + 1) + 1);
  const stream = new Blob([rows]).stream().pipeThrough(new CompressionStream("deflate"));
  const head = new DataView(new ArrayBuffer(13));
  head.setUint32(0, width);
  head.setUint32(4, height);
  head.setUint8(8, 8); // bits; the zeros behind it: grey, the usual compression and filters, not interlaced
  const parts = [pngPart("IHDR", new Uint8Array(head.buffer)), pngPart("IDAT", new Uint8Array(await new Response(stream).arrayBuffer()))];
  return new Blob([new Uint8Array([137, 80, 78, 71, 13, 10, 26, 10]), ...parts, pngPart("IEND", new Uint8Array())], { type: "image/png" });
}

function save(blob, name) {
  const link = element("a", "", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

function legend(classes) {
  const counts = about.classes.map(() => 0);
  for (const k of classes) counts[k]++;
  const line = element("p", "", { className: "legend" });
  about.classes.forEach(({ name, color }, k) => {
    const entry = element("span");
    const patch = element("i");
    patch.style.background = `rgb(${color.join(",")})`;
    entry.append(patch, `${k} ${name}: ${(100 * counts[k] / classes.length).toFixed(1)} %`);
    line.append(entry);
  });
  return line;
}

function show(card, picture, { classes }, seconds) {
  const { width, height, name } = picture;
  const canvas = element("canvas", "", { width, height });
  const rgb = shown(picture);
  const slider = element("input", "", { type: "range", min: 0, max: 1, step: 0.05, value: 0.4 });
  const label = element("label", "Colours over the image: ");
  label.append(slider);
  slider.addEventListener("input", () => draw(canvas, rgb, classes, Number(slider.value)));
  const stem = name.replace(/\.(png|jpe?g|tiff?)\b/i, "").replace(/[^\p{L}\p{N} _.,()+-]/gu, "_");
  const mask = element("button", "Save mask");
  mask.title = "PNG with the number of each pixel's class: 0, 1, …, nearly black in a viewer";
  mask.addEventListener("click", async () => save(await greyPng(classes, width, height), `${stem}_mask.png`));
  const picked = element("button", "Save picture");
  picked.addEventListener("click", () => canvas.toBlob((blob) => save(blob, `${stem}_overlay.png`), "image/png"));
  const tools = element("div", "", { className: "tools" });
  tools.append(label, mask, picked);
  const facts = `${width} × ${height} pixels, ${typeOf(picture)}, ${seconds.toFixed(1)} s`;
  card.append(legend(classes), tools, canvas, element("p", facts, { className: "small" }));
  draw(canvas, rgb, classes, Number(slider.value));
}

// ------------------------------------------------------------------------------------------------------ what is done

const page = { ready: null, results: [], queue: Promise.resolve() };

// What readers, browser and runtime say is in their own terms, so it stands in brackets.
function inWords(error) {
  if (error instanceof Refusal) return error.message;
  const said = String(error?.message ?? error).slice(0, 200);
  if (error instanceof RangeError && /alloc|length/i.test(said)) {
    return `this browser has not enough memory for it (${said}); close other pages, or cut it`;
  }
  return `it cannot be read or computed (${said}): it is damaged or cut off, or of a kind that this page does not know; save it anew as PNG, or as TIFF without compression`;
}

async function work(file) {
  let pictures;
  say(`${file.name} is read …`);
  const card = element("section");
  byId("results").prepend(card);
  card.append(element("h2", file.name));
  try {
    pictures = await readPictures(file);
    const session = await page.ready;
    for (const picture of pictures) {
      if (pictures.length > 1) card.append(element("h3", picture.name));
      const start = performance.now();
      const found = await segment(session, picture, (share) => say(`${picture.name}: ${Math.round(100 * share)} %`));
      const seconds = (performance.now() - start) / 1000;
      show(card, picture, found, seconds);
      page.results.push({ name: picture.name, width: picture.width, height: picture.height, seconds, ...found });
      delete page.results.at(-2)?.probabilities; // memory: only the last one's are kept
    }
    say("Done.");
  } catch (error) {
    card.append(element("p", `${file.name}: ${inWords(error)}`, { className: "error" }));
    say("");
  }
}

function take(files) {
  for (const file of files) page.queue = page.queue.then(() => work(file));
}

async function begin() {
  const licences = unpacked("licence-texts").then((bytes) => { byId("licences").textContent = new TextDecoder().decode(bytes); });
  page.ready = openNetwork();
  try {
    await page.ready;
    await licences;
    say("Ready.");
  } catch (error) {
    say(`The network cannot be started in this browser (${error.message ?? error}). A current Firefox, Chrome, Edge or Safari can.`);
  }
}

byId("files").addEventListener("change", (event) => take(event.target.files));
addEventListener("dragover", (event) => { event.preventDefault(); byId("drop").classList.add("over"); });
addEventListener("dragleave", () => byId("drop").classList.remove("over"));
addEventListener("drop", (event) => {
  event.preventDefault();
  byId("drop").classList.remove("over");
  take(event.dataTransfer.files);
});
begin();
