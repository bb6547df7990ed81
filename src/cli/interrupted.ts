/** The reason of a signal (Ctrl-C) that stops a command in order. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
  readonly exitCode: number;
  /** Somebody at the terminal wants it to stop; other signals only end the command. */
  readonly byHand: boolean;

  constructor(signal: NodeJS.Signals) {
    super(`interrupted by ${signal}`);
    this.exitCode = 128 + ({ SIGHUP: 1, SIGINT: 2, SIGTERM: 15 }[signal as string] ?? 0);
    this.byHand = signal === "SIGINT";
  }
}
