// SPDX-License-Identifier: Apache-2.0
import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { Queryable, Transaction } from '#libs/persistence';
import { deploymentId } from '../deployments/deployment';
import { candidatePercent } from '../rollouts/rollout';
import type { EndpointRoute, KnownApiKey, RouteTarget, RoutingSnapshot } from './routing-snapshot';
import { RoutingRepository } from './routing.repository';

interface RouteRow {
  workspace: string;
  name: string;
  model_name: string;
  backend_url: string;
  capture_bytes_max: number;
  timeout_seconds: number;
  create_time: Date;
  serving_version: number | null;
  serving_digest: string | null;
  rollout_id: string | null;
  steps: number[] | null;
  step: number | null;
  candidate_version: number | null;
  candidate_digest: string | null;
  serving_ready: boolean;
  candidate_ready: boolean;
}

interface StateRow {
  revision: string;
  user_hash_key: Buffer | null;
  /** Everything else in the same statement: one snapshot of the database. */
  routes: (Omit<RouteRow, 'create_time'> & { create_time: string })[];
  api_keys: { id: string; workspace: string; secret_hash: string }[];
}

const LOAD = `
  select s.revision, s.user_hash_key,
    (select coalesce(jsonb_agg(to_jsonb(route)), '[]') from (
      select e.workspace, e.name, e.model_name, e.backend_url, e.capture_bytes_max, e.timeout_seconds, e.create_time,
        e.serving_version, e.serving_digest, r.id as rollout_id, r.steps, r.step, r.candidate_version, r.candidate_digest,
        coalesce(sd.state = 'ready' and sd.manifest_digest = e.serving_digest, false) as serving_ready,
        coalesce(cd.state = 'ready' and cd.manifest_digest = r.candidate_digest, false) as candidate_ready
      from endpoints e
      left join rollouts r on r.workspace = e.workspace and r.id = e.rollout_id and r.state = 'running'
      left join deployments sd on sd.workspace = e.workspace and sd.model_name = e.model_name and sd.version = e.serving_version
        and sd.backend_url = e.backend_url
      left join deployments cd on cd.workspace = e.workspace and cd.model_name = e.model_name and cd.version = r.candidate_version
        and cd.backend_url = e.backend_url) route) as routes,
    (select coalesce(jsonb_agg(jsonb_build_object('id', id, 'workspace', workspace, 'secret_hash', secret_hash)), '[]')
      from api_keys where revoke_time is null) as api_keys
  from routing_state s`;

/** Reads routing from PostgreSQL in one statement. */
@Injectable()
export class PgRoutingRepository extends RoutingRepository {
  async bump(tx: Transaction): Promise<void> {
    await tx.query('update routing_state set revision = revision + 1');
  }

  async revision(db: Queryable): Promise<string> {
    const [row] = await db.query<{ revision: string }>('select revision from routing_state');
    return row.revision;
  }

  async load(db: Queryable): Promise<RoutingSnapshot> {
    let [state] = await db.query<StateRow>(LOAD);
    if (!state.user_hash_key) {
      // Whoever comes first sets it; all replicas read the same one back.
      await db.query('update routing_state set user_hash_key = $1 where user_hash_key is null', [randomBytes(32)]);
      [state] = await db.query<StateRow>(LOAD);
    }
    return toSnapshot(state);
  }
}

function toSnapshot(state: StateRow): RoutingSnapshot {
  const endpoints = new Map<string, Map<string, EndpointRoute>>();
  for (const row of state.routes) {
    const routes = endpoints.get(row.workspace) ?? new Map<string, EndpointRoute>();
    endpoints.set(row.workspace, routes);
    routes.set(row.name, toRoute({ ...row, create_time: new Date(row.create_time) }));
  }
  const apiKeys = new Map<string, KnownApiKey>(
    state.api_keys.map((key) => [key.secret_hash, { id: key.id, workspace: key.workspace }]),
  );
  return Object.freeze({ revision: state.revision, endpoints, apiKeys, userHashKey: state.user_hash_key! });
}

function toRoute(row: RouteRow): EndpointRoute {
  const target = (version: number | null, digest: string | null, ready: boolean): RouteTarget | undefined =>
    version === null || digest === null
      ? undefined
      : {
          modelName: row.model_name,
          version,
          manifestDigest: digest,
          backendUrl: row.backend_url,
          deploymentId: deploymentId(row.workspace, row.model_name, version),
          ready,
        };
  const candidate = target(row.candidate_version, row.candidate_digest, row.candidate_ready);
  const running = row.rollout_id !== null && row.steps !== null && row.step !== null && candidate;
  return Object.freeze({
    name: row.name,
    captureBytesMax: row.capture_bytes_max,
    timeoutSeconds: row.timeout_seconds,
    createTime: row.create_time,
    serving: target(row.serving_version, row.serving_digest, row.serving_ready),
    rollout: running
      ? {
          id: row.rollout_id!,
          candidatePercent: candidatePercent({ state: 'running', steps: row.steps!, step: row.step! }),
          candidate,
        }
      : undefined,
  });
}
