// SPDX-License-Identifier: Apache-2.0
import type { WorkState } from '../jobs/job';
import type { Profile } from './profile';

/** The profile of one dataset version as a resource. */
export interface ProfileRecord {
  id: string;
  workspace: string;
  datasetVersionId: string;
  datasetName: string;
  datasetVersion: number;
  state: WorkState;
  result: Profile | null;
  /** Blob of the report page. */
  reportSha256: string | null;
  errorCode: string;
  errorMessage: string;
  revision: number;
  createTime: Date;
  updateTime: Date;
}

export function reportPath(record: Pick<ProfileRecord, 'id'>): string {
  return `/api/v1/profiles/${record.id}/report.html`;
}
