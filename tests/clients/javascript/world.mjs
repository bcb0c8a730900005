// What every scenario starts from: the client, who it is logged in as, and names nobody else uses.

import { createHash, randomBytes } from "node:crypto";
import { createRequire } from "node:module";

// As tests/setup/node installed it.
export const hub = createRequire(new URL("../../../target/node/package.json", import.meta.url))("@huggingface/hub");

/** The address of a xorb that goes up. */
export const XORB = /\/v1\/xorbs\//;

const { HF_ENDPOINT: hubUrl, HF_TOKEN: accessToken } = process.env;
export const login = { hubUrl, accessToken };

export class World {
  constructor(user) {
    this.user = user;
    /** Every request that this client has sent: its method and address. */
    this.requests = [];
    /** How many bytes of xorbs it has sent. */
    this.xorbBytes = 0;
    /** What each call of the client is given. */
    this.login = { ...login, fetch: (...request) => this.#fetch(...request) };
  }

  unusedName(hint) {
    return `${this.user}/${hint}-${randomBytes(4).toString("hex")}`;
  }

  /** A new repository, as each call of the client wants it named. */
  async repository(hint, options = {}) {
    const repo = { type: "model", name: this.unusedName(hint) };
    await hub.createRepo({ ...this.login, repo, ...options });
    return { ...this.login, repo };
  }

  /** How many requests went to addresses that match. */
  sent(method, address) {
    return this.requests.filter((one) => one.method === method && address.test(one.address)).length;
  }

  async #fetch(request, init) {
    const answer = await fetch(request, init);
    const address = new URL(request).pathname;
    this.requests.push({ method: init?.method ?? "GET", address });
    if (XORB.test(address)) this.xorbBytes += init.body.byteLength;
    return answer;
  }
}

/** Bytes that nobody has sent before, as a Blob. */
export function fresh(size) {
  return new Blob([randomBytes(size)]);
}

/** The bytes of a file, by Xet or, with `xet: false`, by a plain GET. */
export async function downloaded(repository, path, options = {}) {
  const blob = await hub.downloadFile({ ...repository, path, ...options });
  return Buffer.from(await blob.arrayBuffer());
}

export async function bytes(blob) {
  return Buffer.from(await blob.arrayBuffer());
}

export async function sha256(blob) {
  return createHash("sha256").update(await bytes(blob)).digest("hex");
}

/** What the hub says of one path. */
export async function info(repository, path) {
  const [found] = await hub.pathsInfo({ ...repository, paths: [path] });
  return found;
}

export async function everything(generator) {
  const found = [];
  for await (const one of generator) found.push(one);
  return found;
}
