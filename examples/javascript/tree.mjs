// The files of a repository with `fetch`: the root, a folder, everything, and single paths with `FormData`.

import { randomBytes } from "node:crypto";

const { HF_ENDPOINT: hub, HF_TOKEN: token } = process.env;

async function call(method, path, options = {}) {
  const headers = { Authorization: `Bearer ${token}`, ...options.headers };
  const answer = await fetch(new URL(path, hub), { method, ...options, headers });
  if (!answer.ok) {
    // Every refusal says in a sentence what went wrong, and in X-Error-Code a word for programs.
    const { error } = await answer.json();
    throw new Error(`${answer.status} ${answer.headers.get("X-Error-Code")}: ${error}`);
  }
  return answer;
}

const json = (body) => ({ body: JSON.stringify(body), headers: { "Content-Type": "application/json" } });

/** One folder, or all that lies in it; page by page, as the `Link` header says. */
async function listFiles(repository, folder = "", recursive = false) {
  const found = [];
  let address = `/api/models/${repository}/tree/main/${folder}?recursive=${recursive}`;
  while (address) {
    const page = await call("GET", address);
    found.push(...(await page.json()));
    address = page.headers.get("Link")?.match(/<([^>]+)>; rel="next"/)?.[1];
  }
  return found;
}

/** What stands at these paths; those where nothing does are left out. */
async function getPathsInfo(repository, paths) {
  const form = new FormData();
  for (const path of paths) form.append("paths", path);
  return (await call("POST", `/api/models/${repository}/paths-info/main`, { body: form })).json();
}

const { name } = await (await call("GET", "/api/whoami-v2")).json();
const repository = `${name}/example-${randomBytes(4).toString("hex")}`;
await call("POST", "/api/repos/create", json({ name: repository }));

const file = (path, text) => ({
  key: "file",
  value: { path, content: Buffer.from(text).toString("base64"), encoding: "base64" },
});
const header = { key: "header", value: { summary: "Three files" } };
const lines = [header, file("README.md", "# An example\n"), file("configs/a.json", "{}\n"), file("configs/b.json", "[]\n")];
await call("POST", `/api/models/${repository}/commit/main`, {
  body: lines.map((line) => JSON.stringify(line)).join("\n"),
  headers: { "Content-Type": "application/x-ndjson" },
});

console.log("root:", (await listFiles(repository)).map(({ path }) => path).join(" "));
console.log("configs:", (await listFiles(repository, "configs")).map(({ path }) => path).join(" "));
console.log("everything:", (await listFiles(repository, "", true)).length, "entries");
for (const { path, type, size } of await getPathsInfo(repository, ["README.md", "configs", "not-there.txt"])) {
  console.log(`${path} is a ${type} of ${size} bytes`);
}

await call("DELETE", "/api/repos/delete", json({ name: repository }));
