// SPDX-License-Identifier: Apache-2.0

/** A dataset version of ingestion, as far as data-prep needs it. */
export interface DatasetVersion {
  id: string;
  datasetName: string;
  version: number;
  contentDigest: string;
  rowsKept: number;
  rowsQuarantined: number;
  quarantinedByReason: Record<string, number>;
  bytes: number;
}

export interface NewVersion {
  dataset: string;
  parentVersionId: string;
  producedBy: string;
  tags: Record<string, string>;
  /** The same id again gives the version that the first upload made. */
  requestId: string;
  /** sha256 (hex) of the JSON lines. */
  sha256: string;
}

/** Ingestion's dataset versions: truth lives there, data-prep asks. */
export abstract class DatasetVersions {
  /** By id, "<dataset>/<number>" or "<dataset>/latest". Throws INPUT_NOT_FOUND. */
  abstract get(workspace: string, reference: string): Promise<DatasetVersion>;
  /** All rows as JSON lines with their `_row_id`, in order. */
  abstract export(workspace: string, versionId: string, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** Commits JSON lines with their `_row_id` as a prepared version. */
  abstract commit(
    workspace: string,
    version: NewVersion,
    lines: AsyncIterable<Buffer>,
    signal: AbortSignal,
  ): Promise<DatasetVersion>;
}
