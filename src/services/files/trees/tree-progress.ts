// How far a tree is: what is written now, and what of that is saved. A checkpoint flushes the staging directory first.

import type { Clock } from "../../../core/clock.ts";
import { LIMITS } from "../../../core/limits.ts";
import type { Staging, TreeNote, Written } from "../../../blob/tree/contract.ts";
import type { SpaceStore } from "../../../space/contract.ts";
import { addNotes, loadTree, saveTree, type TreeState, type WaitingFile } from "./tree-records.ts";

interface ProgressNeeds {
  readonly store: SpaceStore;
  readonly clock: Clock;
}

export class TreeProgress {
  readonly #needs: ProgressNeeds;
  readonly #offer: string;
  /** As it is written now. */
  #state: TreeState;
  /** The large files that wait for their blocks, in canonical order. */
  readonly waiting: Map<string, WaitingFile>;
  /** Those that changed since the last save. */
  #changed = new Set<string>();
  #unsavedBytes = 0;
  #isSaved = true;
  #savedAtMs: number;
  #saving: Promise<void> = Promise.resolve();

  private constructor(needs: ProgressNeeds, offer: string, state: TreeState, waiting: Map<string, WaitingFile>) {
    this.#needs = needs;
    this.#offer = offer;
    this.#state = state;
    this.waiting = waiting;
    this.#savedAtMs = needs.clock.monotonicMs();
  }

  /** As of the last save. */
  static async load(needs: ProgressNeeds, offer: string): Promise<TreeProgress> {
    const { state, waiting } = await loadTree(needs.store, offer);
    return new TreeProgress(needs, offer, state, waiting);
  }

  get state(): TreeState {
    return this.#state;
  }

  get isDue(): boolean {
    if (this.#isSaved) return false;
    return (
      this.#unsavedBytes >= LIMITS.checkpointBytes || this.#needs.clock.monotonicMs() - this.#savedAtMs >= LIMITS.checkpointMs
    );
  }

  /** A pack of so many bytes is written. */
  add({ after, files, bytes, others, large, notes }: Written, packBytes: number): void {
    const { state } = this;
    this.#set({
      after,
      files: state.files + files,
      bytes: state.bytes + bytes,
      others: state.others + others,
      nameBytes: state.nameBytes + packBytes - bytes,
      notes: addNotes(state.notes, notes),
    });
    this.#unsavedBytes += packBytes;
    for (const file of large) this.#change(file.path, file);
  }

  /** What the sender calls the version of a large file; undefined: what is here is of none. */
  setToken(path: string, token: string | undefined): void {
    const { token: _, ...file } = this.waiting.get(path)!;
    this.#change(path, { ...file, ...(token === undefined ? {} : { token }) });
  }

  /** The large file is whole. */
  finished(path: string): void {
    const { size } = this.waiting.get(path)!;
    this.#set({ ...this.#state, files: this.#state.files + 1, bytes: this.#state.bytes + size });
    this.#change(path, undefined);
  }

  /** The large file will not come. */
  dropped(path: string, code: TreeNote["code"]): void {
    this.#set({ ...this.#state, notes: addNotes(this.#state.notes, [{ path, code }]) });
    this.#change(path, undefined);
  }

  /** What was added before the call survives anything once it resolves. */
  checkpoint(staging: Staging): Promise<void> {
    return this.save(() => staging.sync());
  }

  /** The same for what is durable in the staging directory already. */
  save(flush: () => Promise<void> = async () => {}): Promise<void> {
    const save = async (): Promise<void> => {
      if (this.#isSaved) return;
      const { state } = this;
      const changes = [...this.#changed].map((path) => [path, this.waiting.get(path)] as const);
      this.#changed = new Set();
      this.#unsavedBytes = 0;
      this.#isSaved = true;
      this.#savedAtMs = this.#needs.clock.monotonicMs();
      await flush();
      await saveTree(this.#needs.store, this.#offer, state, changes);
    };
    return (this.#saving = this.#saving.then(save));
  }

  #set(state: TreeState): void {
    this.#state = state;
    this.#isSaved = false;
  }

  #change(path: string, file: WaitingFile | undefined): void {
    if (file === undefined) this.waiting.delete(path);
    else this.waiting.set(path, file);
    this.#changed.add(path);
    this.#isSaved = false;
  }
}
