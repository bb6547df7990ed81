// What the parts write their log through; the daemon hands in pino, everything else is silent.

/** Facts are JSON-plain; secrets, tickets and message texts never go in. */
export type LogFacts = Readonly<Record<string, unknown>>;

export interface Logger {
  debug(facts: LogFacts, text: string): void;
  info(facts: LogFacts, text: string): void;
  warn(facts: LogFacts, text: string): void;
  error(facts: LogFacts, text: string): void;
}

const nothing = (): void => {};
export const silentLog: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing };
