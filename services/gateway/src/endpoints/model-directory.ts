// SPDX-License-Identifier: Apache-2.0
import type { ModelReference, Version } from './endpoint';

/** The registry, as far as the gateway asks it. */
export abstract class ModelDirectory {
  /** The version meant, or undefined when there is no such model, alias or version. The digest is empty for one that cannot be served. */
  abstract resolve(workspace: string, reference: ModelReference): Promise<Version | undefined>;
  /** Lets go of its connections. */
  abstract close(): void;
}
