// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { decodePageToken, encodePageToken, type Queryable, type Transaction } from '#libs/persistence';
import { deploymentId, type Deployment, type DeploymentState } from './deployment';
import {
  DeploymentsRepository,
  type ClaimedDeployment,
  type DeploymentPage,
  type WantedDeployment,
} from './deployments.repository';

interface DeploymentRow {
  workspace: string;
  id: string;
  backend_url: string;
  model_name: string;
  version: number;
  manifest_digest: string;
  state: DeploymentState;
  attempts: number;
  problem: string;
  lease_token: string;
  create_time: Date;
  update_time: Date;
}

const KEY = 'workspace = $1 and id = $2 and backend_url = $3';

/** Deployment intents in PostgreSQL. */
@Injectable()
export class PgDeploymentsRepository extends DeploymentsRepository {
  async want(tx: Transaction, wanted: WantedDeployment): Promise<'ready' | 'pending'> {
    const { workspace, modelName, version, manifestDigest, backendUrl } = wanted;
    // A row that is ready with the same digest stays ready. Everything else is loaded (again): loading is idempotent.
    const [row] = await tx.query<{ state: 'ready' | 'pending' }>(
      `insert into deployments as d (workspace, id, backend_url, model_name, version, manifest_digest, state, due_at)
       values ($1, $2, $3, $4, $5, $6, 'pending', now())
       on conflict (workspace, id, backend_url) do update set
         state = case when d.state = 'ready' and d.manifest_digest = excluded.manifest_digest then 'ready' else 'pending' end,
         due_at = case when d.state = 'ready' and d.manifest_digest = excluded.manifest_digest then d.due_at else now() end,
         manifest_digest = excluded.manifest_digest, problem = '', attempts = 0, update_time = now()
       returning state`,
      [workspace, deploymentId(workspace, modelName, version), backendUrl, modelName, version, manifestDigest],
    );
    return row.state;
  }

  async releaseUnused(tx: Transaction, workspace: string, modelName: string, drainSeconds: number): Promise<void> {
    await tx.query(
      `update deployments d set state = 'draining', due_at = now() + make_interval(secs => $3), update_time = now()
       where d.workspace = $1 and d.model_name = $2 and d.state not in ('draining', 'unloaded')
         and not exists (
           select 1 from endpoints e
           left join rollouts r on r.workspace = e.workspace and r.id = e.rollout_id
           where e.workspace = d.workspace and e.model_name = d.model_name and e.backend_url = d.backend_url
             and d.version in (e.serving_version, e.pending_version, r.control_version, r.candidate_version))`,
      [workspace, modelName, drainSeconds],
    );
  }

  async claimDue(db: Queryable, claim: { count: number; leaseSeconds: number }): Promise<ClaimedDeployment[]> {
    const rows = await db.query<DeploymentRow>(
      `update deployments d set lease_token = d.lease_token + 1, lease_expires_at = now() + make_interval(secs => $2),
         due_at = now() + make_interval(secs => $2), attempts = d.attempts + 1,
         state = case when d.state = 'draining' then 'draining' else 'loading' end, update_time = now()
       from (select workspace, id, backend_url from deployments
             where due_at <= now() and (lease_expires_at is null or lease_expires_at <= now())
             order by due_at limit $1 for update skip locked) due
       where d.workspace = due.workspace and d.id = due.id and d.backend_url = due.backend_url
       returning d.*`,
      [claim.count, claim.leaseSeconds],
    );
    return rows.map((row) => ({
      ...toDeployment(row),
      leaseToken: row.lease_token,
      task: row.state === 'draining' ? ('unload' as const) : ('load' as const),
    }));
  }

  async succeed(tx: Transaction, claimed: ClaimedDeployment): Promise<boolean> {
    const [from, to] = claimed.task === 'load' ? ['loading', 'ready'] : ['draining', 'unloaded'];
    const rows = await tx.query<{ done: boolean }>(
      `update deployments set lease_expires_at = null, update_time = now(),
         attempts = case when state = $5 and manifest_digest = $7 then 0 else attempts end,
         problem = case when state = $5 and manifest_digest = $7 then '' else problem end,
         due_at = case when state = $5 and manifest_digest = $7 then null else due_at end,
         state = case when state = $5 and manifest_digest = $7 then $6 else state end
       where ${KEY} and lease_token = $4 returning state = $6 as done`,
      [...keyOf(claimed), claimed.leaseToken, from, to, claimed.manifestDigest],
    );
    return rows[0]?.done === true;
  }

  async fail(tx: Transaction, claimed: ClaimedDeployment, failure: { problem: string; retryInMs: number }): Promise<boolean> {
    // A new intent that came meanwhile (state changed) is due at once and stays so.
    const rows = await tx.query(
      `update deployments set lease_expires_at = null, update_time = now(), problem = $5,
         due_at = case when state in ('loading', 'draining') then now() + make_interval(secs => $6) else due_at end,
         state = case when state = 'loading' then 'failed' else state end
       where ${KEY} and lease_token = $4 returning 1`,
      [...keyOf(claimed), claimed.leaseToken, failure.problem, failure.retryInMs / 1000],
    );
    return rows.length === 1;
  }

  async listReady(db: Queryable): Promise<Deployment[]> {
    const rows = await db.query<DeploymentRow>(
      `select * from deployments where state = 'ready' and update_time < now() - interval '1 second' order by backend_url, id`,
    );
    return rows.map(toDeployment);
  }

  async markLost(tx: Transaction, deployment: Deployment): Promise<boolean> {
    const rows = await tx.query(
      `update deployments set state = 'pending', due_at = now(), problem = 'the backend no longer lists it', update_time = now()
       where ${KEY} and state = 'ready' and date_trunc('milliseconds', update_time) = $4 returning 1`,
      [...keyOf(deployment), deployment.updateTime],
    );
    return rows.length === 1;
  }

  async list(
    db: Queryable,
    workspace: string,
    page: { size: number; token: string; modelName: string },
  ): Promise<DeploymentPage> {
    const filter = ['deployments', workspace, page.modelName];
    const after = decodePageToken(page.token, ['time', 'text', 'text'], filter);
    const rows = await db.query<DeploymentRow & { key_time: string }>(
      `select *, create_time::text as key_time from deployments where workspace = $1 and ($2 = '' or model_name = $2)
         and ($4::text is null or create_time < $4::timestamptz
              or (create_time = $4::timestamptz and (id, backend_url) > ($5::text, $6::text)))
       order by create_time desc, id, backend_url limit $3`,
      [workspace, page.modelName, page.size + 1, ...(after ?? [null, null, null])],
    );
    const kept = rows.slice(0, page.size);
    const last = kept.at(-1);
    const more = rows.length > page.size && last;
    return {
      deployments: kept.map(toDeployment),
      nextPageToken: more ? encodePageToken([last.key_time, last.id, last.backend_url], filter) : '',
    };
  }
}

function keyOf(deployment: Pick<Deployment, 'workspace' | 'id' | 'backendUrl'>): string[] {
  return [deployment.workspace, deployment.id, deployment.backendUrl];
}

function toDeployment(row: DeploymentRow): Deployment {
  return {
    workspace: row.workspace,
    id: row.id,
    backendUrl: row.backend_url,
    modelName: row.model_name,
    version: row.version,
    manifestDigest: row.manifest_digest,
    state: row.state,
    attempts: row.attempts,
    problem: row.problem,
    createTime: row.create_time,
    updateTime: row.update_time,
  };
}
