// Messages both ways, and one for a peer that is away.

import type { MessageState } from "../../../services/messages/contract.ts";
import type { Actor } from "../actor.ts";
import type { Step } from "../stage.ts";
import { until } from "../wait.ts";

export const talk: Step = {
  title: "They talk",
  async run({ laptop, desktop, signal }, report) {
    report.does('laptop: "Lunch?"   desktop: "At noon."');
    const question = await laptop.covey.peer("desktop").message("Lunch?", { signal });
    await reaches(laptop, "desktop", question.id, ["delivered", "read"], signal);
    report.checks("laptop's message is marked delivered", true);
    const answer = await desktop.covey.peer("laptop").message("At noon.", { signal });
    await reaches(desktop, "laptop", answer.id, ["delivered", "read"], signal);
    report.checks("desktop's answer is marked delivered", true);
    await desktop.covey.peer("laptop").markRead({ signal });
    await reaches(laptop, "desktop", question.id, ["read"], signal);
    report.checks("once desktop has looked at it, laptop's message is marked read", true);

    report.does("desktop's daemon is stopped; laptop writes on.");
    await desktop.stop();
    const late = await laptop.covey.peer("desktop").message("I am late.", { signal });
    report.checks(`the message waits (${late.state}), safe on laptop's disk`, late.state === "queued");
    report.does("desktop's daemon starts again.");
    await desktop.start();
    await reaches(laptop, "desktop", late.id, ["delivered", "read"], signal);
    const heard = (await desktop.covey.peer("laptop").messages({ signal })).filter(({ text }) => text === "I am late.");
    report.checks("it arrived, once, with no server that kept it", heard.length === 1);
  },
};

const reaches = (from: Actor, to: string, id: string, states: readonly MessageState[], signal: AbortSignal): Promise<true> =>
  until(
    `a message from ${from.name} is ${states[0]}`,
    async () => {
      const message = (await from.covey.peer(to).messages({ signal })).find((one) => one.id === id);
      return message !== undefined && states.includes(message.state) ? true : undefined;
    },
    signal,
  );
