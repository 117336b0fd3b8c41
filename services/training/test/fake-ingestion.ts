// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { newId } from '#libs/clock';
import { ingestion } from '#libs/contracts';
import { notFound } from '#libs/errors';
import { FakeServer } from './fake-server';

export type FakeRow = Record<string, unknown>;

interface FakeVersion {
  workspace: string;
  version: ingestion.DatasetVersion;
  lines: string;
}

/** Stands for ingestion: versions are put in by the spec. */
export class FakeIngestion {
  private readonly versions: FakeVersion[] = [];
  private server: FakeServer;
  /** Rows that the next feedback dataset has. */
  feedbackRows: FakeRow[] = [];
  /** Request ids of feedback datasets asked for, repeats included. */
  readonly feedbackRequests: string[] = [];
  private readonly feedbackVersions = new Map<string, ingestion.DatasetVersion>();

  constructor() {
    this.server = this.makeServer();
  }

  get address(): string {
    return this.server.address;
  }

  async listen(): Promise<this> {
    await this.server.listen();
    return this;
  }

  /** Ingestion is down; `comeBack` opens the same port again. */
  close(): void {
    this.server.close();
  }

  async comeBack(): Promise<void> {
    const port = Number(this.server.address.split(':')[1]);
    this.server = this.makeServer();
    await this.server.listen(port);
  }

  /** Adds a version and gives its id. */
  add(workspace: string, dataset: string, rows: readonly (FakeRow | string)[]): string {
    return this.addVersion(workspace, dataset, rows).id;
  }

  private addVersion(workspace: string, dataset: string, rows: readonly (FakeRow | string)[]): ingestion.DatasetVersion {
    const lines = rows
      .map((row, index) => (typeof row === 'string' ? row : JSON.stringify({ _row_id: `r${index + 1}`, ...row })))
      .join('\n');
    const number =
      this.versions.filter((other) => other.workspace === workspace && other.version.datasetName === dataset).length + 1;
    const version: ingestion.DatasetVersion = {
      id: newId(),
      datasetId: dataset,
      datasetName: dataset,
      version: number,
      kind: ingestion.DatasetVersionKind.DATASET_VERSION_KIND_RAW,
      state: ingestion.DatasetVersionState.DATASET_VERSION_STATE_COMMITTED,
      contentDigest: createHash('sha256').update(lines).digest('hex'),
      rowsRead: String(rows.length),
      rowsKept: String(rows.length),
      rowsQuarantined: '0',
      quarantinedByReason: {},
      bytes: String(lines.length),
      parentVersionIds: [],
      producedBy: 'spec',
      tags: {},
      etag: '1',
      createTime: new Date(),
    };
    this.versions.push({ workspace, version, lines });
    return version;
  }

  private makeServer(): FakeServer {
    return new FakeServer(ingestion.DatasetServiceService, {
      getDatasetVersion: ({ version }: ingestion.GetDatasetVersionRequest, workspace) => ({
        version: this.find(workspace, version).version,
      }),
      exportDatasetVersion: (request: ingestion.ExportDatasetVersionRequest, workspace) =>
        this.export(workspace, request.versionId),
      buildFeedbackDataset: (request: ingestion.BuildFeedbackDatasetRequest, workspace) => this.buildFeedback(request, workspace),
    });
  }

  private find(workspace: string, reference: string): FakeVersion {
    const [dataset, number] = reference.split('/');
    const own = this.versions.filter((entry) => entry.workspace === workspace);
    const found =
      own.find(({ version }) => version.id === reference) ??
      own
        .filter(({ version }) => version.datasetName === dataset && (number === 'latest' || String(version.version) === number))
        .at(-1);
    if (!found) throw notFound('dataset version', reference);
    return found;
  }

  private *export(workspace: string, versionId: string): Generator<ingestion.ExportDatasetVersionResponse> {
    const bytes = Buffer.from(this.find(workspace, versionId).lines);
    // Cut in odd places, as the real one may.
    for (let start = 0; start < bytes.length; start += 1000) yield { chunk: bytes.subarray(start, start + 1000) };
  }

  private buildFeedback(
    request: ingestion.BuildFeedbackDatasetRequest,
    workspace: string,
  ): ingestion.BuildFeedbackDatasetResponse {
    this.feedbackRequests.push(request.requestId);
    const known = this.feedbackVersions.get(request.requestId);
    const version = known ?? this.addVersion(workspace, request.dataset, this.feedbackRows);
    this.feedbackVersions.set(request.requestId, version);
    return { version, leftOut: {} };
  }
}
