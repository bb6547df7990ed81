// Both ways to a Covey, held to one contract; the peer at the other end is made the other way.

import { connect } from "../src/control/connect.ts";
import { open } from "../src/control/open.ts";
import { startDaemon } from "../src/daemon/start.ts";
import { stopDaemon } from "../src/daemon/stop.ts";
import { coveyContract, type CoveyMaker } from "../src/testing/covey-contract.ts";

const listen = ["tcp://127.0.0.1:0"];

const inProcess: CoveyMaker = async ({ home, name }) => ({
  covey: await open({ home, name, listen, incoming: home }),
  end: async () => {},
});

const daemon: CoveyMaker = async ({ home, name }) => {
  await startDaemon({ home, change: { name, listen, incoming: home } });
  return { covey: await connect({ home }), end: async () => void (await stopDaemon({ home })) };
};

coveyContract("open", inProcess, daemon);
coveyContract("connect", daemon, inProcess);
