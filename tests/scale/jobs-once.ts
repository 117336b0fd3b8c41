// SPDX-License-Identifier: Apache-2.0
import { randomUUID } from 'node:crypto';
import { eventually } from '#libs/testing';
import { ask, say, upload, type ScaleContext } from './scale-context';

const JOBS = 3;
const words = ['a small furry animal that barks', 'a tall tree with needles', 'a bird with long legs', 'a shrub of dry places'];
const rows = Array.from({ length: 40 }, (_, index) => ({
  text: `${words[index % 4]}, number ${index}`,
  label: index % 2 === 0 ? 'animal' : 'plant',
}));

/** Work that three replicas could each take: jobs, profiles, and requests that come to two replicas at the same time. */
export function describeJobs(context: () => ScaleContext): void {
  it('run each job, profile and registration once, and count one request id once, whichever replicas it came to', async () => {
    const { fleet, view } = context();
    const startedAt = performance.now();
    const uploads = fleet.of('ingestion').map((replica) => upload(replica, 'tasks', rows, 'upload-1'));
    const versions = new Set(await Promise.all(uploads));
    expect(versions.size).toBe(1);
    const [version] = versions;
    const ids = new Set<string>();
    for (let each = 0; each < JOBS; each += 1) {
      const body = { ...jobBody(version), requestId: randomUUID() };
      const answers = await Promise.all(fleet.of('training').map((replica) => ask(replica, 'POST', '/api/v1/jobs', body)));
      for (const { id } of answers) ids.add(id as string);
    }
    expect(ids.size).toBe(JOBS);

    let runningMost = 0;
    await eventually(
      async () => {
        runningMost = Math.max(runningMost, await fleet.count('training', "jobs where state = 'running'"));
        const failed = await fleet.sql('training', "select id, error from jobs where state = 'failed'");
        expect(failed).toEqual([]);
        return (await fleet.count('training', "jobs where state = 'succeeded'")) === JOBS;
      },
      { timeoutMs: 120_000, intervalMs: 100 },
    );
    expect(runningMost).toBeLessThanOrEqual(2); // JOBS_RUNNING_MAX holds over all replicas
    expect(await fleet.sql('training', 'select distinct number from job_attempts')).toEqual([{ number: 1 }]);
    expect(await fleet.count('training', 'job_attempts')).toBe(JOBS);

    await eventually(
      async () => {
        expect(await fleet.count('registry', "model_versions where model_name = 'triage'")).toBe(JOBS);
        expect(await fleet.count('data-prep', "profiles where state = 'succeeded'")).toBe(1);
      },
      { timeoutMs: 60_000, intervalMs: 200 },
    );
    const told = (await view.read('training.job.v1')).filter(({ headers }) =>
      /job-(queued|started|succeeded)/.test(headers.ce_type),
    );
    const tellings = told.map(({ key, headers }) => `${key} ${headers.ce_type}`);
    expect(tellings).toHaveLength(3 * JOBS);
    expect(new Set(tellings).size).toBe(3 * JOBS);
    expect(await view.read('data-prep.profile.v1')).toHaveLength(1);
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    say(`${JOBS} jobs asked for at 3 replicas each: ${JOBS} ran, 1 attempt each, at most ${runningMost} at once; ${seconds} s`);
  });
}

function jobBody(datasetVersion: string): Record<string, unknown> {
  return {
    registeredModelName: 'triage',
    baseModel: 'tiny-base',
    inputs: [{ datasetVersion }],
    promptTemplate: '{text}\nDomain:',
    answerTemplate: ' {label}',
    hyperparameters: { steps: 5, batchSize: 2, checkpointSteps: 5 },
  };
}
