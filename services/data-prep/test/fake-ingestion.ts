// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import {
  Server,
  ServerCredentials,
  status,
  type Metadata,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
} from '@grpc/grpc-js';
import { ingestion } from '#libs/contracts';

interface StoredVersion {
  workspace: string;
  version: ingestion.DatasetVersion;
  lines: string;
}

const workspaceOf = (metadata: Metadata) => String(metadata.get('x-millrace-workspace')[0] ?? 'default');

/** Ingestion's gRPC port with just enough behind it: versions in memory, exports cut in mid-line, uploads once per request id. */
export class FakeIngestion {
  readonly versions = new Map<string, StoredVersion>();
  readonly uploads: ingestion.UploadHeader[] = [];
  address = '';
  /** Exports that fail with UNAVAILABLE before the next good one. */
  failExports = 0;
  /** Exports that never end, until `release`. */
  hangExports = 0;
  exportsStarted = 0;
  /** Hanging exports that their reader went away from. */
  exportsCancelled = 0;
  /** Uploads that are committed but never answered. */
  hangUploads = 0;
  /** Uploads that are refused because too many run. */
  busyUploads = 0;
  private readonly server = new Server();
  private readonly hanging: ServerWritableStream<unknown, unknown>[] = [];
  private count = 0;

  async start(): Promise<void> {
    this.server.addService(ingestion.DatasetServiceService, {
      getDatasetVersion: (
        call: ServerUnaryCall<ingestion.GetDatasetVersionRequest, unknown>,
        done: sendUnaryData<ingestion.GetDatasetVersionResponse>,
      ) => {
        const found = this.find(workspaceOf(call.metadata), call.request.version);
        if (found) done(null, { version: found.version });
        else done({ code: status.NOT_FOUND, details: 'no such version' });
      },
      exportDatasetVersion: (
        call: ServerWritableStream<ingestion.ExportDatasetVersionRequest, ingestion.ExportDatasetVersionResponse>,
      ) => this.export(call),
      uploadDataset: (
        call: ServerReadableStream<ingestion.UploadDatasetRequest, unknown>,
        done: sendUnaryData<ingestion.UploadDatasetResponse>,
      ) => {
        if (this.busyUploads > 0) {
          this.busyUploads--;
          done({ code: status.RESOURCE_EXHAUSTED, details: 'too many uploads run' });
          return;
        }
        this.upload(call).then(
          (version) => done(null, { version }),
          (error: Error) => done({ code: status.INVALID_ARGUMENT, details: error.message }),
        );
      },
    });
    const port = await new Promise<number>((resolve, reject) =>
      this.server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      ),
    );
    this.address = `127.0.0.1:${port}`;
  }

  stop(): void {
    this.server.forceShutdown();
  }

  add(dataset: string, rows: Record<string, unknown>[], workspace = 'default'): ingestion.DatasetVersion {
    const lines = rows.map((row, i) => `${JSON.stringify({ _row_id: `r${i}`, ...row })}\n`).join('');
    return this.store({ workspace, dataset, lines, kind: ingestion.DatasetVersionKind.DATASET_VERSION_KIND_RAW });
  }

  rowsOf(versionId: string): Record<string, unknown>[] {
    const { lines } = this.versions.get(versionId) as StoredVersion;
    return lines
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  private store(made: {
    workspace: string;
    dataset: string;
    lines: string;
    kind: ingestion.DatasetVersionKind;
  }): ingestion.DatasetVersion {
    this.count++;
    const rows = made.lines.split('\n').length - 1;
    const version = ingestion.DatasetVersion.fromPartial({
      id: `0196f0b0-0000-7000-8000-${String(this.count).padStart(12, '0')}`,
      datasetName: made.dataset,
      version: 1,
      kind: made.kind,
      state: ingestion.DatasetVersionState.DATASET_VERSION_STATE_COMMITTED,
      contentDigest: createHash('sha256').update(made.lines).digest('hex'),
      rowsRead: String(rows + 1),
      rowsKept: String(rows),
      rowsQuarantined: '1',
      quarantinedByReason: { invalid_json: '1' },
      bytes: String(made.lines.length),
      createTime: new Date(),
    });
    this.versions.set(version.id, { workspace: made.workspace, version, lines: made.lines });
    return version;
  }

  private find(workspace: string, reference: string): StoredVersion | undefined {
    const found =
      this.versions.get(reference) ??
      [...this.versions.values()].filter(({ version }) => `${version.datasetName}/latest` === reference).at(-1);
    return found?.workspace === workspace ? found : undefined;
  }

  private export(
    call: ServerWritableStream<ingestion.ExportDatasetVersionRequest, ingestion.ExportDatasetVersionResponse>,
  ): void {
    this.exportsStarted++;
    if (this.failExports > 0) {
      this.failExports--;
      call.emit('error', { code: status.UNAVAILABLE, details: 'not now' });
      return;
    }
    const found = this.find(workspaceOf(call.metadata), call.request.versionId);
    if (!found) {
      call.emit('error', { code: status.NOT_FOUND, details: 'no such version' });
      return;
    }
    const bytes = Buffer.from(found.lines);
    const half = Math.floor(bytes.length / 2);
    call.write({ chunk: bytes.subarray(0, half) });
    if (this.hangExports > 0) {
      this.hangExports--;
      this.hanging.push(call);
      call.once('cancelled', () => (this.exportsCancelled += 1));
      return;
    }
    call.write({ chunk: bytes.subarray(half) });
    call.end();
  }

  private async upload(call: ServerReadableStream<ingestion.UploadDatasetRequest, unknown>): Promise<ingestion.DatasetVersion> {
    let header: ingestion.UploadHeader | undefined;
    const chunks: Buffer[] = [];
    for await (const part of call as AsyncIterable<ingestion.UploadDatasetRequest>) {
      if (part.header) header = part.header;
      if (part.chunk) chunks.push(Buffer.from(part.chunk));
    }
    if (!header) throw new Error('no header');
    const bytes = Buffer.concat(chunks);
    const digest = createHash('sha256').update(bytes).digest('hex');
    if (digest !== header.sha256) throw new Error('the bytes do not have the announced sha256');
    const workspace = workspaceOf(call.metadata);
    const first = this.uploads.findIndex((upload) => upload.requestId === header.requestId);
    if (first >= 0) return this.uploaded[first];
    const version = this.store({ workspace, dataset: header.dataset, lines: bytes.toString('utf8'), kind: header.kind });
    this.uploads.push(header);
    this.uploaded.push(version);
    if (this.hangUploads > 0) {
      this.hangUploads--;
      await new Promise(() => undefined);
    }
    return version;
  }

  private readonly uploaded: ingestion.DatasetVersion[] = [];
}
