// SPDX-License-Identifier: Apache-2.0
import { dataprep } from '#libs/contracts';
import { call, httpAddress } from '../clients';
import type { DemoContext } from '../demo-context';
import { firstPool, type FixtureRow } from '../fixture';

const BROKEN = [
  '{"text": "a definition whose line was cut in the mid',
  'not json at all',
  '["a", "list"]',
  '{"text":"given twice","label":"food","label":"plant"}',
  '{"label":"animal"}',
  '{"text":17,"label":"animal"}',
];
const CONTACTS = [
  'Reported by jane.doe@example.com.',
  'Call +44 20 7946 0958 for details.',
  'Card 4111 1111 1111 1111 on file.',
  'Host 203.0.113.7.',
];
const PLANTED_CONTACTS = 12;
const PLANTED_COPIES = 8;
/** Row whose fate the drop ledger is asked about: an exact copy of the first row. */
const NAMED_ROW = 'planted-copy-0';

const recipeText = (heldOutShare: number) => `name: glossary-preparation
description: Redact personal data, drop copies, keep copies of one text on one side of the split.
text_field: text
steps:
  - redact_pii: { fields: [text] }
  - filter: words(text) >= 2
  - exact_dedup: { fields: [text], normalise: true }
  - near_dedup: { threshold: 0.7, shingle_words: 3, keep: first }
  - split: { outputs: { train: ${(1 - heldOutShare).toFixed(2)}, heldout: ${heldOutShare.toFixed(2)} }, seed: glossary }
`;

/** Stage 1: rows in, profile, recipe, ledger. */
export async function prepareData(context: DemoContext): Promise<void> {
  const { story, state, ana } = context;
  const rows = firstPeriodRows(context);
  const lines = [...rows.map((row) => JSON.stringify(row)), ...BROKEN];
  story.say(
    `${rows.length} everyday definitions (WordNet 3.1), with ${BROKEN.length} broken lines, ${PLANTED_CONTACTS} rows with personal data and ${PLANTED_COPIES} copies planted among them.`,
  );
  const version = await upload(context, 'glossary-raw', lines);
  state.rawVersionId = version.id;
  story.check(
    `version 1 of glossary-raw: ${version.rowsKept} rows kept, ${version.rowsQuarantined} quarantined, nothing lost`,
    Number(version.rowsKept) === rows.length && Number(version.rowsQuarantined) === BROKEN.length,
    JSON.stringify(version),
  );
  const quarantined = await ana.datasets.listQuarantinedRows({ versionId: version.id, pageSize: 10, pageToken: '' }, call);
  for (const row of quarantined.rows) story.say(`  line ${row.line}: ${row.reason} (${row.detail})`);
  await observeProfile(context);
  await runRecipe(context);
  await askLedger(context);
  const periodTwo = await upload(
    context,
    'glossary-period-2',
    context.fixture.periodTwoHeldOut.map((row) => JSON.stringify(row)),
  );
  state.periodTwoVersionId = periodTwo.id;
}

function firstPeriodRows(context: DemoContext): FixtureRow[] {
  const rows = firstPool(context.fixture, context.sizes);
  const withContacts = rows.map((row, index) =>
    index % 100 === 7 && index / 100 < PLANTED_CONTACTS
      ? { ...row, text: `${row.text}. ${CONTACTS[((index / 100) % CONTACTS.length) | 0]}` }
      : row,
  );
  const copies = rows.slice(0, PLANTED_COPIES).map((row, index) => ({ ...row, id: `planted-copy-${index}` }));
  return [...withContacts, ...copies];
}

interface UploadedVersion {
  id: string;
  rowsKept: string;
  rowsQuarantined: string;
}

async function upload(context: DemoContext, dataset: string, lines: string[]): Promise<UploadedVersion> {
  const url = `${httpAddress(context.options.portBase, 'ingestion')}/api/v1/datasets/${dataset}/versions?format=jsonl&columns=text:string,label:string`;
  const response = await fetch(url, {
    method: 'POST',
    headers: { ...context.ana.headers, 'content-type': 'application/x-ndjson' },
    body: `${lines.join('\n')}\n`,
  });
  if (!response.ok) throw new Error(`upload of ${dataset} was refused: ${await response.text()}`);
  return (await response.json()) as UploadedVersion;
}

async function observeProfile({ ana, story, state, options }: DemoContext): Promise<void> {
  const profile = await story.observe('the committed version was profiled by itself', async () => {
    const { profiles } = await ana.profiles.listProfiles({ pageSize: 10, pageToken: '', datasetName: 'glossary-raw' }, call);
    return profiles.find(
      (one) => one.datasetVersionId === state.rawVersionId && one.state === dataprep.WorkState.WORK_STATE_SUCCEEDED,
    );
  });
  state.profileUrl = `${httpAddress(options.portBase, 'data-prep')}${profile.reportPath}`;
  const page = await fetch(state.profileUrl, { headers: ana.headers });
  const html = await page.text();
  story.check(
    'its report is one self-contained page with charts',
    page.ok && html.includes('<svg') && !/(src|href)="https?:/.test(html),
  );
  story.look(state.profileUrl);
}

async function runRecipe(context: DemoContext): Promise<void> {
  const { ana, story, state, sizes } = context;
  await ana.recipes.createRecipe({ name: 'glossary-preparation', text: recipeText(sizes.heldOutShare), requestId: '' }, call);
  const started = await ana.recipes.startRecipeRun(
    {
      recipeText: '',
      recipeName: 'glossary-preparation',
      inputVersion: state.rawVersionId,
      outputDataset: 'glossary',
      tags: {},
      requestId: '',
    },
    call,
  );
  state.recipeRunId = started.run?.id ?? '';
  const run = await story.poll(
    'the recipe run succeeded',
    async () => {
      const answer = await ana.recipes.getRecipeRun({ id: state.recipeRunId }, call);
      if (answer.run?.state === dataprep.WorkState.WORK_STATE_FAILED)
        throw new Error(`${answer.run.errorCode}: ${answer.run.errorMessage}`);
      return answer.run?.state === dataprep.WorkState.WORK_STATE_SUCCEEDED ? answer.run : undefined;
    },
    60,
  );
  for (const step of run.steps) {
    const dropped = Object.entries(step.droppedByRule).map(([rule, count]) => `${rule} ${count}`);
    story.say(
      `  ${step.kind}: ${step.rowsIn} rows in, ${step.rowsOut} out, ${step.rowsChanged} changed${dropped.length ? `, dropped: ${dropped.join(', ')}` : ''}`,
    );
  }
  const output = (split: string) => run.outputs.find((one) => one.split === split);
  const [train, heldOut] = [output('train'), output('heldout')];
  const changed = run.steps.find((step) => step.kind === 'redact_pii');
  story.check(
    `personal data in the ${PLANTED_CONTACTS} planted rows was redacted`,
    Number(changed?.rowsChanged ?? 0) >= PLANTED_CONTACTS,
  );
  const dropped = run.steps.reduce((sum, step) => sum + Number(step.rowsIn) - Number(step.rowsOut), 0);
  story.check(
    `prepared: ${train?.rows} rows to train on, ${heldOut?.rows} held out; ${dropped} copies dropped; read = kept + dropped`,
    Number(run.rowsRead) === dropped + Number(train?.rows) + Number(heldOut?.rows) && dropped >= PLANTED_COPIES,
    JSON.stringify(run.outputs),
  );
  state.trainVersionId = train?.datasetVersionId ?? '';
  state.heldOutVersionId = heldOut?.datasetVersionId ?? '';
}

async function askLedger({ ana, story, state, options }: DemoContext): Promise<void> {
  const { rowId } = await findRow(ana, state.rawVersionId, NAMED_ROW);
  const { entries } = await ana.recipes.listLedgerEntries({ runId: state.recipeRunId, rowId, pageSize: 10, pageToken: '' }, call);
  const drop = entries.find((entry) => entry.keptRowId !== '');
  story.check(
    `why is row ${rowId} gone? ${drop?.step}: ${drop?.rule}, the copy that was kept is ${drop?.keptRowId}`,
    drop !== undefined,
    JSON.stringify(entries),
  );
  story.look(`${httpAddress(options.portBase, 'data-prep')}/api/v1/recipe-runs/${state.recipeRunId}/ledger?rowId=${rowId}`);
}

async function findRow(ana: DemoContext['ana'], versionId: string, id: string): Promise<{ rowId: string }> {
  for (let pageToken = ''; ;) {
    const page = await ana.datasets.listRows({ versionId, pageSize: 1000, pageToken }, call);
    const row = page.rows.find((candidate) => (JSON.parse(candidate.json) as { id: string }).id === id);
    if (row) return row;
    if (page.nextPageToken === '') throw new Error(`row ${id} is not in version ${versionId}`);
    pageToken = page.nextPageToken;
  }
}
