// SPDX-License-Identifier: Apache-2.0
import { Body, Controller, Get, Param, Post, Put } from '@nestjs/common';
import { ArrayMaxSize, IsArray, IsIn, IsNumber, IsOptional, IsString, MaxLength, maxLength } from 'class-validator';
import { Clock, Ids } from '#libs/clock';
import { invalidFields, notFound } from '#libs/errors';
import { Answers, Ctx, Requires, ValidBody, ValidQuery, type RequestContext, schema } from '#libs/http';
import { Database } from '#libs/persistence';
import {
  FEEDBACK,
  FEEDBACKS,
  FEEDBACK_BATCH,
  FEEDBACK_BATCH_BODY,
  FEEDBACK_BODY,
  FEEDBACK_SUMMARY,
  METRIC,
  METRICS,
  KNOWN_ANSWERS_BODY,
  METRIC_BODY,
} from '../http-answers';
import { inputKeyOf } from '../inferences/normalise-input';
import { PageQuery, readPage, type Page } from '../page';
import { RatersRepository } from '../raters/raters.repository';
import { parseFeedback, type FeedbackDraft, type FeedbackValue } from './feedback-draft';
import { FeedbackRepository, type Feedback, type FeedbackSummary } from './feedback.repository';
import type { MetricDefinition } from './metric-definition';
import { SubmitFeedbackBatch } from './submit-feedback-batch';

const STATES = ['unmatched', 'accepted', 'capped', 'rejected', 'retracted'];

class ListFeedbackQuery extends PageQuery {
  @IsOptional()
  @IsIn(STATES)
  state?: string;

  @IsOptional()
  @IsString()
  inferenceId?: string;

  @IsOptional()
  @IsString()
  raterHash?: string;

  @IsOptional()
  @IsString()
  modelName?: string;
}

class MetricBody {
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(100)
  goodValues?: FeedbackValue[];

  @IsOptional()
  @IsNumber()
  goodAtLeast?: number;

  @IsOptional()
  @IsArray()
  @ArrayMaxSize(1000)
  @IsString({ each: true })
  @MaxLength(500, { each: true })
  labels?: string[];
}

class KnownAnswersBody {
  @IsArray()
  @ArrayMaxSize(10_000)
  items: unknown[];
}

const KNOWN_TEXT_CHARACTERS_MAX = 8000;
const TEXT_RULE = `must be text of at most ${KNOWN_TEXT_CHARACTERS_MAX} characters`;

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.trim() !== '' && maxLength(value, KNOWN_TEXT_CHARACTERS_MAX);
}

/** Feedback by HTTP: one POST, or a batch. The body is the `data` of a feedback event. */
@Controller('api/v1')
export class FeedbackHttp {
  constructor(
    private readonly submitFeedbackBatch: SubmitFeedbackBatch,
    private readonly feedback: FeedbackRepository,
    private readonly raters: RatersRepository,
    private readonly db: Database,
    private readonly clock: Clock,
    private readonly ids: Ids,
  ) {}

  @Answers('Give feedback on an inference', FEEDBACK, { body: FEEDBACK_BODY })
  @Post('feedback')
  async submit(@Body() body: unknown, @Ctx() ctx: RequestContext): Promise<Feedback> {
    const [stored] = await this.submitFeedbackBatch.execute([this.toDraft(body, ctx)]);
    if (!stored) throw notFound('feedback', ctx.requestId);
    return stored;
  }

  @Answers('Give feedback on many inferences', FEEDBACK_BATCH, { body: FEEDBACK_BATCH_BODY })
  @Post('feedback/batch')
  async submitBatch(@Body() body: unknown, @Ctx() ctx: RequestContext): Promise<{ items: Feedback[] }> {
    const items = (body as { items?: unknown } | null)?.items;
    if (!Array.isArray(items)) throw invalidFields({ field: 'items', message: 'must be an array' });
    const drafts = items.map((item, index) => this.toDraft(item, ctx, `items[${index}].`));
    return { items: await this.submitFeedbackBatch.execute(drafts) };
  }

  @Answers('Feedback in order of arrival', FEEDBACKS)
  @Get('feedback')
  list(@ValidQuery(ListFeedbackQuery) query: ListFeedbackQuery, @Ctx() { workspace }: RequestContext): Promise<Page<Feedback>> {
    const { pageSize: _size, pageToken: _token, ...fields } = query;
    const filter = { workspace, ...fields };
    return readPage(query, filter, {
      name: 'feedback',
      read: (after, size) => this.feedback.list(this.db, filter, { ...(after === undefined ? {} : { after }), size }),
      keyOf: (item) => item.id,
    });
  }

  @Answers('One piece of feedback', FEEDBACK)
  @Get('feedback/:id')
  async get(@Param('id') id: string, @Ctx() { workspace }: RequestContext): Promise<Feedback> {
    const found = await this.feedback.find(this.db, workspace, id);
    if (!found) throw notFound('feedback', id);
    return found;
  }

  @Answers('Sums of feedback by version, arm and state', FEEDBACK_SUMMARY)
  @Get('feedback-summary')
  async summary(@Ctx() { workspace }: RequestContext): Promise<{ items: FeedbackSummary[] }> {
    return { items: await this.feedback.summary(this.db, workspace) };
  }

  @Answers('Metrics of feedback', METRICS)
  @Get('metrics')
  async metrics(@Ctx() { workspace }: RequestContext): Promise<{ items: MetricDefinition[] }> {
    return { items: await this.feedback.listMetrics(this.db, workspace) };
  }

  @Answers('Say which values of a metric are good', METRIC, {
    body: METRIC_BODY,
    path: { name: { type: 'string', pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$' } },
  })
  @Put('metrics/:name')
  async putMetric(
    @Param('name') name: string,
    @ValidBody(MetricBody) body: MetricBody,
    @Ctx() { workspace }: RequestContext,
  ): Promise<MetricDefinition> {
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(name))
      throw invalidFields({ field: 'name', message: 'must be letters, digits, ".", "_" or "-"' });
    const { goodValues = [], goodAtLeast = null, labels = [] } = body;
    const wrong = goodValues.findIndex((value) => !['string', 'boolean', 'number'].includes(typeof value));
    if (wrong >= 0) throw invalidFields({ field: `goodValues[${wrong}]`, message: 'must be text, a number or true or false' });
    const metric = { name, goodValues, goodAtLeast, labels };
    await this.feedback.putMetric(this.db, workspace, metric);
    return metric;
  }

  /** Questions with known answers (gold rows): raters are measured against them. */
  @Answers('Store questions with known answers', schema.object({ stored: schema.integer }), { body: KNOWN_ANSWERS_BODY })
  @Post('known-answers')
  @Requires('approver')
  async putKnownAnswers(
    @ValidBody(KnownAnswersBody) body: KnownAnswersBody,
    @Ctx() { workspace }: RequestContext,
  ): Promise<{ stored: number }> {
    const answers = body.items.map((item, index) => {
      const { input, answer } = (item ?? {}) as { input?: unknown; answer?: unknown };
      if (!isText(input) || inputKeyOf(input) === '') throw invalidFields({ field: `items[${index}].input`, message: TEXT_RULE });
      if (!isText(answer)) throw invalidFields({ field: `items[${index}].answer`, message: TEXT_RULE });
      return { inputKey: inputKeyOf(input), answer };
    });
    await this.raters.putKnownAnswers(this.db, workspace, answers);
    return { stored: answers.length };
  }

  private toDraft(body: unknown, ctx: RequestContext, prefix = ''): FeedbackDraft {
    const id = (body as { id?: unknown } | null)?.id;
    if (id !== undefined && (typeof id !== 'string' || id === '' || id.length > 200)) {
      throw invalidFields({ field: `${prefix}id`, message: 'must be text of at most 200 characters' });
    }
    // Without an id of the caller's every call is new.
    const envelope = { workspace: ctx.workspace, source: 'http', id: id ?? this.ids.next(), time: this.clock.now() };
    try {
      return parseFeedback(body, envelope);
    } catch (error) {
      const violations = (error as { details?: { violations?: { field: string; message: string }[] } }).details?.violations;
      if (prefix === '' || !violations) throw error;
      throw invalidFields(...violations.map(({ field, message }) => ({ field: prefix + field, message })));
    }
  }
}
