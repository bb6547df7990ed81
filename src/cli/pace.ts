// Rate and time left as they are shown: both follow what is measured within a few seconds, and do not jump. What begins is not known
// well yet: it is followed at once, and says nothing of the time that it takes.

/** How long a change takes to be shown for the most part. ms. */
const RATE_MS = 2000;
const LEFT_MS = 2500;
/** How long something has moved before it is told how long it still takes. ms. */
const KNOWN_MS = 1000;

export class Pace {
  /** Bytes a second; 0 while nothing moves. */
  rate = 0;
  /** undefined while nothing moves, and in the beginning. */
  leftMs: number | undefined;
  #beganMs = 0;
  #atMs = 0;

  /** `leftBytes` undefined: nobody knows. `atMs`: of a clock that is never set. */
  step(leftBytes: number | undefined, bytesPerSecond: number, atMs: number): void {
    const passedMs = atMs - this.#atMs;
    this.#atMs = atMs;
    if (bytesPerSecond <= 0) {
      this.rate = 0;
      this.leftMs = undefined;
      return;
    }
    if (this.rate === 0) this.#beganMs = atMs;
    const movedMs = atMs - this.#beganMs;
    const settlesMs = movedMs > KNOWN_MS ? RATE_MS : movedMs / 2;
    this.rate = movedMs === 0 ? bytesPerSecond : towards(this.rate, bytesPerSecond, passedMs / settlesMs);
    if (movedMs < KNOWN_MS || leftBytes === undefined) return;
    const estimate = (leftBytes / this.rate) * 1000;
    // The time that was left has passed by as much; only what it was wrong by is corrected, and that slowly.
    this.leftMs =
      this.leftMs === undefined ? estimate : Math.max(0, towards(this.leftMs - passedMs, estimate, passedMs / LEFT_MS));
  }
}

const towards = (from: number, to: number, time: number): number => to + (from - to) * Math.exp(-time);
