// SPDX-License-Identifier: Apache-2.0
import { once } from 'node:events';
import { Body, Controller, Get, HttpCode, Param, Post, Res, UseGuards } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import type { Principal } from '#libs/auth';
import { toAppError } from '#libs/errors';
import { Answers, Ctx, ErrorFormat, renderError, SkipAuth, type RequestContext } from '#libs/http';
import { CHAT, CHAT_BODY, COMPLETION, COMPLETION_BODY, OPENAI_MODEL, OPENAI_MODELS } from '../http-answers';
import type { Piece } from '../generation/generation';
import { assertMayUse, mayUse } from '../models/model-access';
import { ModelCatalogue, type ModelEntry } from '../models/model-catalogue';
import { type CompletionRequest, parseCompletionRequest } from './completion-request';
import { Caller, CallerGuard } from './caller-guard';
import { CreateCompletion, type RunningCompletion } from './create-completion';

const STREAM_HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache',
  'x-accel-buffering': 'no',
};

/** The OpenAI routes. Clients always send some key: it counts only where identity is on (CallerGuard). */
@Controller('v1')
@SkipAuth()
@UseGuards(CallerGuard)
@ErrorFormat('openai')
export class CompletionsHttp {
  constructor(
    private readonly create: CreateCompletion,
    private readonly catalogue: ModelCatalogue,
  ) {}

  @Answers('Continue a prompt; server-sent events with stream: true', COMPLETION, { body: COMPLETION_BODY })
  @Post('completions')
  @HttpCode(200)
  completions(
    @Body() body: unknown,
    @Caller() caller: Principal,
    @Ctx() ctx: RequestContext,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const request = parseCompletionRequest('completions', body);
    assertMayUse(caller, request.model);
    return this.answer(request, ctx, reply);
  }

  @Answers('Answer a chat; server-sent events with stream: true', CHAT, { body: CHAT_BODY })
  @Post('chat/completions')
  @HttpCode(200)
  chat(
    @Body() body: unknown,
    @Caller() caller: Principal,
    @Ctx() ctx: RequestContext,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const request = parseCompletionRequest('chat', body);
    assertMayUse(caller, request.model);
    return this.answer(request, ctx, reply);
  }

  @Answers('Models that this server answers for, of the workspaces of the caller', OPENAI_MODELS)
  @Get('models')
  models(@Caller() caller: Principal): object {
    const rows = this.catalogue.list().flatMap((entry) => [entry.id, ...entry.aliases].map((id) => modelView(id, entry)));
    return { object: 'list', data: rows.filter(({ id }) => mayUse(caller, id)) };
  }

  @Answers('One model', OPENAI_MODEL)
  @Get('models/:id')
  model(@Param('id') id: string, @Caller() caller: Principal): object {
    assertMayUse(caller, id);
    return modelView(id, this.catalogue.resolve(id));
  }

  private async answer(request: CompletionRequest, ctx: RequestContext, reply: FastifyReply): Promise<void> {
    const running = await this.create.execute(request, ctx.signal);
    if (request.isStream) return stream(running, reply, ctx);
    const pieces: Piece[] = [];
    for (;;) {
      const next = await running.pieces.next();
      if (next.done) return void reply.send(running.bodies.whole(pieces, next.value));
      pieces.push(next.value);
    }
  }
}

function modelView(id: string, { createTime }: ModelEntry): { id: string } & Record<string, unknown> {
  return { id, object: 'model', created: Math.floor(createTime.getTime() / 1000), owned_by: 'millrace' };
}

/** Server-sent events. Nothing is sent before the first piece is there, so that a refusal is still a real HTTP status. */
async function stream({ pieces, bodies }: RunningCompletion, reply: FastifyReply, ctx: RequestContext): Promise<void> {
  let next = await pieces.next();
  const { raw } = reply;
  const headers = { ...reply.getHeaders(), ...STREAM_HEADERS } as Record<string, string>;
  reply.hijack();
  raw.writeHead(200, headers);
  const write = async (event: unknown): Promise<void> => {
    const text = typeof event === 'string' ? event : JSON.stringify(event);
    // A reader that falls behind slows the generation down instead of filling memory; one that left ends it.
    if (!raw.write(`data: ${text}\n\n`) && !raw.destroyed) await Promise.race([once(raw, 'drain'), once(raw, 'close')]);
  };
  try {
    for (; !next.done; next = await pieces.next()) for (const chunk of bodies.chunks(next.value)) await write(chunk);
    for (const chunk of bodies.ending(next.value)) await write(chunk);
    await write('[DONE]');
  } catch (error) {
    // The status line is gone: an error event is what clients understand, a cut connection is not.
    const rendered = renderError(toAppError(error), 'openai', { path: 'stream', requestId: ctx.requestId });
    if (!raw.destroyed) await write(rendered.body);
  } finally {
    raw.end();
  }
}
