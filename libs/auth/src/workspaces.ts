// SPDX-License-Identifier: Apache-2.0
import type { Database, Queryable } from '#libs/persistence';
import { notFound } from '#libs/errors';
import { assertWorkspaceName, DEFAULT_WORKSPACE, isWorkspaceName } from './principal';

/** Knows which workspaces exist. */
export abstract class Workspaces {
  /** Makes sure that a workspace may be used. Throws COMMON.INVALID_ARGUMENT (bad name) or COMMON.NOT_FOUND (explicit mode). */
  abstract ensure(name: string): Promise<void>;

  /** True where `ensure` would have nothing to do. */
  isKnown(_name: string): boolean {
    return false;
  }
}

/** For processes without a database: any well-formed name. */
export class AnyWorkspace extends Workspaces {
  async ensure(name: string): Promise<void> {
    assertWorkspaceName(name);
  }

  override isKnown(name: string): boolean {
    return isWorkspaceName(name);
  }
}

const KNOWN_MAX = 10_000;

/**
 * Workspaces in the service's own table. `auto` makes one on first use; `explicit` knows those that an admin created in the
 * registry (told by event) and `default`.
 */
export class StoredWorkspaces extends Workspaces {
  private readonly known = new Set<string>([DEFAULT_WORKSPACE]);

  constructor(
    private readonly database: Database,
    private readonly mode: 'auto' | 'explicit',
  ) {
    super();
  }

  async ensure(name: string): Promise<void> {
    if (this.known.has(name)) return;
    assertWorkspaceName(name);
    if (this.mode === 'auto') {
      await addWorkspace(this.database, name);
    } else {
      const rows = await this.database.query('select 1 from workspaces where name = $1', [name]);
      if (rows.length === 0) throw notFound('workspace', name);
    }
    if (this.known.size < KNOWN_MAX) this.known.add(name);
  }

  override isKnown(name: string): boolean {
    return this.known.has(name);
  }
}

/** Records a workspace; false when it is there already, or was just made by another. */
export async function addWorkspace(db: Queryable, name: string): Promise<boolean> {
  const rows = await db.query('insert into workspaces (name) values ($1) on conflict (name) do nothing returning 1', [name]);
  return rows.length > 0;
}
