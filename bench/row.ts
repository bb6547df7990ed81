// One measured figure, as docs/benchmarks.md shows it.

export interface Row {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** What is wanted of it, such as ">= 0.85". */
  readonly bar?: string;
  /** How it was taken, or where the time goes. */
  readonly note?: string;
}
