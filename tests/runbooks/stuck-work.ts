// SPDX-License-Identifier: Apache-2.0
import { mintToken, parsePlatformKey } from '#libs/auth';
import { eventually } from '#libs/testing';
import { Client } from 'pg';
import { Home } from '../../deploy/local/home';
import { processesBelow } from '../support/process-tree';
import { query } from './platform-tools';
import { readRunbook, type RunbookFollower } from './runbook';

type Variables = Record<string, string>;
type Answer = Record<string, unknown>;

/** Where nobody listens. */
const NO_BACKEND = 'http://127.0.0.1:1';
const DIGEST = 'd'.repeat(64);

/** What the page asks for stands still, each for a reason of its own; then the page is followed. `root` is the launcher's process. */
export async function stuckWork(env: Variables, root: number, follower: RunbookFollower): Promise<void> {
  const home = new Home(env['MILLRACE_HOME']);
  await failScheduler(env);
  await uploadRows(env);
  await failRecipeRun(env);
  const letWork = await keepWorkersAway(env);
  const feedback = await holdTable(env['INGESTION_DATABASE_URL'], 'feedback');
  try {
    const version = await uploadRows(env, { badRow: true });
    await refuseUpload(env);
    await letApprovalExpire(env);
    await stopRollout(env);
    await loseInferenceEvent(env);
    const run = await retryPipelineRun(env);
    const job = await hangTrainer(env, root);
    await follower.follow(readRunbook('stuck-work'), {
      ...env,
      TRAINING_LOG: home.logFile('training'),
      DATASET: 'definitions',
      DATASET_VERSION: version,
      JOB: job,
      TOKEN: await token(home),
    });
    await post(`${env['TRAINING']}/api/v1/pipeline-runs/${run}/cancel`, { reason: 'the page was followed' });
  } finally {
    await feedback.end();
    await letWork();
  }
}

/** A token of the platform's own key. */
function token(home: Home): Promise<string> {
  const key = parsePlatformKey(home.secrets().signingKey);
  return mintToken(key, { subject: 'ops@example.org', roles: { default: 'editor' }, expiresInSeconds: 600 });
}

async function send(url: string, init: RequestInit): Promise<{ status: number; answer: Answer }> {
  const response = await fetch(url, init);
  return { status: response.status, answer: (await response.json()) as Answer };
}

async function post(url: string, body: object, method = 'POST'): Promise<Answer> {
  const headers = { 'content-type': 'application/json' };
  const { status, answer } = await send(url, { method, headers, body: JSON.stringify(body) });
  if (status >= 300) throw new Error(`${method} ${url}: ${status} ${JSON.stringify(answer)}`);
  return answer;
}

async function metric(baseUrl: string, name: RegExp): Promise<number> {
  return Number(name.exec(await (await fetch(`${baseUrl}/metrics`)).text())?.[1]);
}

/** The queue of training cannot be read for a moment. */
async function failScheduler(env: Variables): Promise<void> {
  const failures = () => metric(env['TRAINING'], /^millrace_training_scheduler_failures_total (\S+)$/m);
  await query(env['TRAINING_DATABASE_URL'], 'alter table jobs rename to jobs_away');
  try {
    await eventually(async () => (await failures()) > 0, { timeoutMs: 30_000 });
  } finally {
    await query(env['TRAINING_DATABASE_URL'], 'alter table jobs_away rename to jobs');
  }
}

/** Gives back the id of the version. */
async function uploadRows(env: Variables, { badRow = false } = {}): Promise<string> {
  const rows = Array.from({ length: 60 }, (_, index) =>
    JSON.stringify({ text: `an animal number ${index}`, label: index % 2 ? 'animal' : 'plant' }),
  );
  const body = [...rows, ...(badRow ? ['this is no row of JSON'] : [])].map((row) => `${row}\n`).join('');
  const { status, answer } = await upload(env, body);
  if (status !== 201) throw new Error(`upload: ${status} ${JSON.stringify(answer)}`);
  return String(answer['id']);
}

function upload(env: Variables, body: string, more = ''): Promise<{ status: number; answer: Answer }> {
  const url = `${env['INGESTION']}/api/v1/datasets/definitions/versions?format=jsonl${more}`;
  return send(url, { method: 'POST', headers: { 'content-type': 'application/x-ndjson' }, body });
}

async function refuseUpload(env: Variables): Promise<void> {
  const { status, answer } = await upload(env, '{"text":"cut off', `&sha256=${'0'.repeat(64)}`);
  expect({ status, code: answer['code'] }).toEqual({ status: 400, code: 'INGESTION.UPLOAD_DIGEST_MISMATCH' });
}

async function failRecipeRun(env: Variables): Promise<void> {
  const runs = `${env['DATA_PREP']}/api/v1/recipe-runs`;
  const recipeText = `steps:\n- filter: { where: label == 'mineral', removed_share_max: 0.5 }\n`;
  const { id } = await post(runs, { recipeText, inputVersion: 'definitions/latest', outputDataset: 'minerals' });
  await eventually(async () => (await send(`${runs}/${String(id)}`, {})).answer['state'] === 'failed', { timeoutMs: 60_000 });
}

/** From now on no worker of data-prep gets a job; gives back what ends that. */
async function keepWorkersAway(env: Variables): Promise<() => Promise<unknown>> {
  const url = env['DATA_PREP_DATABASE_URL'];
  await query(url, `create function no_worker() returns trigger language plpgsql as 'begin return null; end'`);
  await query(url, 'create trigger no_worker before update of worker on jobs for each row execute function no_worker()');
  return () => query(url, 'drop function no_worker cascade');
}

/** Whoever wants something of that table waits until the connection ends. */
async function holdTable(connectionString: string, table: string): Promise<Client> {
  const holder = new Client({ connectionString });
  await holder.connect();
  await holder.query('begin');
  await holder.query(`lock table ${table} in access exclusive mode`);
  return holder;
}

async function letApprovalExpire(env: Variables): Promise<void> {
  const registry = env['REGISTRY'];
  await post(`${registry}/api/2.0/mlflow/registered-models/create`, { name: 'undecided' });
  await post(`${registry}/api/2.0/mlflow/model-versions/create`, { name: 'undecided', source: 's3://models/undecided' });
  const alias = `${registry}/api/v1/models/undecided/aliases/champion`;
  await post(`${alias}/policy`, { approvalsRequired: 1 }, 'PUT');
  await post(`${alias}/moves`, { version: 1, reason: 'better' });
  await query(env['REGISTRY_DATABASE_URL'], `update approvals set expire_time = now() - interval '1 minute'`);
}

/** An endpoint that serves from a backend that is gone, and tries another version, which cannot be loaded there. */
async function stopRollout(env: Variables): Promise<void> {
  await query(
    env['GATEWAY_DATABASE_URL'],
    `with rollout as (
       insert into rollouts (workspace, id, endpoint, model_name, alias, state, control_version, control_digest, candidate_version,
         candidate_digest, steps, step, judgement, start_time)
       values ('default', gen_random_uuid(), 'triage', 'triage', 'champion', 'running', 1, '${DIGEST}', 2, '${DIGEST}', '[20]', 1,
         '{}', now() - interval '2 days') returning id),
     candidate as (
       insert into deployments (workspace, id, backend_url, model_name, version, manifest_digest, state, due_at)
       values ('default', 'triage-v2', '${NO_BACKEND}', 'triage', 2, '${DIGEST}', 'pending', now())),
     routing as (update routing_state set revision = revision + 1)
     insert into endpoints (workspace, name, model_name, alias, backend_url, capture_bytes_max, timeout_seconds, rules,
       serving_version, serving_digest, rollout_id)
     select 'default', 'triage', 'triage', 'champion', '${NO_BACKEND}', 0, 30, '{"steps":[20],"judgement":{}}', 1, '${DIGEST}', id
     from rollout`,
  );
  const failed = `select 1 from deployments where model_name = 'triage' and problem <> ''`;
  await eventually(async () => (await query(env['GATEWAY_DATABASE_URL'], failed)).length > 0, { timeoutMs: 30_000 });
}

/** The database takes no inference event, for a reason that lies in the event. */
async function loseInferenceEvent(env: Variables): Promise<void> {
  const url = env['GATEWAY_DATABASE_URL'];
  await query(
    url,
    `create function no_event() returns trigger language plpgsql as
       'begin raise exception ''planted'' using errcode = ''check_violation''; end'`,
  );
  await query(
    url,
    `create trigger no_event before insert on outbox for each row when (new.topic = 'gateway.inference.v1') execute function no_event()`,
  );
  const request = { model: 'triage', messages: [{ role: 'user', content: 'an animal' }] };
  const ask = async (): Promise<number> => {
    const headers = { 'content-type': 'application/json' };
    const init = { method: 'POST', headers, body: JSON.stringify(request) };
    return (await send(`${env['GATEWAY']}/v1/chat/completions`, init)).status;
  };
  // Not known yet for as long as its routing is not read again.
  await eventually(async () => (await ask()) >= 500, { timeoutMs: 30_000 });
  const dropped = () => metric(env['GATEWAY'], /^millrace_gateway_inference_events_dropped_total\{reason="unwritable"\} (\S+)$/m);
  await eventually(async () => (await dropped()) > 0, { timeoutMs: 30_000 });
  await query(url, 'drop function no_event cascade');
}

/** Its first step asks ingestion for feedback, which does not answer in time. Gives back its id. */
async function retryPipelineRun(env: Variables): Promise<string> {
  const pipelines = `${env['TRAINING']}/api/v1/pipelines`;
  await post(pipelines, {
    name: 'loop',
    spec: {
      registeredModelName: 'loop',
      alias: 'champion',
      baseModel: 'tiny-base',
      trainDatasets: ['definitions'],
      feedback: { dataset: 'corrections', weight: 0.4, rowsMin: 5 },
      promptTemplate: '{text}\nDomain:',
      answerTemplate: ' {label}',
      evaluationSlices: [{ name: 'all', datasetVersion: 'definitions' }],
    },
  });
  return String((await post(`${pipelines}/loop/runs`, { useFeedback: true }))['id']);
}

/** A fine-tune job whose first trainer is killed, and whose second one gives no sign any more, for seconds; gives back its id. */
async function hangTrainer(env: Variables, root: number): Promise<string> {
  const job = await post(`${env['TRAINING']}/api/v1/jobs`, {
    registeredModelName: 'triage',
    baseModel: 'tiny-base',
    inputs: [{ datasetVersion: 'definitions/latest' }],
    promptTemplate: '{text}\nDomain:',
    answerTemplate: ' {label}',
    hyperparameters: { steps: 50_000, batchSize: 4, checkpointSteps: 10_000 },
  });
  const trainerBut = (gone?: number) =>
    eventually(
      () => processesBelow(root).find(({ pid, command }) => pid !== gone && command.includes('tiny-lm-trainer')) ?? false,
      { timeoutMs: 60_000 },
    );
  const first = await trainerBut();
  process.kill(first.pid, 'SIGKILL');
  process.kill((await trainerBut(first.pid)).pid, 'SIGSTOP');
  const unchanged = () => metric(env['TRAINING'], /^millrace_training_jobs_unchanged_seconds\{[^}]*state="running"\} (\S+)$/m);
  await eventually(async () => (await unchanged()) >= 5, { timeoutMs: 60_000 });
  const retrying = () => metric(env['TRAINING'], /^millrace_training_pipeline_runs_open\{[^}]*retrying="true"\} (\S+)$/m);
  await eventually(async () => (await retrying()) > 0, { timeoutMs: 60_000 });
  return String(job['id']);
}
