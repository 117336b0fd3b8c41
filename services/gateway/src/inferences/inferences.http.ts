// SPDX-License-Identifier: Apache-2.0
import { Controller, Get } from '@nestjs/common';
import { Answers, Ctx, type RequestContext } from '#libs/http';
import { DROPPED } from '../http-answers';
import { RecordInferences } from './record-inferences';

const LISTED_MAX = 200;

/** The queue of inference events of this replica, and what it had to drop. */
@Controller('/api/v1/inference-events')
export class InferencesHttp {
  constructor(private readonly recordInferences: RecordInferences) {}

  @Answers('Inference events that this replica queues and dropped', DROPPED)
  @Get('dropped')
  list(@Ctx() ctx: RequestContext): unknown {
    const { queue } = this.recordInferences;
    return {
      queued: queue.size,
      droppedTotal: queue.droppedTotal,
      items: queue.listDropped(ctx.workspace, LISTED_MAX),
      nextPageToken: '',
    };
  }
}
