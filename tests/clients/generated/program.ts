// What openapi-typescript makes of the document, used by openapi-fetch: a repository made, filled, listed, read and
// deleted. Every path, parameter and field here is checked against the document by the compiler.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";

import createClient from "openapi-fetch";

import type { paths } from "./hub.js";

const CONFIG = '{"layers": 2}\n';
const WEIGHTS = randomBytes(100_000);

const hub = createClient<paths>({
  baseUrl: process.env["HF_ENDPOINT"]!,
  headers: { Authorization: `Bearer ${process.env["HF_TOKEN"]}` },
});

const who = await hub.GET("/api/whoami-v2");
const namespace = who.data!.name;
const name = `generated-${randomBytes(4).toString("hex")}`;
const repository = { kinds: "models", namespace, name } as const;

const made = await hub.POST("/api/repos/create", { body: { name: `${namespace}/${name}` } });
assert.equal(made.data?.repo_id, `${namespace}/${name}`);
const again = await hub.POST("/api/repos/create", { body: { name: `${namespace}/${name}` } });
assert.equal(again.response.status, 409);
assert.match(again.error!.error, new RegExp(name));

const oid = await sendLarge(WEIGHTS);
const content = Buffer.from(CONFIG).toString("base64");
const lines = [
  { key: "header", value: { summary: "Two files" } },
  { key: "file", value: { path: "deep/config.json", content, encoding: "base64" } },
  { key: "lfsFile", value: { path: "model.safetensors", algo: "sha256", oid, size: WEIGHTS.length } },
];
const committed = await hub.POST("/api/{kinds}/{namespace}/{name}/commit/{revision}", {
  params: { path: { ...repository, revision: "main" } },
  headers: { "Content-Type": "application/x-ndjson" },
  body: lines.map((line) => JSON.stringify(line)).join("\n"),
  // Lines go out as they are.
  bodySerializer: (body) => body,
});
const found = await hub.GET("/api/{kinds}/{namespace}/{name}", { params: { path: repository } });
assert.equal(found.data?.sha, committed.data!.commitOid);

const listed = await hub.GET("/api/{kinds}/{namespace}/{name}/tree/{revision}", {
  params: { path: { ...repository, revision: "main" }, query: { recursive: true } },
});
const files = new Map(listed.data!.map((item) => [item.path, item]));
assert.equal(files.get("deep")?.type, "directory");
assert.equal(files.get("deep/config.json")?.size, CONFIG.length);
assert.equal(files.get("model.safetensors")?.lfs?.oid, oid);

assert.equal((await downloaded("deep/config.json")).toString(), CONFIG);
assert.ok(WEIGHTS.equals(await downloaded("model.safetensors")));
assert.ok(WEIGHTS.subarray(10, 20).equals(await downloaded("model.safetensors", "bytes=10-19")));

await hub.DELETE("/api/repos/delete", { body: { name: `${namespace}/${name}` } });
const gone = await hub.GET("/api/{kinds}/{namespace}/{name}", { params: { path: repository } });
assert.equal(gone.response.status, 404);
assert.equal(gone.response.headers.get("X-Error-Code"), "RepoNotFound");

/** By LFS: the batch says where to, with the right to send it there in the address. */
async function sendLarge(content: Buffer): Promise<string> {
  const oid = createHash("sha256").update(content).digest("hex");
  const batch = await hub.POST("/{namespace}/{name}.git/info/lfs/objects/batch", {
    params: { path: { namespace, name } },
    body: { operation: "upload", objects: [{ oid, size: content.length }] },
    headers: { "Content-Type": "application/vnd.git-lfs+json" },
    // openapi-fetch knows JSON by the name `application/json` only.
    parseAs: "json",
  });
  const href = batch.data!.objects[0]!.actions!.upload!.href;
  const ticket = new URL(href).searchParams.get("ticket")!;
  const sent = await hub.PUT("/api/lfs/objects/{oid}", {
    params: { path: { oid }, query: { ticket } },
    headers: { "Content-Type": "application/octet-stream" },
    // `string` is all that the document's `binary` is to the compiler.
    body: content as unknown as string,
    bodySerializer: (body) => body,
  });
  assert.equal(sent.response.status, 200);
  return oid;
}

async function downloaded(path: string, range?: string): Promise<Buffer> {
  const { data } = await hub.GET("/{namespace}/{name}/resolve/{revision}/{path}", {
    params: { path: { namespace, name, revision: "main", path }, ...(range && { header: { RANGE: range } }) },
    parseAs: "arrayBuffer",
  });
  return Buffer.from(data!);
}
