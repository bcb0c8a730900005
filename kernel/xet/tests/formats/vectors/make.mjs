// Makes the vectors of huggingface.js: what it sends for four files, which are made from seeds as in `make.py`.
//
//     npm install @huggingface/hub@2.17.5 && node make.mjs

import { writeFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { uploadFiles } from "@huggingface/hub";

const WORDS = ["chunk", "xorb", "shard", "term", "node", "file", "hash", "range"];
const FILES = [["random", 101n, 3000], ["text", 102n, 200_000], ["floats", 103n, 12_002], ["zeros", 104n, 400_000]];

function content(kind, state, length) {
  const next = () => {
    state ^= BigInt.asUintN(64, state << 13n);
    state ^= state >> 7n;
    state ^= BigInt.asUintN(64, state << 17n);
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(state);
    return bytes;
  };
  const parts = [];
  for (let made = 0; made < length; made += parts.at(-1).length) {
    if (kind === "zeros") parts.push(Buffer.alloc(length));
    if (kind === "random") parts.push(next());
    if (kind === "text") parts.push(Buffer.from(`${WORDS[next()[7] >> 5]} is a word of the text of this file,\n`));
    if (kind === "floats") {
      const [a, b, c] = next();
      parts.push(Buffer.from([a, b, 0x80 | (c & 3), 0x3c]));
    }
  }
  return Buffer.concat(parts).subarray(0, length);
}

const made = FILES.map(([kind, seed, length]) => [kind, content(kind, seed, length)]);
const sent = { xorbs: {}, shards: [] };
const json = (value, status = 200) => new Response(JSON.stringify(value), { status, headers: { "Content-Type": "application/json" } });

async function hub(url, init = {}) {
  const { pathname } = new URL(url);
  if (pathname.endsWith("/preupload/main")) {
    const { files } = JSON.parse(init.body);
    return json({ files: files.map(({ path }) => ({ path, uploadMode: "lfs", shouldIgnore: false })), commitOid: "0".repeat(40) });
  }
  if (pathname.endsWith("/objects/batch")) {
    const { objects } = JSON.parse(init.body);
    const header = { "X-Xet-Cas-Url": "http://hub", "X-Xet-Access-Token": "t", "X-Xet-Token-Expiration": `${Date.now() / 1000 + 3600 | 0}` };
    return json({ transfer: "xet", objects: objects.map((object) => ({ ...object, actions: { upload: { href: "http://hub/token", header } } })) });
  }
  if (pathname.includes("/xorbs/")) {
    sent.xorbs[pathname.split("/").at(-1)] = Buffer.from(init.body);
    return json({ was_inserted: true });
  }
  if (pathname.endsWith("/shards")) {
    sent.shards.push(Buffer.from(init.body));
    return json({ result: 1 });
  }
  if (pathname.includes("/commit/")) {
    return json({ success: true, commitOid: "0".repeat(40), commitUrl: "http://hub/commit", hookOutput: "" });
  }
  return new Response("", { status: 404 });
}

await uploadFiles({
  repo: "a/b", hubUrl: "http://hub", accessToken: "hf_t", fetch: hub, useXet: true, useWebWorkers: false,
  files: made.map(([kind, bytes]) => ({ path: kind, content: new Blob([bytes]) })),
});
console.log(Object.keys(sent.xorbs), sent.shards.length, made.map(([, bytes]) => createHash("sha256").update(bytes).digest("hex")));
Object.values(sent.xorbs).forEach((body, number) => writeFileSync(new URL(`js-${number}.xorb`, import.meta.url), body));
sent.shards.forEach((body, number) => writeFileSync(new URL(`js-${number}.shard`, import.meta.url), body));
