// The internal way to be told: a set of callbacks. The public library has async iterables only.

export interface Listeners<Event> {
  /** Returns the function that ends the subscription. */
  add(listener: (event: Event) => void): () => void;
  emit(event: Event): void;
}

export function createListeners<Event>(): Listeners<Event> {
  const all = new Set<(event: Event) => void>();
  return {
    add(listener) {
      all.add(listener);
      return () => void all.delete(listener);
    },
    emit(event) {
      for (const listener of [...all]) listener(event);
    },
  };
}
