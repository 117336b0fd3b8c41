// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { isAppError } from '#libs/errors';
import { DatasetReader } from '../datasets/dataset-reader';
import type { JobViolation } from './failure';
import type { JobInputSpec, ResolvedInput } from './job';

/** Finds the dataset versions that a spec names. */
@Injectable()
export class ResolveInputs {
  constructor(private readonly datasets: DatasetReader) {}

  /** Adds a violation for each version that does not exist; inputs already refused (no reference) are passed over. */
  async execute(
    workspace: string,
    inputs: readonly JobInputSpec[],
    field: string,
    violations: JobViolation[],
  ): Promise<ResolvedInput[]> {
    const resolved: ResolvedInput[] = [];
    for (const [index, input] of inputs.entries()) {
      if (input.datasetVersion === '') continue;
      try {
        const version = await this.datasets.getVersion(workspace, input.datasetVersion);
        resolved.push({ ...input, datasetVersionId: version.id, contentDigest: version.contentDigest, rows: version.rows });
      } catch (error) {
        if (!isAppError(error) || error.kind !== 'not-found') throw error;
        const message = `dataset version ${JSON.stringify(input.datasetVersion)} not found`;
        violations.push({ field: `${field}[${index}].datasetVersion`, message });
      }
    }
    return resolved;
  }
}
