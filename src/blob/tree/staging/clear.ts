// Removing what is ours, whatever it has become: by names in open directories, and links themselves, never what they lead to.

import { chmodSync, constants, fchmodSync, lstatSync, renameSync, rmdirSync, unlinkSync } from "node:fs";

import type { Directory } from "../directory.ts";
import { platformCode } from "./failure.ts";
import type { Pace } from "./pace.ts";

const OWNER = constants.S_IRWXU;
/** What others have put there under a name that is no UTF-8 gets this one first. */
const NAMELESS = ".covey-nameless";

/** Names are their bytes, as latin1, in bytewise order. */
export function namesIn(directory: Directory): string[] {
  const names: string[] = [];
  const entries = directory.entries();
  try {
    for (let entry = entries.readSync(); entry !== null; entry = entries.readSync()) names.push(entry.name);
  } finally {
    entries.closeSync();
  }
  return names.sort();
}

export const fromBytes = (name: string): string => Buffer.from(name, "latin1").toString();
export const toBytes = (name: string): string => Buffer.from(name).toString("latin1");

/** Whatever has this name; nothing is fine too. `name` as `namesIn` has it. */
export async function removeEntry(parent: Directory, bytes: string, pace: Pace): Promise<void> {
  await pace.step();
  let name = fromBytes(bytes);
  if (toBytes(name) !== bytes) {
    name = NAMELESS;
    await removeEntry(parent, NAMELESS, pace);
    renameSync(Buffer.from(Buffer.from(parent.at("")).toString("latin1") + bytes, "latin1"), parent.at(name));
  }
  const stat = lstatSync(parent.at(name), { throwIfNoEntry: false });
  if (stat === undefined) return;
  if (!stat.isDirectory()) return unlinkSync(parent.at(name));
  const directory = openOwned(parent, name);
  try {
    await removeAll(directory, pace);
  } finally {
    directory.close();
  }
  rmdirSync(parent.at(name));
}

/** All that is in a directory. */
export async function removeAll(directory: Directory, pace: Pace): Promise<void> {
  if ((Number(directory.stat().mode) & OWNER) !== OWNER) fchmodSync(directory.fd, OWNER);
  for (const name of namesIn(directory)) await removeEntry(directory, name, pace);
}

/** A directory of ours may have lost its owner's rights. */
function openOwned(parent: Directory, name: string): Directory {
  try {
    return parent.list(name);
  } catch (error) {
    if (platformCode(error) !== "EACCES") throw error;
  }
  const searched = parent.search(name);
  try {
    chmodSync(searched.at(""), OWNER);
  } finally {
    searched.close();
  }
  return parent.list(name);
}
