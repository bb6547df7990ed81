// All that a peer may reach here, in words.

import { formatSize } from "../core/size.ts";
import { printable } from "../core/text.ts";
import type { Access } from "../control/covey.ts";
import type { Serving } from "../gateway/contract.ts";
import { formatCount } from "./format.ts";
import { describeOffer } from "./offer.ts";
import { untilText } from "./shares.ts";

export function renderPolicy(policy: Access["policy"]): string {
  if (policy.offers === "ask") return "somebody is asked";
  if (policy.offers === "refuse") return "declined at once";
  const limit =
    policy.upToBytes === undefined ? "" : `, up to ${formatSize(policy.upToBytes)} each; for larger ones somebody is asked`;
  return `taken into ${printable(policy.into)}${limit}`;
}

/** Lines under the peer's own. `servings`: of lists of the space that both have. */
export const renderAccess = (
  { policy, shares, streams, offers }: Access,
  servings: readonly Serving[] = [],
): readonly string[] => [
  `  offers     ${renderPolicy(policy)}`,
  ...named("shares", [
    ...shares.map(({ name, path, untilMs }) => {
      const until = untilMs === undefined ? "" : `, until ${untilText(untilMs)}`;
      return `${printable(name)}: ${printable(path)}${until}`;
    }),
  ]),
  ...named(
    "sending",
    offers.map((offer) => `#${offer.number} ${describeOffer(offer)}, ${offer.state}`),
  ),
  ...(streams.length === 0 ? [] : named("streams", streams.map(printable))),
  ...(servings.length === 0 ? [] : named("served", servings.map(renderServedList))),
];

/** "todo, to programs without covey, which may change it (`covey serve rm 2` ends it)". */
const renderServedList = ({ number, settings: { list } }: Serving): string =>
  `${printable(list!.key)}, to programs without covey${list!.writable ? ", which may change it" : ""} (\`covey serve rm ${number}\` ends it)`;

const named = (title: string, lines: readonly string[]): readonly string[] =>
  lines.length === 0
    ? [`  ${title.padEnd(9)}  nothing`]
    : lines.map((line, i) => `  ${(i === 0 ? title : "").padEnd(9)}  ${line}`);

/** "2 shares and 1 offer", or "" when there is nothing to end. */
export const countAccess = ({ shares, offers }: Access): string =>
  [
    ...(shares.length === 0 ? [] : [formatCount(shares.length, "share")]),
    ...(offers.length === 0 ? [] : [formatCount(offers.length, "open offer")]),
  ].join(" and ");
