// SPDX-License-Identifier: Apache-2.0
import type { JobFailure } from './failure';
import type {
  AttemptRecord,
  CancelRequest,
  ExecutorHandle,
  JobEventRecord,
  JobEventType,
  JobKind,
  JobProgress,
  JobRecord,
  JobResult,
  JobState,
} from './job';

export interface JobRow {
  workspace: string;
  id: string;
  kind: JobKind;
  state: JobState;
  priority: number;
  spec: JobRecord['spec'];
  inputs: JobRecord['inputs'];
  model_digest: string;
  model_name: string;
  attempts: number;
  failures: number;
  progress: JobProgress | null;
  cancel: CancelRequest | null;
  result: JobResult | null;
  error: JobFailure | null;
  pipeline_run_id: string;
  submitted_by: string;
  version: string;
  lease_token: string;
  lease_until: Date | null;
  create_time: Date;
  start_time: Date | null;
  end_time: Date | null;
  update_time: Date;
}

export interface AttemptRow {
  number: number;
  state: AttemptRecord['state'];
  executor: string;
  resumed_from_step: string;
  handle: ExecutorHandle | null;
  progress_offset: string;
  error: JobFailure | null;
  start_time: Date;
  end_time: Date | null;
  seconds: number;
}

export interface EventRow {
  sequence: string;
  time: Date;
  level: JobEventRecord['level'];
  type: JobEventType;
  message: string;
  data: Record<string, unknown>;
}

export function toJob(row: JobRow): JobRecord {
  return {
    workspace: row.workspace,
    id: row.id,
    kind: row.kind,
    state: row.state,
    priority: row.priority,
    spec: row.spec,
    inputs: row.inputs,
    modelDigest: row.model_digest,
    modelName: row.model_name,
    attempts: row.attempts,
    failures: row.failures,
    progress: row.progress,
    cancel: row.cancel,
    result: row.result,
    error: row.error,
    pipelineRunId: row.pipeline_run_id,
    submittedBy: row.submitted_by,
    version: Number(row.version),
    leaseToken: row.lease_token,
    isHeld: row.lease_until !== null,
    createTime: row.create_time,
    startTime: row.start_time,
    endTime: row.end_time,
    updateTime: row.update_time,
  };
}

export function toAttempt(row: AttemptRow): AttemptRecord {
  return {
    number: row.number,
    state: row.state,
    executor: row.executor,
    resumedFromStep: Number(row.resumed_from_step),
    handle: row.handle,
    progressOffset: Number(row.progress_offset),
    error: row.error,
    startTime: row.start_time,
    endTime: row.end_time,
    seconds: row.seconds,
  };
}

export function toEvent(row: EventRow): JobEventRecord {
  const { time, level, type, message, data } = row;
  return { sequence: Number(row.sequence), time, level, type, message, data };
}
