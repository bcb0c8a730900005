// huggingface.js against the hub. Each scenario is an exported function whose name is a sentence.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtemp, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import * as own from "./scenarios.mjs";
import { FUNCTIONS } from "./surface.mjs";
import { bytes, downloaded, everything, fresh, hub, info, sha256, XORB } from "./world.mjs";

const LARGE = 12_000_000;
const SHARD = /\/shards$/;
const RECONSTRUCTION = /\/v[12]\/reconstructions\//;
const BATCH = /\/info\/lfs\/objects\/batch$/;
const HASH = /^[0-9a-f]{64}$/;

export async function files_go_up_by_xet(world) {
  const repository = await world.repository("js");
  const files = {
    "model.safetensors": fresh(LARGE),
    "data/train.parquet": fresh(3_000_000),
    "config.json": new Blob(["{}"]),
  };
  await hub.uploadFiles({ ...repository, files: named(files), useXet: true });
  assert.equal(world.sent("POST", BATCH), 1);
  assert.ok(world.sent("POST", XORB) >= 1 && world.sent("POST", SHARD) >= 1);
  assert.equal(world.sent("PUT", /./), 0, "nothing goes by LFS");

  for (const [path, content] of Object.entries(files)) {
    const large = path !== "config.json";
    const found = await info(repository, path);
    assert.equal(found.size, content.size);
    assert.equal(HASH.test(found.xetHash), large, path);
    assert.equal(found.lfs?.oid, large ? await sha256(content) : undefined);
    assert.deepEqual(await downloaded(repository, path, { xet: false }), await bytes(content), path);
  }
}

export async function a_file_comes_back_by_xet_where_the_hub_says_so_and_otherwise_without(world) {
  const repository = await world.repository("js-down");
  const content = fresh(LARGE);
  await hub.uploadFile({ ...repository, file: { path: "model.safetensors", content } });
  assert.deepEqual(await downloaded(repository, "model.safetensors", { xet: false }), await bytes(content));
  assert.equal(world.sent("GET", RECONSTRUCTION), 0, "a plain GET asks for no terms");

  assert.match((await hub.fileDownloadInfo({ ...repository, path: "model.safetensors" })).xet?.hash, HASH);
  assert.deepEqual(await downloaded(repository, "model.safetensors"), await bytes(content));
  assert.ok(world.sent("GET", RECONSTRUCTION) > 0);
}

export async function what_the_links_of_a_file_say_is_enough_to_read_it_by_xet(world) {
  const repository = await world.repository("js-links");
  const once = await bytes(fresh(6_000_000));
  const files = {
    "noise.bin": await bytes(fresh(LARGE)),
    "twice.bin": Buffer.concat([once, once]),
    "zeros.bin": Buffer.alloc(20_000_000),
    "floats.safetensors": Buffer.from(Uint32Array.from({ length: 3_000_000 }, (_, n) => n % 977).buffer),
  };
  const contents = Object.fromEntries(Object.entries(files).map(([path, content]) => [path, new Blob([content])]));
  await hub.uploadFiles({ ...repository, files: named(contents) });
  for (const [path, content] of Object.entries(files)) {
    const before = world.sent("GET", RECONSTRUCTION);
    const blob = await hub.downloadFile({ ...repository, path, downloadInfo: await infoOfLinks(repository, path) });
    assert.ok(content.equals(await bytes(blob)), path);
    assert.ok(world.sent("GET", RECONSTRUCTION) > before);
    assert.ok(content.equals(await downloaded(repository, path, { xet: false })), path);
    for (const [start, end] of [[0, 1], [0, 65_536], [4_000_000, 4_200_001], [content.length - 10, content.length]]) {
      assert.ok(content.subarray(start, end).equals(await bytes(blob.slice(start, end))), `${path} ${start}-${end}`);
    }
  }
}

export async function what_a_client_does_not_want_by_xet_goes_by_lfs(world) {
  const repository = await world.repository("js-lfs");
  // The hub of these tests is told to want parts above 20 MB.
  const [content, parts] = [fresh(LARGE), fresh(21_000_000)];
  await hub.uploadFiles({ ...repository, files: named({ "one.bin": content, "parts.bin": parts }), useXet: false });
  assert.equal(world.sent("POST", XORB), 0);
  assert.ok(world.sent("PUT", /./) > 2, "the larger one in parts");
  for (const [path, expected] of [["one.bin", content], ["parts.bin", parts]]) {
    assert.deepEqual(await downloaded(repository, path), await bytes(expected));
    assert.equal((await info(repository, path)).lfs.oid, await sha256(expected));
  }
}

export async function an_edited_file_is_sent_in_what_is_new(world) {
  const repository = await world.repository("js-edited");
  const [path, before] = ["model.safetensors", await bytes(fresh(LARGE))];
  await hub.uploadFile({ ...repository, file: { path, content: new Blob([before]) } });
  const first = world.xorbBytes;
  const after = Buffer.concat([before.subarray(0, 5_000_000), randomBytes(1000), before.subarray(5_000_000)]);
  await hub.uploadFile({ ...repository, file: { path, content: new Blob([after]) } });
  assert.ok(after.equals(await downloaded(repository, path)));
  assert.ok(world.xorbBytes - first < 1_000_000, `${world.xorbBytes - first} bytes of xorbs for an insert of 1 kB`);
}

export async function an_edit_names_what_stays_and_sends_only_what_is_new(world) {
  const repository = await world.repository("js-edit");
  const [path, before] = ["model.safetensors", await bytes(fresh(LARGE))];
  await hub.uploadFile({ ...repository, file: { path, content: new Blob([before]) } });
  const first = world.xorbBytes;
  const insert = randomBytes(2000);
  const edit = {
    operation: "edit",
    path,
    originalContent: await hub.downloadFile({ ...repository, path, downloadInfo: await infoOfLinks(repository, path) }),
    edits: [{ start: 7_000_000, end: 7_001_000, content: new Blob([insert]) }],
  };
  await hub.commit({ ...repository, title: "Edit", operations: [edit] });
  const after = Buffer.concat([before.subarray(0, 7_000_000), insert, before.subarray(7_001_000)]);
  assert.ok(after.equals(await downloaded(repository, path)));
  assert.equal((await info(repository, path)).lfs.oid, await sha256(new Blob([after])));
  assert.ok(world.xorbBytes - first < 1_000_000, `${world.xorbBytes - first} bytes of xorbs for an edit of 2 kB`);
}

export async function many_files_go_up_in_one_commit_and_are_listed(world) {
  const repository = await world.repository("js-many");
  const files = {};
  for (let n = 0; n < 30; n++) files[`part-${n % 3}/${n}.${n % 2 ? "bin" : "txt"}`] = fresh(10_000 * n + 1);
  await hub.uploadFiles({ ...repository, files: named(files) });

  const listed = await everything(hub.listFiles({ ...repository, recursive: true }));
  const found = listed.filter((one) => one.type === "file" && one.path !== ".gitattributes");
  assert.deepEqual(new Set(found.map((one) => one.path)), new Set(Object.keys(files)));
  for (const one of found) {
    assert.equal(one.size, files[one.path].size, one.path);
    if (one.lfs) assert.match(one.xetHash, HASH, one.path);
  }
  assert.ok(found.some((one) => one.lfs));
  for (const [path, content] of Object.entries(files)) {
    assert.deepEqual(await downloaded(repository, path), await bytes(content), path);
  }
}

export async function a_commit_adds_replaces_and_deletes(world) {
  const repository = await world.repository("js-commit");
  const old = fresh(200_000);
  const gone = { path: "gone/a.txt", content: new Blob(["a"]) };
  await hub.uploadFiles({ ...repository, files: [{ path: "old.bin", content: old }, gone] });
  const content = fresh(300_000);
  const { commit } = await hub.commit({
    ...repository,
    title: "Replace and delete",
    description: "At once",
    operations: [
      { operation: "addOrUpdate", path: "old.bin", content },
      { operation: "delete", path: "gone/a.txt" },
    ],
  });
  assert.match(commit.oid, /^[0-9a-f]{40}$/);
  assert.deepEqual(await downloaded(repository, "old.bin"), await bytes(content));
  assert.equal(await hub.fileExists({ ...repository, path: "gone/a.txt" }), false);
  assert.equal(await hub.downloadFile({ ...repository, path: "gone/a.txt" }), null);
  const commits = await everything(hub.listCommits(repository));
  assert.equal(await hub.countCommits(repository), commits.length);
  const [last, before] = commits;
  assert.deepEqual([last.oid, last.title], [commit.oid, "Replace and delete"]);
  assert.deepEqual(await downloaded(repository, "old.bin", { revision: before.oid }), await bytes(old));
  const late = { title: "Late", parentCommit: before.oid, operations: [{ operation: "delete", path: "old.bin" }] };
  await refused(412, hub.commit({ ...repository, ...late }));
}

export async function a_branch_has_files_of_its_own(world) {
  const repository = await world.repository("js-branch");
  await hub.uploadFile({ ...repository, file: { path: "a.bin", content: fresh(100_000) } });
  await hub.createBranch({ ...repository, branch: "feature/new.one" });
  const content = fresh(150_000);
  await hub.uploadFile({ ...repository, branch: "feature/new.one", file: { path: "b.bin", content } });
  assert.deepEqual(await downloaded(repository, "b.bin", { revision: "feature/new.one" }), await bytes(content));
  assert.equal(await hub.fileExists({ ...repository, path: "b.bin" }), false);
  await hub.deleteBranch({ ...repository, branch: "feature/new.one" });
  await refused(404, everything(hub.listFiles({ ...repository, revision: "feature/new.one" })));
}

export async function repositories_of_each_kind_are_made_and_deleted(world) {
  for (const type of ["model", "dataset", "space"]) {
    const repo = { type, name: world.unusedName("js-kind") };
    const sdk = type === "space" ? "static" : undefined;
    const { repoUrl } = await hub.createRepo({ ...world.login, repo, private: true, sdk });
    assert.ok(repoUrl.endsWith(`${type === "model" ? "" : `${type}s/`}${repo.name}`), repoUrl);
    const content = fresh(100_000);
    await hub.uploadFiles({ ...world.login, repo, files: named({ "deep/weights.bin": content }) });
    assert.deepEqual(await downloaded({ ...world.login, repo }, "deep/weights.bin"), await bytes(content), type);
    assert.equal(await hub.repoExists({ ...world.login, repo }), true);
    assert.equal(await hub.repoExists({ hubUrl: world.login.hubUrl, repo }), false, "a private one is nobody else's");
    await hub.deleteRepo({ ...world.login, repo });
    assert.equal(await hub.repoExists({ ...world.login, repo }), false);
  }
}

export async function a_repository_of_the_same_name_is_refused(world) {
  const { repo } = await world.repository("js-twice");
  await refused(409, hub.createRepo({ ...world.login, repo }));
}

export async function a_private_file_is_nobody_elses(world) {
  const repository = await world.repository("js-private", { private: true });
  await hub.uploadFile({ ...repository, file: { path: "model.safetensors", content: fresh(LARGE) } });
  const stranger = { hubUrl: repository.hubUrl, repo: repository.repo };
  await refused([401, 404], hub.downloadFile({ ...stranger, path: "model.safetensors" }));
}

export async function a_snapshot_lies_in_the_cache(world) {
  const repository = await world.repository("js-snapshot");
  const files = { "model.safetensors": fresh(LARGE), "deep/config.json": new Blob(["{}"]) };
  await hub.uploadFiles({ ...repository, files: named(files) });
  const folder = await hub.snapshotDownload({ ...repository, cacheDir: await mkdtemp(join(tmpdir(), "cache-")) });
  for (const [path, content] of Object.entries(files)) {
    assert.deepEqual(await readFile(join(folder, path)), await bytes(content), path);
  }
}

export async function every_function_has_a_row(world) {
  const isClass = (value) => /^class\b/.test(Function.prototype.toString.call(value));
  const exported = Object.keys(hub).filter((name) => typeof hub[name] === "function" && !isClass(hub[name]));
  assert.deepEqual(exported.sort(), Object.keys(FUNCTIONS).sort());
  for (const [name, row] of Object.entries(FUNCTIONS)) {
    const scenario = own[row];
    if (!scenario) assert.match(row, / /, `${name}: there is no scenario ${row}`);
    else assert.match(scenario.toString(), new RegExp(`\\bhub\\.${name}\\b`), `${row} does not call ${name}`);
  }
}

export async function the_token_names_its_user(world) {
  const { name, type, auth } = await hub.whoAmI(world.login);
  assert.deepEqual([name, type, auth.type], [world.user, "user", "access_token"]);
}

export async function repositories_are_described_and_listed(world) {
  const of = { model: [hub.modelInfo, hub.listModels], dataset: [hub.datasetInfo, hub.listDatasets], space: [hub.spaceInfo, hub.listSpaces] };
  for (const [type, [describe, list]] of Object.entries(of)) {
    const repo = { type, name: world.unusedName("js-listed") };
    await hub.createRepo({ ...world.login, repo, sdk: type === "space" ? "static" : undefined });
    await hub.checkRepoAccess({ ...world.login, repo });
    assert.equal((await describe({ ...world.login, name: repo.name, revision: "main" })).name, repo.name);
    const found = await everything(list({ ...world.login, search: { query: repo.name.split("/")[1], owner: world.user } }));
    assert.deepEqual(found.map((one) => one.name), [repo.name]);
    await refused([401, 404], hub.checkRepoAccess({ ...world.login, repo: { type, name: world.unusedName("js-none") } }));
  }
}

export async function files_go_up_with_progress(world) {
  const repository = await world.repository("js-progress");
  const content = fresh(3_000_000);
  const told = await everything(hub.uploadFilesWithProgress({ ...repository, files: named({ "model.safetensors": content }) }));
  assert.ok(told.some((event) => event.event === "fileProgress" && event.path === "model.safetensors"));
  const operations = [{ operation: "addOrUpdate", path: "b.txt", content: new Blob(["b"]) }];
  await everything(hub.commitIter({ ...repository, title: "One more", operations }));
  assert.deepEqual(await downloaded(repository, "model.safetensors"), await bytes(content));
  assert.equal(await hub.fileExists({ ...repository, path: "b.txt" }), true);
}

export async function files_are_deleted(world) {
  const repository = await world.repository("js-deleted");
  const text = new Blob(["text"]);
  await hub.uploadFiles({ ...repository, files: named({ "a.txt": text, "b.txt": text, "c.txt": text, "d.txt": text }) });
  await hub.deleteFile({ ...repository, path: "a.txt" });
  await hub.deleteFiles({ ...repository, paths: ["b.txt", "c.txt"] });
  const left = (await everything(hub.listFiles(repository))).map(({ path }) => path);
  assert.deepEqual(left.filter((path) => path !== ".gitattributes"), ["d.txt"]);
}

export async function paths_are_described(world) {
  const repository = await world.repository("js-paths");
  await hub.uploadFile({ ...repository, file: { path: "deep/a.txt", content: new Blob(["text"]) } });
  const found = await hub.pathsInfo({ ...repository, paths: ["deep", "deep/a.txt", "none"], expand: true });
  assert.deepEqual(found.map(({ path, type }) => [path, type]), [["deep", "directory"], ["deep/a.txt", "file"]]);
}

export async function a_file_lies_in_the_cache(world) {
  const repository = await world.repository("js-cached");
  const content = fresh(100_000);
  await hub.uploadFile({ ...repository, file: { path: "deep/model.bin", content } });
  const cacheDir = await mkdtemp(join(tmpdir(), "cache-"));
  const path = await hub.downloadFileToCacheDir({ ...repository, path: "deep/model.bin", cacheDir });
  assert.deepEqual(await readFile(path), await bytes(content));
}

export async function the_header_of_a_safetensors_file_is_read(world) {
  const repository = await world.repository("js-tensors");
  const header = Buffer.from(JSON.stringify({ weight: { dtype: "F32", shape: [10, 20], data_offsets: [0, 800] } }));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const content = new Blob([length, header, Buffer.alloc(800)]);
  await hub.uploadFile({ ...repository, file: { path: "model.safetensors", content } });
  const found = await hub.parseSafetensorsMetadata({ ...repository, repo: repository.repo.name, computeParametersCount: true });
  assert.deepEqual([found.sharded, found.parameterCount], [false, { F32: 200 }]);
}

/** What `fileDownloadInfo` answers, made of the links that every answer about a file has. */
async function infoOfLinks({ hubUrl, accessToken, repo, fetch }, path) {
  const url = `${hubUrl}/${repo.name}/resolve/main/${path}`;
  const { headers } = await fetch(url, { method: "HEAD", headers: { Authorization: `Bearer ${accessToken}` } });
  const link = (relation) => new URL(headers.get("link").match(new RegExp(`<([^>]+)>; rel="${relation}"`))[1]);
  return {
    url,
    size: Number(headers.get("x-linked-size")),
    etag: headers.get("x-linked-etag"),
    xet: {
      hash: headers.get("x-xet-hash"),
      refreshUrl: link("xet-auth"),
      reconstructionUrl: link("xet-reconstruction-info"),
    },
  };
}

function named(files) {
  return Object.entries(files).map(([path, content]) => ({ path, content }));
}

async function refused(status, promise) {
  const error = await promise.then(
    () => assert.fail(`not refused with ${status}`),
    (error) => error,
  );
  assert.ok([status].flat().includes(error.statusCode), `${error}`);
}
