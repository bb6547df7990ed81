// What `covey/testing` offers to programs that use covey: this list and nothing else.

export { coveyContract, type CoveyMaker } from "./covey-contract.ts";
export { openPeerPair, type PeerPair, type PeerPairOptions } from "./peer-pair.ts";
