// SPDX-License-Identifier: Apache-2.0
import { grpcPort, httpPort, type ProcessName } from './processes';

const purposes: Record<ProcessName, string> = {
  gateway: 'OpenAI API: base_url = this + /v1',
  ingestion: 'datasets: /api/v1/datasets',
  'data-prep': 'profiles, recipes: /api/v1/profiles',
  training: 'jobs, pipelines: /api/v1/jobs',
  registry: 'MLFLOW_TRACKING_URI; models and approvals in a browser',
  monitoring: 'feedback, alerts, verdicts: /api/v1/feedback',
  runtime: 'embedded model server',
};

/** One line per process: name, HTTP and gRPC address, what it is for. */
export function addressTable(portBase: number, names: readonly ProcessName[]): string {
  const rows = names.map((name) => {
    const grpc = grpcPort(portBase, name);
    return [name, `http://127.0.0.1:${httpPort(portBase, name)}`, grpc ? `127.0.0.1:${grpc}` : '-', purposes[name]];
  });
  return formatTable([['process', 'HTTP', 'gRPC', 'what for'], ...rows]);
}

/** Pads columns; the first row is the head. */
export function formatTable(rows: string[][]): string {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const line = (row: string[]) => `  ${row.map((cell, column) => cell.padEnd(widths[column])).join('  ')}`.trimEnd();
  return [line(rows[0]), line(widths.map((width) => '-'.repeat(width))), ...rows.slice(1).map(line)].join('\n');
}
