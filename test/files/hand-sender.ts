// What a test needs to be the sender itself: offers and the records of a fetch, made by hand.

import { randomBytes } from "node:crypto";

import { encodeCbor, type Cbor } from "../../src/core/cbor.ts";
import { fromHex, u16, u32, u64 } from "../../src/core/bytes.ts";
import { hash } from "../../src/core/hash.ts";
import { LIMITS } from "../../src/core/limits.ts";
import { blockLength, Manifest } from "../../src/blob/manifest.ts";
import { RECORD } from "../../src/services/files/fetch/wire.ts";
import type { Stream } from "../../src/session/contract.ts";
import { pathOf } from "../../src/space/path.ts";
import type { Lab } from "./peers.ts";

const MiB = LIMITS.blockBytes;

/** What the sender calls its version of the file. */
export const TOKEN = "ab".repeat(16);

/** Offers a file; resolves to the offer's id. */
export async function offer(lab: Lab, value: Cbor): Promise<string> {
  const id = randomBytes(16).toString("hex");
  await lab.a.store.write(await lab.a.store.direct(lab.b.id), [{ path: pathOf("offers", id), value: encodeCbor(value) }]);
  return id;
}

export const fileOffer = (name: string, size: number): Cbor => ({ v: 1, kind: "file", name, size, mtimeMs: 1_000 });

export const block = (bytes: Buffer, digest = hash(bytes)): Buffer => Buffer.concat([Buffer.of(RECORD.block), digest, bytes]);
export const end = (blob: string): Buffer => Buffer.concat([Buffer.of(RECORD.end), fromHex(blob)!]);

export function blobOf(content: Buffer): string {
  const manifest = new Manifest(content.length);
  for (let i = 0; i < manifest.blocks; i++)
    manifest.set(i, hash(content.subarray(i * MiB, i * MiB + blockLength(content.length, i))));
  return manifest.blobId();
}

/** What an honest sender would send. */
export async function honest(stream: Stream, content: Buffer): Promise<void> {
  for (let at = 0; at < content.length; at += MiB) await stream.write(block(content.subarray(at, at + MiB)));
  await stream.write(end(blobOf(content)));
  await stream.end();
}

/** Offers a tree of one directory, "d". */
export const treeOffer = (files: number, size: number, more: { readonly [name: string]: Cbor } = {}): Cbor => ({
  v: 1,
  kind: "tree",
  files,
  size,
  roots: [{ name: "d", kind: "directory", files, bytes: size }],
  rootCount: 1,
  ...more,
});

/** Records of a pack, any that can be said and some that can't. */
export const pack = {
  file: (path: string, content: Buffer, digest = hash(content)): Buffer =>
    Buffer.concat([head(1, path), u64(content.length), u64(1_000_000_000_000), Buffer.of(2), digest, content]),
  large: (path: string, size: number): Buffer => Buffer.concat([head(1, path), u64(size), u64(1_000_000_000_000), Buffer.of(0)]),
  directory: (path: string): Buffer => Buffer.concat([head(2, path), u64(1_000_000_000_000)]),
  link: (path: string, target: string): Buffer =>
    Buffer.concat([head(3, path), u16(Buffer.byteLength(target)), Buffer.from(target)]),
  note: (path: string, code: string): Buffer => Buffer.concat([head(4, path), Buffer.of(code.length), Buffer.from(code)]),
};

/** The frame of a pack, and of the end. */
export const frame = (...records: readonly Buffer[]): Buffer => {
  const bytes = Buffer.concat(records);
  return Buffer.concat([u32(bytes.length), bytes]);
};

function head(type: number, path: string): Buffer {
  const bytes = Buffer.from(path);
  return Buffer.concat([Buffer.of(type), u16(bytes.length), bytes]);
}
