// SPDX-License-Identifier: Apache-2.0
import type { Queryable } from '#libs/persistence';

/** Endpoints to resolve, deployments to load or unload, backends to check for what they have lost. */
export const SWEPT_NAMES = ['endpoints', 'deployments', 'backends'] as const;
export type SweptName = (typeof SWEPT_NAMES)[number];

export abstract class DueWorkRepository {
  /** The works that have something to do now. */
  abstract due(db: Queryable): Promise<SweptName[]>;
}
