// SPDX-License-Identifier: Apache-2.0
import type { LaunchedPlatform } from '../../support/launched-platform';
import type { ProcessName } from '../../../deploy/local/processes';

interface Caller {
  token?: string;
  workspace?: string;
}

/** One thing of each kind that a caller can make, through public doors. Gives what the doors answered. */
export async function plantEntities(platform: LaunchedPlatform, caller: Caller = {}): Promise<unknown[]> {
  const send = async (name: ProcessName, path: string, body: unknown, type = 'application/json'): Promise<unknown> => {
    const answer = await fetch(`${platform.http(name)}${path}`, {
      method: 'POST',
      headers: { 'content-type': type, connection: 'close', ...headersOf(caller) },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`${name} ${path} answered ${answer.status}: ${await answer.text()}`);
    return answer.json();
  };
  const rows = Array.from({ length: 20 }, (_, n) =>
    JSON.stringify({ text: `a thing of number ${n}`, label: n % 2 ? 'odd' : 'even' }),
  );
  const upload = '/api/v1/datasets/planted/versions?format=jsonl&columns=text:string,label:string';
  const version = (await send('ingestion', upload, `${rows.join('\n')}\nbroken\n`, 'application/x-ndjson')) as { id: string };
  const recipe = 'name: planted\ntext_field: text\nsteps:\n  - exact_dedup: { fields: [text] }\n';
  return [
    version,
    await send('data-prep', '/api/v1/recipes', { name: 'planted', text: recipe }),
    await send('data-prep', '/api/v1/recipe-runs', {
      recipeName: 'planted',
      inputVersion: version.id,
      outputDataset: 'planted-clean',
    }),
    await send('registry', '/api/v1/models', { name: 'planted' }),
    await send('registry', '/api/2.0/mlflow/model-versions/create', { name: 'planted', source: 's3://models/planted/1' }),
    await send('registry', '/api/v1/models/planted/aliases/champion/moves', { version: 1, reason: 'planted' }),
    await send('training', '/api/v1/jobs', {
      registeredModelName: 'planted',
      baseModel: 'tiny-base',
      inputs: [{ datasetVersion: version.id }],
      promptTemplate: '{text}\nDomain:',
      answerTemplate: ' {label}',
      hyperparameters: { steps: 2, batchSize: 2, checkpointSteps: 1 },
    }),
    await send('monitoring', '/api/v1/monitors', {
      name: 'planted',
      kind: 'no_data',
      endpoint: 'planted',
      modelName: 'planted',
    }),
    await send('gateway', '/api/v1/endpoints', { name: 'planted', modelUri: 'models:/planted@champion' }),
    await send('gateway', '/api/v1/api-keys', { name: 'planted' }),
    await send('monitoring', '/api/v1/webhooks', { name: 'planted', url: 'http://127.0.0.1:9/hook' }),
    await send('monitoring', '/api/v1/feedback/batch', {
      items: [
        {
          target: { kind: 'inference', id: 'planted' },
          metric: 'correct',
          value: true,
          rater: { id: 'planted', kind: 'human_end_user' },
        },
      ],
    }),
  ];
}

function headersOf({ token, workspace }: Caller): Record<string, string> {
  return {
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...(workspace === undefined ? {} : { 'x-millrace-workspace': workspace }),
  };
}
