// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Pool } from 'undici';
import { GatewaySettings } from '../config';

export interface BackendPool {
  pool: Pool;
  /** Path of the base URL, without a slash at the end. */
  basePath: string;
}

/** One connection pool per backend origin, opened on first use. */
@Injectable()
export class BackendPools {
  private readonly pools = new Map<string, Pool>();
  private readonly byUrl = new Map<string, BackendPool>();

  constructor(private readonly settings: GatewaySettings) {}

  of(backendUrl: string): BackendPool {
    const known = this.byUrl.get(backendUrl);
    if (known) return known;
    const url = new URL(backendUrl);
    const pool = this.pools.get(url.origin) ?? this.open(url.origin);
    const opened: BackendPool = { pool, basePath: url.pathname.replace(/\/+$/, '') };
    this.byUrl.set(backendUrl, opened);
    return opened;
  }

  async close(): Promise<void> {
    await Promise.all([...this.pools.values()].map((pool) => pool.destroy()));
    this.pools.clear();
    this.byUrl.clear();
  }

  private open(origin: string): Pool {
    const pool = new Pool(origin, {
      connections: this.settings.backendConnectionsMax,
      pipelining: 1,
      connect: { timeout: this.settings.backendConnectMs },
      // Each request has a timer of its own; an idle stream is ended by it too.
      headersTimeout: 0,
      bodyTimeout: 0,
      // Below the usual 5 s of servers, so that we rarely meet a socket that they are just closing.
      keepAliveTimeout: 4000,
    });
    this.pools.set(origin, pool);
    return pool;
  }
}
