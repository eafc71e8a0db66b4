// As compute_in_runtime.py, in onnxruntime-node: node compute_in_runtime.cjs FOLDER NODE_MODULES NAME
"use strict";
const fs = require("fs");
const path = require("path");
const [folder, modules, name] = process.argv.slice(2);
const ort = require(path.resolve(modules, "onnxruntime-node"));
const { version } = JSON.parse(fs.readFileSync(path.resolve(modules, "onnxruntime-node/package.json")));
const ROUNDS = 5;

async function main() {
  const work = JSON.parse(fs.readFileSync(path.join(folder, "work.json")));
  const found = { version, seconds: {}, refused: {} };
  const forwards = {};
  for (const [model, inputs] of Object.entries(work)) {
    try {
      const options = { intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 3 };
      const session = await ort.InferenceSession.create(path.join(folder, model), options);
      let image;
      for (const [file, shape] of inputs) {
        const bytes = fs.readFileSync(path.join(folder, file));
        const values = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
        image = new ort.Tensor("float32", values, shape);
        const { data } = (await session.run({ image }))[session.outputNames[0]];
        const answer = Buffer.from(Float32Array.from(data).buffer);
        fs.writeFileSync(path.join(folder, `${file}.${path.parse(model).name}.${name}`), answer);
      }
      forwards[model] = [session, image];
    } catch (error) {
      found.refused[model] = String(error.message).replace(/\s+/g, " ").slice(0, 300);
    }
  }
  const times = {};
  for (let i = 0; i < ROUNDS; i++) {
    for (const [model, [session, image]] of Object.entries(forwards)) {
      const start = process.cpuUsage();
      await session.run({ image });
      const { user, system } = process.cpuUsage(start);
      (times[model] ??= []).push((user + system) / 1e6);
    }
  }
  for (const [model, seconds] of Object.entries(times)) found.seconds[model] = seconds.sort((a, b) => a - b)[ROUNDS >> 1];
  fs.writeFileSync(path.join(folder, `${name}.json`), JSON.stringify(found, null, 1));
}
main();
