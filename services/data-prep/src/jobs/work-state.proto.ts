// SPDX-License-Identifier: Apache-2.0
import { dataprep } from '#libs/contracts';
import type { WorkState } from './job';

const STATES: Readonly<Record<WorkState, dataprep.WorkState>> = {
  queued: dataprep.WorkState.WORK_STATE_QUEUED,
  running: dataprep.WorkState.WORK_STATE_RUNNING,
  succeeded: dataprep.WorkState.WORK_STATE_SUCCEEDED,
  failed: dataprep.WorkState.WORK_STATE_FAILED,
  cancelled: dataprep.WorkState.WORK_STATE_CANCELLED,
};

export function stateToProto(state: WorkState): dataprep.WorkState {
  return STATES[state];
}
