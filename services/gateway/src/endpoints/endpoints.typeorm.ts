// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { decodePageToken, encodePageToken, type Queryable, type Transaction } from '#libs/persistence';
import type { RolloutRules } from '../rollouts/rollout-rules';
import type { Endpoint, Version } from './endpoint';
import { EndpointsRepository, type EndpointPage, type ResolveTask } from './endpoints.repository';

interface EndpointRow {
  workspace: string;
  name: string;
  model_name: string;
  alias: string | null;
  pinned_version: number | null;
  backend_url: string;
  capture_bytes_max: number;
  timeout_seconds: number;
  rules: RolloutRules;
  serving_version: number | null;
  serving_digest: string | null;
  pending_version: number | null;
  pending_digest: string | null;
  pending_direct: boolean;
  rollout_id: string | null;
  alias_sequence: string;
  problem: string;
  revision: string;
  create_time: Date;
  update_time: Date;
}

/** Endpoints in PostgreSQL. */
@Injectable()
export class PgEndpointsRepository extends EndpointsRepository {
  async find(db: Queryable, workspace: string, name: string): Promise<Endpoint | undefined> {
    const [row] = await db.query<EndpointRow>('select * from endpoints where workspace = $1 and name = $2', [workspace, name]);
    return row && toEndpoint(row);
  }

  async lock(tx: Transaction, workspace: string, name: string): Promise<Endpoint | undefined> {
    const sql = 'select * from endpoints where workspace = $1 and name = $2 for update';
    const [row] = await tx.query<EndpointRow>(sql, [workspace, name]);
    return row && toEndpoint(row);
  }

  async lockFollowers(tx: Transaction, workspace: string, modelName: string, alias: string): Promise<Endpoint[]> {
    const rows = await tx.query<EndpointRow>(
      'select * from endpoints where workspace = $1 and model_name = $2 and alias = $3 order by name for update',
      [workspace, modelName, alias],
    );
    return rows.map(toEndpoint);
  }

  async lockWaiting(
    tx: Transaction,
    deployment: { workspace: string; modelName: string; version: number; manifestDigest: string; backendUrl: string },
  ): Promise<Endpoint[]> {
    const { workspace, modelName, version, manifestDigest, backendUrl } = deployment;
    const rows = await tx.query<EndpointRow>(
      `select * from endpoints where workspace = $1 and model_name = $2 and pending_version = $3 and pending_digest = $4
         and backend_url = $5 order by name for update`,
      [workspace, modelName, version, manifestDigest, backendUrl],
    );
    return rows.map(toEndpoint);
  }

  async list(db: Queryable, workspace: string, page: { size: number; token: string }): Promise<EndpointPage> {
    const after = decodePageToken(page.token, ['text'], ['endpoints', workspace])?.[0] ?? '';
    const rows = await db.query<EndpointRow>(
      'select * from endpoints where workspace = $1 and name > $2 order by name limit $3',
      [workspace, after, page.size + 1],
    );
    const endpoints = rows.slice(0, page.size).map(toEndpoint);
    const last = endpoints.at(-1);
    return {
      endpoints,
      nextPageToken: rows.length > page.size && last ? encodePageToken([last.name], ['endpoints', workspace]) : '',
    };
  }

  async insert(tx: Transaction, endpoint: Endpoint): Promise<boolean> {
    const rows = await tx.query(
      `insert into endpoints (workspace, name, model_name, alias, pinned_version, backend_url, capture_bytes_max, timeout_seconds,
         rules, create_time, update_time, resolve_due_at)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, now()) on conflict do nothing returning 1`,
      [
        endpoint.workspace,
        endpoint.name,
        endpoint.modelName,
        endpoint.alias ?? null,
        endpoint.pinnedVersion ?? null,
        endpoint.backendUrl,
        endpoint.captureBytesMax,
        endpoint.timeoutSeconds,
        JSON.stringify(endpoint.rules),
        endpoint.createTime,
      ],
    );
    return rows.length === 1;
  }

  async save(tx: Transaction, endpoint: Endpoint): Promise<void> {
    await tx.query(
      `update endpoints set capture_bytes_max = $3, timeout_seconds = $4, rules = $5, serving_version = $6, serving_digest = $7,
         pending_version = $8, pending_digest = $9, pending_direct = $10, rollout_id = $11, alias_sequence = $12, problem = $13,
         revision = $14, update_time = $15
       where workspace = $1 and name = $2`,
      [
        endpoint.workspace,
        endpoint.name,
        endpoint.captureBytesMax,
        endpoint.timeoutSeconds,
        JSON.stringify(endpoint.rules),
        endpoint.serving?.version ?? null,
        endpoint.serving?.manifestDigest ?? null,
        endpoint.pending?.version ?? null,
        endpoint.pending?.manifestDigest ?? null,
        endpoint.pendingDirect,
        endpoint.rolloutId ?? null,
        endpoint.aliasSequence,
        endpoint.problem,
        endpoint.revision,
        endpoint.updateTime,
      ],
    );
  }

  async delete(tx: Transaction, workspace: string, name: string): Promise<void> {
    await tx.query('delete from endpoints where workspace = $1 and name = $2', [workspace, name]);
  }

  async claimUnresolved(db: Queryable, claim: { count: number; againInSeconds: number }): Promise<ResolveTask[]> {
    const rows = await db.query<{ workspace: string; name: string; resolve_attempts: number }>(
      `update endpoints e set resolve_due_at = now() + make_interval(secs => $2), resolve_attempts = e.resolve_attempts + 1
       from (select workspace, name from endpoints where resolve_due_at <= now() order by resolve_due_at limit $1
             for update skip locked) due
       where e.workspace = due.workspace and e.name = due.name
       returning e.workspace, e.name, e.resolve_attempts`,
      [claim.count, claim.againInSeconds],
    );
    return rows.map((row) => ({ workspace: row.workspace, name: row.name, attempts: row.resolve_attempts }));
  }

  async resolved(tx: Transaction, workspace: string, name: string): Promise<void> {
    const sql = 'update endpoints set resolve_due_at = null, resolve_attempts = 0 where workspace = $1 and name = $2';
    await tx.query(sql, [workspace, name]);
  }

  async resolveLater(db: Queryable, task: ResolveTask, again: { problem: string; inMs: number }): Promise<void> {
    await db.query(
      `update endpoints set resolve_due_at = now() + make_interval(secs => $3), problem = $4
       where workspace = $1 and name = $2 and resolve_due_at is not null`,
      [task.workspace, task.name, again.inMs / 1000, again.problem],
    );
  }
}

function toEndpoint(row: EndpointRow): Endpoint {
  return {
    workspace: row.workspace,
    name: row.name,
    modelName: row.model_name,
    alias: row.alias ?? undefined,
    pinnedVersion: row.pinned_version ?? undefined,
    backendUrl: row.backend_url,
    captureBytesMax: row.capture_bytes_max,
    timeoutSeconds: row.timeout_seconds,
    rules: row.rules,
    serving: toVersion(row.serving_version, row.serving_digest),
    pending: toVersion(row.pending_version, row.pending_digest),
    pendingDirect: row.pending_direct,
    rolloutId: row.rollout_id ?? undefined,
    aliasSequence: Number(row.alias_sequence),
    problem: row.problem,
    revision: Number(row.revision),
    createTime: row.create_time,
    updateTime: row.update_time,
  };
}

function toVersion(version: number | null, digest: string | null): Version | undefined {
  return version === null || digest === null ? undefined : { version, manifestDigest: digest };
}
