// What is served to programs without covey, in words: what it is, where a browser finds it, how a text client joins it.

import { printable } from "../core/text.ts";
import type { Covey } from "../control/covey.ts";
import type { ServeSettings, Serving } from "../gateway/contract.ts";
import type { Context } from "./context.ts";
import { formatCount, formatDuration } from "./format.ts";
import type { Output } from "./output.ts";

/** The user's name for the peer of a list. */
type PeerNames = (peerId: string) => string;

/** Asks for the names only when a list is somebody's. */
export async function peerNames(
  covey: Pick<Covey, "peers">,
  servings: readonly Serving[],
  signal: AbortSignal,
): Promise<PeerNames> {
  const peers = servings.some(({ settings }) => settings.list?.peer !== undefined) ? await covey.peers({ signal }) : [];
  return (peerId) => peers.find((peer) => peer.peerId === peerId)?.name ?? peerId;
}

/** "/home/anna/photos (takes uploads), the list laptop:todo (writable)". */
export function describeServed({ directory, upload, list, greeting, close }: ServeSettings, names: PeerNames): string {
  const parts = [
    ...(directory === undefined ? [] : [`${printable(directory)}${upload ? " (takes uploads)" : ""}`]),
    ...(list === undefined ? [] : [`the list ${describeList(list, names)}${list.writable ? " (writable)" : ""}`]),
    ...(greeting === undefined ? [] : [`a greeting${close ? ", and that is all" : ""}`]),
  ];
  return parts.length === 0 ? "messages of guests" : parts.join(", ");
}

const describeList = ({ peer, key }: NonNullable<ServeSettings["list"]>, names: PeerNames): string =>
  printable(peer === undefined ? key : `${names(peer)}:${key}`);

/** For a browser, when there is something that it could show. */
export const pagesOf = ({ urls }: Serving): readonly string[] => urls.filter((url) => url.startsWith("http:"));

/** URLs, then how text clients join, a line each. What is no file is for them. */
export function renderPlaces(serving: Serving): readonly string[] {
  const { settings, token, problem } = serving;
  const host = hostOf(serving);
  return [
    ...(problem === undefined ? [] : [`not now: ${printable(problem)}`]),
    ...pagesOf(serving).map(printable),
    ...(host === undefined || (settings.directory !== undefined && settings.list === undefined)
      ? []
      : [`nc ${printable(host)}`, ...(token === undefined ? [] : [`(its first line is ${printable(token)})`])]),
  ];
}

/** "192.0.2.7 8000", where others are most likely to reach it; undefined while it is not served. */
function hostOf({ urls }: Serving): string | undefined {
  const [, host, port] = /^[a-z]+:\/\/\[?([^/\]]+?)\]?:(\d+)(?:\/|$)/.exec(urls[0] ?? "") ?? [];
  return host === undefined ? undefined : `${host} ${port}`;
}

/** Whether others than this machine's own programs reach it. */
export const isOpen = ({ address }: Serving): boolean =>
  address !== undefined && !/^tcp:\/\/(?:127\.[\d.]+:|localhost:|\[::1\])/.test(address);

/** What `serve ls` shows. */
export async function listServings({ out, signal }: Context, covey: Covey): Promise<void> {
  const servings = await covey.servings({ signal });
  if (servings.length === 0) out.note("Nothing is served: `covey serve DIR` does.");
  const names = await peerNames(covey, servings, signal);
  out.say(servings, servings.map((serving) => renderServing(serving, names, out)).join("\n"));
}

function renderServing(serving: Serving, names: PeerNames, out: Output): string {
  const { number, settings, connections, sinceMs, guests } = serving;
  const about = [
    formatCount(connections, "connection"),
    `served for ${formatDuration(Date.now() - sinceMs)}`,
    settings.keep ? "kept until it is removed" : "until its command ends",
  ];
  return [
    `${out.style("bold", `#${number}`)}  ${describeServed(settings, names)}`,
    ...renderPlaces(serving).map((line) => `    ${line}`),
    `    ${out.style("dim", about.join(", "))}`,
    ...(guests.length === 0 ? [] : [`    ${out.style("dim", `here now: ${guests.map(printable).join(", ")}`)}`]),
  ].join("\n");
}

/** What `status` shows: what, and where first. */
export const renderServed = (serving: Serving, names: PeerNames): string =>
  [
    `Serves ${describeServed(serving.settings, names)}`,
    ...renderPlaces(serving)
      .slice(0, 1)
      .map((line) => `  ${line}`),
  ].join("\n");
