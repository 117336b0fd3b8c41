// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Clock, Ids } from '#libs/clock';
import { monitoring } from '#libs/contracts';
import { invalidFields, notFound } from '#libs/errors';
import { Database } from '#libs/persistence';
import { Requires, RpcController, type RpcContext } from '#libs/rpc';
import { readPage } from '../page';
import { RatersRepository, type Rater } from '../raters/raters.repository';
import { ReleaseRater } from '../raters/release-rater';
import { parseFeedback, type FeedbackDraft } from './feedback-draft';
import { FeedbackRepository, type Feedback, type FeedbackState } from './feedback.repository';
import { SubmitFeedbackBatch } from './submit-feedback-batch';

const STATES: Record<FeedbackState, monitoring.FeedbackState> = {
  unmatched: monitoring.FeedbackState.FEEDBACK_STATE_UNMATCHED,
  accepted: monitoring.FeedbackState.FEEDBACK_STATE_ACCEPTED,
  capped: monitoring.FeedbackState.FEEDBACK_STATE_CAPPED,
  rejected: monitoring.FeedbackState.FEEDBACK_STATE_REJECTED,
  retracted: monitoring.FeedbackState.FEEDBACK_STATE_RETRACTED,
};

@RpcController(monitoring.FeedbackServiceService)
@Injectable()
export class FeedbackGrpc {
  constructor(
    private readonly submitFeedbackBatch: SubmitFeedbackBatch,
    private readonly feedback: FeedbackRepository,
    private readonly raters: RatersRepository,
    private readonly release: ReleaseRater,
    private readonly db: Database,
    private readonly clock: Clock,
    private readonly ids: Ids,
  ) {}

  async submitFeedback(request: monitoring.SubmitFeedbackRequest, ctx: RpcContext): Promise<monitoring.SubmitFeedbackResponse> {
    const drafts = request.feedback.map((input, index) =>
      this.toDraft(input, ctx.workspace, { requestId: request.requestId, index }),
    );
    return { feedback: (await this.submitFeedbackBatch.execute(drafts)).map(toMessage) };
  }

  async getFeedback({ id }: monitoring.GetFeedbackRequest, ctx: RpcContext): Promise<monitoring.GetFeedbackResponse> {
    const found = await this.feedback.find(this.db, ctx.workspace, id);
    if (!found) throw notFound('feedback', id);
    return { feedback: toMessage(found) };
  }

  async listFeedback(request: monitoring.ListFeedbackRequest, ctx: RpcContext): Promise<monitoring.ListFeedbackResponse> {
    const state = Object.entries(STATES).find(([, each]) => each === request.state)?.[0];
    const filter = {
      workspace: ctx.workspace,
      ...(state === undefined ? {} : { state }),
      ...(request.inferenceId === '' ? {} : { inferenceId: request.inferenceId }),
      ...(request.raterHash === '' ? {} : { raterHash: request.raterHash }),
      ...(request.modelName === '' ? {} : { modelName: request.modelName }),
    };
    const page = await readPage(request, filter, {
      name: 'feedback',
      read: (after, size) => this.feedback.list(this.db, filter, { ...(after === undefined ? {} : { after }), size }),
      keyOf: (item) => item.id,
    });
    return { feedback: page.items.map(toMessage), nextPageToken: page.nextPageToken };
  }

  async getRater({ raterHash }: monitoring.GetRaterRequest, ctx: RpcContext): Promise<monitoring.GetRaterResponse> {
    const found = await this.raters.find(this.db, ctx.workspace, raterHash);
    if (!found) throw notFound('rater', raterHash);
    return { rater: toRater(found) };
  }

  async listRaters(request: monitoring.ListRatersRequest, ctx: RpcContext): Promise<monitoring.ListRatersResponse> {
    const filter = { workspace: ctx.workspace, ...(request.state === '' ? {} : { state: request.state }) };
    const page = await readPage(request, filter, {
      name: 'raters',
      read: (after, size) => this.raters.list(this.db, filter, { ...(after === undefined ? {} : { after }), size }),
      keyOf: (item) => item.raterHash,
    });
    return { raters: page.items.map(toRater), nextPageToken: page.nextPageToken };
  }

  @Requires('approver')
  async releaseRater(request: monitoring.ReleaseRaterRequest, ctx: RpcContext): Promise<monitoring.ReleaseRaterResponse> {
    const { raterHash, reason } = request;
    const rater = await this.release.execute({ workspace: ctx.workspace, raterHash, reason, actor: ctx.principal.subject });
    return { rater: toRater(rater) };
  }

  private toDraft(input: monitoring.FeedbackInput, workspace: string, call: { requestId: string; index: number }): FeedbackDraft {
    // A repeated request finds its own feedback again, also where the caller numbered only the request.
    const numbered = call.requestId === '' ? this.ids.next() : `${call.requestId}/${call.index}`;
    const envelope = { workspace, source: 'grpc', id: input.id || numbered, time: this.clock.now() };
    const data = {
      target: { kind: 'inference', id: input.inferenceId },
      metric: input.metric,
      value: readValue(input.valueJson, call.index),
      correction: input.correction,
      comment: input.comment,
      rater: { id: input.raterId, kind: input.raterKind },
      ...(input.occurredTime ? { occurred_at: timeText(input.occurredTime) } : {}),
    };
    return parseFeedback(data, envelope);
  }
}

// A Timestamp can hold more than a Date: its text "Invalid Date" is refused with the field's name, like any other.
function timeText(time: Date): string {
  return Number.isNaN(time.getTime()) ? String(time) : time.toISOString();
}

function readValue(json: string, index: number): unknown {
  try {
    return JSON.parse(json) as unknown;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw invalidFields({ field: `feedback[${index}].value_json`, message: 'is not JSON' });
  }
}

function toMessage(row: Feedback): monitoring.Feedback {
  return {
    id: row.id,
    sourceId: `${row.source}/${row.sourceId}`,
    inferenceId: row.inferenceId,
    state: STATES[row.state],
    stateReason: row.stateReason,
    metric: row.metric,
    valueJson: JSON.stringify(row.value),
    correction: row.correction,
    comment: row.comment,
    raterHash: row.raterHash,
    raterKind: row.raterKind,
    endpoint: row.endpoint,
    modelName: row.modelName,
    modelVersion: row.modelVersion,
    rolloutId: row.rolloutId,
    arm: row.arm,
    inputText: row.inputText,
    outputText: row.outputText,
    occurredTime: row.occurredTime,
    createTime: row.receiveTime,
  };
}

function toRater(rater: Rater): monitoring.Rater {
  return {
    raterHash: rater.raterHash,
    kind: rater.kind,
    state: rater.state,
    reason: rater.reason,
    evidenceJson: JSON.stringify(rater.evidence),
    feedbackCount: String(rater.feedbackCount),
    stateTime: rater.stateTime,
    createTime: rater.createTime,
  };
}
