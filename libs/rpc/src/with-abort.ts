// SPDX-License-Identifier: Apache-2.0

/** The same items, ending with the signal's reason as soon as it aborts, also while the source is waiting. */
export async function* withAbort<T>(source: AsyncIterable<T> | Iterable<T>, signal: AbortSignal | undefined): AsyncGenerator<T> {
  if (!signal) {
    yield* source;
    return;
  }
  const items = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
  const aborted = new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
  aborted.catch(() => undefined); // seen by the race below, or of no interest any more
  try {
    for (;;) {
      const next = await Promise.race([items.next(), aborted]);
      if (next.done) return;
      yield next.value;
    }
  } finally {
    // The source may hold a file open. Not awaited: one that waits closes when its wait is over. The call has failed already then,
    // and what closing says adds nothing.
    Promise.resolve(items.return?.()).catch(() => undefined);
  }
}
