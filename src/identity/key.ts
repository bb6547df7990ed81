// This device's key: made once, kept in one private file, never replaced by covey.
//
//  1. read the key file, if there is one, and check who can
//  2. else make a key and create the file; of two processes that do so at once, one does, and both read what it wrote
//  3. check it against the peer id written above it, and make the certificate of this run

import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { inspect } from "node:util";

import { createFile, sweepTemporaries } from "../core/atomic-file.ts";
import { CoveyError } from "../core/errors.ts";
import type { PeerId } from "../core/ids.ts";
import { printable } from "../core/text.ts";
import { selfSignedCertificate } from "./certificate.ts";
import type { Identity } from "./contract.ts";
import type { Home } from "./home-names.ts";
import { peerIdOf } from "./peer-id.ts";
import { readPrivateFile } from "./private-file.ts";

const MAX_FILE_BYTES = 1024;
// Any 32 bytes are an Ed25519 seed: without the peer id beside it, a flipped bit would be another device.
const KEY_FILE =
  /^covey peer (?<peerId>[a-z2-7]{56})\n(?<pem>-----BEGIN PRIVATE KEY-----\n[A-Za-z0-9+/=]{64}\n-----END PRIVATE KEY-----\n)$/;

/** Rejects with `home-unsafe` (others can read the key), `integrity` (the file is damaged), `no-space` or `io`. */
export async function loadIdentity(home: Pick<Home, "key">): Promise<Identity> {
  const text = (await readPrivateFile(home.key, MAX_FILE_BYTES)) ?? (await createKeyFile(home.key));
  await sweepTemporaries(home.key);
  return new LoadedIdentity(parseKeyFile(home.key, text));
}

async function createKeyFile(path: string): Promise<string> {
  const { privateKey } = generateKeyPairSync("ed25519");
  await createFile(path, formatKeyFile(privateKey));
  const text = await readPrivateFile(path, MAX_FILE_BYTES);
  if (text === undefined) throw new CoveyError("io", printable(`${path} vanished right after it was made`));
  return text;
}

const formatKeyFile = (key: KeyObject): string =>
  `covey peer ${peerIdOf(publicKeyOf(key))}\n${key.export({ format: "pem", type: "pkcs8" }).toString()}`;

function parseKeyFile(path: string, text: string): KeyObject {
  const { peerId, pem } = KEY_FILE.exec(text)?.groups ?? {};
  if (pem === undefined) throw damaged(path);
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType === "ed25519" && peerIdOf(publicKeyOf(key)) === peerId) return key;
  } catch {
    // What OpenSSL says of a damaged key helps nobody, and could quote it.
  }
  throw damaged(path);
}

const damaged = (path: string): CoveyError =>
  new CoveyError("integrity", printable(`the identity key in ${path} is damaged; it was left as it is`), {
    hint: "Put it back from a backup. Without one, move it away: this device then gets a new identity and has to be paired again.",
  });

const publicKeyOf = (key: KeyObject): Uint8Array => last32(createPublicKey(key).export({ format: "der", type: "spki" }));

/** In memory of its own: what is sent to a worker takes along everything that shares its buffer. */
const last32 = (bytes: Uint8Array): Uint8Array => Uint8Array.from(bytes.subarray(-32));

/** Shows its peer id and nothing else to whatever prints, clones or serialises it. */
class LoadedIdentity implements Identity {
  readonly #peerId: PeerId;
  readonly #publicKey: Uint8Array;
  readonly #seed: Uint8Array;
  readonly #keyPem: string;
  readonly #certificatePem: string;

  constructor(key: KeyObject) {
    this.#publicKey = publicKeyOf(key);
    this.#peerId = peerIdOf(this.#publicKey);
    this.#seed = last32(key.export({ format: "der", type: "pkcs8" }));
    this.#keyPem = key.export({ format: "pem", type: "pkcs8" }).toString();
    this.#certificatePem = selfSignedCertificate(key, this.#publicKey);
  }

  get peerId(): PeerId {
    return this.#peerId;
  }

  get publicKey(): Uint8Array {
    return this.#publicKey;
  }

  get seed(): Uint8Array {
    return this.#seed;
  }

  get keyPem(): string {
    return this.#keyPem;
  }

  get certificatePem(): string {
    return this.#certificatePem;
  }

  toJSON(): { peerId: PeerId } {
    return { peerId: this.#peerId };
  }

  [inspect.custom](): string {
    return `Identity ${this.#peerId}`;
  }
}
