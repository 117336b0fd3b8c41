// SPDX-License-Identifier: Apache-2.0
import { formatTable } from '../local/address-table';
import { call, httpAddress } from './clients';
import { MODEL, type DemoContext } from './demo-context';
import { scoreText } from './intervals';

/** The table at the end: datasets, versions, canaries, seconds, addresses. All of it read from the public doors. */
export async function finalReport(context: DemoContext): Promise<string> {
  const sections = [
    await datasets(context),
    await versions(context),
    await rollouts(context),
    stages(context),
    addresses(context),
  ];
  return sections.join('\n\n');
}

async function datasets({ ana }: DemoContext): Promise<string> {
  const rows = [['dataset', 'version', 'made by', 'kept', 'quarantined']];
  const { datasets: all } = await ana.datasets.listDatasets({ pageSize: 100, pageToken: '' }, call);
  for (const dataset of all) {
    const { versions: list } = await ana.datasets.listDatasetVersions(
      { dataset: dataset.id, pageSize: 100, pageToken: '' },
      call,
    );
    for (const version of list.reverse()) {
      rows.push([
        dataset.name,
        String(version.version),
        version.producedBy.split('/')[0],
        version.rowsKept,
        version.rowsQuarantined,
      ]);
    }
  }
  return `Datasets\n${formatTable(rows)}`;
}

async function versions({ ana }: DemoContext): Promise<string> {
  const rows = [['model version', 'slice', 'accuracy', 'macro-F1', 'bag of words', 'majority']];
  const { versions: list } = await ana.models.listModelVersions({ modelName: MODEL, pageSize: 100, pageToken: '' }, call);
  for (const { version } of list.reverse()) {
    const { version: read } = await ana.models.getModelVersion({ modelName: MODEL, version }, call);
    for (const slice of ['period-1', 'period-2']) {
      const score = (metric: string) => read?.evaluations.find((one) => one.slice === slice && one.metric === metric);
      const text = (metric: string) => {
        const found = score(metric);
        return found ? scoreText(found.value, found.low, found.high) : '-';
      };
      const baseline = (name: string) => score('accuracy')?.baselines[name]?.toFixed(3) ?? '-';
      rows.push([
        `${MODEL} v${version}`,
        slice,
        text('accuracy'),
        text('macro_f1'),
        baseline('bag_of_words'),
        baseline('majority'),
      ]);
    }
  }
  return `Model versions, on held-out rows (95 % intervals)\n${formatTable(rows)}`;
}

async function rollouts({ ana }: DemoContext): Promise<string> {
  const rows = [['canary', 'decision', 'control right', 'candidate right', 'why']];
  const { rollouts: list } = await ana.rollouts.listRollouts({ endpoint: MODEL, pageSize: 20, pageToken: '' }, call);
  for (const rollout of list.reverse()) {
    const verdict = rollout.verdictId ? (await ana.verdicts.getVerdict({ id: rollout.verdictId }, call)).verdict : undefined;
    const evidence = JSON.parse(verdict?.evidenceJson ?? '{}') as VerdictEvidence;
    rows.push([
      `v${rollout.control?.version} -> v${rollout.candidate?.version}`,
      rollout.state.replace('ROLLOUT_STATE_', '').toLowerCase().replace('_', ' '),
      counts(evidence, 'stable'),
      counts(evidence, 'canary'),
      (verdict?.reason ?? rollout.reason).slice(0, 110),
    ]);
  }
  return `Canaries\n${formatTable(rows)}`;
}

interface VerdictEvidence {
  input?: { quality: Record<'stable' | 'canary', { count: number; good: number }>[] };
}

/** "120/200": judged right of all judged on one arm, from the evidence that a verdict keeps. */
function counts(evidence: VerdictEvidence, arm: 'stable' | 'canary'): string {
  const stages = evidence.input?.quality;
  if (!stages) return '-';
  const total = (field: 'count' | 'good') => stages.reduce((sum, stage) => sum + stage[arm][field], 0);
  return `${total('good')}/${total('count')}`;
}

function stages({ story }: DemoContext): string {
  const rows = story.stages.map((stage, index) => [`${index + 1}. ${stage.title}`, stage.seconds.toFixed(1)]);
  const total = story.stages.reduce((sum, stage) => sum + stage.seconds, 0);
  return `Seconds\n${formatTable([['stage', 'seconds'], ...rows, ['all', total.toFixed(1)]])}`;
}

function addresses({ options, state }: DemoContext): string {
  const at = (name: Parameters<typeof httpAddress>[1]) => httpAddress(options.portBase, name);
  return `Addresses\n${formatTable([
    ['what', 'where'],
    ['profile page', state.profileUrl],
    ['registry', `${at('registry')}/ (also MLFLOW_TRACKING_URI)`],
    ['gateway', `${at('gateway')}/v1 (OpenAI base_url)`],
  ])}`;
}
