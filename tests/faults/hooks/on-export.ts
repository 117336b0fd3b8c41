// SPDX-License-Identifier: Apache-2.0
import Module from 'node:module';

type Changeable = { prototype: Record<string, unknown> };

interface Loader {
  _load(request: string, ...rest: unknown[]): unknown;
}

/**
 * Changes an exported class of the built services as soon as it is loaded. For modules given to a service under test with
 * `node --require`: the product itself knows nothing of faults.
 */
export function onExport(name: string, change: (exported: Changeable) => void): void {
  const loader = Module as unknown as Loader;
  const load = loader._load;
  let changed = false;
  loader._load = function loadAndChange(this: unknown, ...args: [string, ...unknown[]]): unknown {
    const loaded = load.apply(this, args);
    if (!changed && typeof loaded === 'object' && loaded !== null && Object.hasOwn(loaded, name)) {
      const exported = (loaded as Record<string, unknown>)[name];
      if (typeof exported === 'function') {
        changed = true;
        change(exported);
      }
    }
    return loaded;
  };
}
