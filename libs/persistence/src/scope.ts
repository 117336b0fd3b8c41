// SPDX-License-Identifier: Apache-2.0
import { AsyncLocalStorage } from 'node:async_hooks';

/** Marks the asynchronous work of a unit of work; `active` ends with it, so that work left behind is not taken for inside. */
export interface Scope {
  active: boolean;
  readonly label: string;
}

const storage = new AsyncLocalStorage<Scope | undefined>();

export function runInScope<T>(scope: Scope | undefined, fn: () => T): T {
  return storage.run(scope, fn);
}

/** The unit of work that the caller is inside of, if any. */
export function activeScope(): Scope | undefined {
  const scope = storage.getStore();
  return scope?.active ? scope : undefined;
}
