// Bytes per second over the last seconds, from the bytes themselves: it falls to 0 when nothing moves.

const WINDOW_MS = 3000;
const SLOT_MS = 100;

export class Rate {
  /** What moved in each slot of the window, oldest first. */
  readonly #slots: { startMs: number; bytes: number }[] = [];
  #sinceMs: number | undefined;

  add(bytes: number, nowMs: number): void {
    this.#drop(nowMs);
    if (this.#slots.length === 0) this.#sinceMs = nowMs;
    const last = this.#slots.at(-1);
    if (last !== undefined && nowMs - last.startMs < SLOT_MS) last.bytes += bytes;
    else this.#slots.push({ startMs: nowMs, bytes });
  }

  at(nowMs: number): number {
    this.#drop(nowMs);
    const bytes = this.#slots.reduce((sum, slot) => sum + slot.bytes, 0);
    if (bytes === 0 || this.#sinceMs === undefined) return 0;
    const elapsedMs = Math.min(WINDOW_MS, Math.max(SLOT_MS, nowMs - this.#sinceMs));
    return Math.round((bytes * 1000) / elapsedMs);
  }

  #drop(nowMs: number): void {
    while (this.#slots.length > 0 && nowMs - this.#slots[0]!.startMs > WINDOW_MS) this.#slots.shift();
  }
}
