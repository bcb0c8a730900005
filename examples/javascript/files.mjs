// A repository from its creation to its end with `fetch`: a large file by LFS, a commit that names it, a download.

import { createHash, randomBytes } from "node:crypto";

const { HF_ENDPOINT: hub, HF_TOKEN: token } = process.env;

async function call(method, path, body, type = "application/json") {
  const headers = { Authorization: `Bearer ${token}`, ...(body && { "Content-Type": type }) };
  const answer = await fetch(new URL(path, hub), { method, headers, body });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${(await answer.json()).error}`);
  return answer;
}

const { name } = await (await call("GET", "/api/whoami-v2")).json();
const repository = `${name}/example-${randomBytes(4).toString("hex")}`;
const { url } = await (await call("POST", "/api/repos/create", JSON.stringify({ name: repository, private: true }))).json();
console.log("made", url);

// Which files are large is for the hub to say.
const weights = randomBytes(1_000_000);
const files = [
  { path: "config.json", size: 14 },
  { path: "model.safetensors", size: weights.length },
];
const asked = await call("POST", `/api/models/${repository}/preupload/main`, JSON.stringify({ files }));
for (const { path, uploadMode } of (await asked.json()).files) console.log(path, "goes as", uploadMode);

// Their bytes come first: the batch says where to, and that address is all the right it takes.
const oid = createHash("sha256").update(weights).digest("hex");
const batch = JSON.stringify({ operation: "upload", transfers: ["basic"], objects: [{ oid, size: weights.length }] });
const [object] = (
  await (await call("POST", `/${repository}.git/info/lfs/objects/batch`, batch, "application/vnd.git-lfs+json")).json()
).objects;
const sent = await fetch(object.actions.upload.href, { method: "PUT", body: weights });
if (!sent.ok) throw new Error(`the bytes were refused with ${sent.status}`);

// The commit names them: all of its lines take effect, or none.
const lines = [
  { key: "header", value: { summary: "A first model" } },
  { key: "file", value: { path: "config.json", content: Buffer.from('{"layers": 2}\n').toString("base64"), encoding: "base64" } },
  { key: "lfsFile", value: { path: "model.safetensors", algo: "sha256", oid, size: weights.length } },
];
const ndjson = lines.map((line) => JSON.stringify(line)).join("\n");
const committed = await call("POST", `/api/models/${repository}/commit/main`, ndjson, "application/x-ndjson");
console.log("committed", (await committed.json()).commitUrl);

const came = Buffer.from(await (await call("GET", `/${repository}/resolve/main/model.safetensors`)).arrayBuffer());
console.log("came back", came.equals(weights) ? "whole" : "damaged");

await call("DELETE", "/api/repos/delete", JSON.stringify({ name: repository }));
console.log("deleted");
