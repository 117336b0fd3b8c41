// SPDX-License-Identifier: Apache-2.0
import { dataprep } from '#libs/contracts';
import { stateToProto } from '../jobs/work-state.proto';
import { reportPath, type ProfileRecord } from './profile-record';

export function profileToProto(record: ProfileRecord): dataprep.Profile {
  return {
    id: record.id,
    datasetVersionId: record.datasetVersionId,
    datasetName: record.datasetName,
    datasetVersion: record.datasetVersion,
    state: stateToProto(record.state),
    resultJson: record.result ? JSON.stringify(record.result) : '',
    errorCode: record.errorCode,
    errorMessage: record.errorMessage,
    reportPath: reportPath(record),
    etag: `"${record.revision}"`,
    createTime: record.createTime,
    updateTime: record.updateTime,
  };
}
