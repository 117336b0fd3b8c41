// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { GatewayMetrics } from '../gateway.metrics';
import { RecordInferences } from '../inferences/record-inferences';
import { answerOfEvents, answerOfJson, cutToBytes, type Answer } from './answer-text';
import type { StreamedAnswer } from './answer-sinks';
import { inputText } from './completion-request';
import { toOpenAiAnswer } from './openai-errors';
import type { Exchange } from './exchange';
import { lastUsage, type Usage } from './sse-filter';

interface Outcome {
  status: number;
  errorCode: string;
  answer: () => { answer: Answer; cut: boolean };
  usage: Usage | undefined;
  streamed: boolean;
  firstByteMs: number;
}

const NO_ANSWER: Answer = { id: '', text: '', finishReason: '' };

/**
 * Measures finished requests and turns them into inference events. What it returns resolves when a kill can no longer lose the
 * event: only then may the answer end.
 */
@Injectable()
export class FinishedRequests {
  private pending = 0;

  constructor(
    private readonly metrics: GatewayMetrics,
    private readonly inferences: RecordInferences,
  ) {}

  /** Requests whose event is not kept yet. */
  get unrecorded(): number {
    return this.pending;
  }

  answered(exchange: Exchange, body: Buffer): Promise<void> {
    const answer = (): { answer: Answer; cut: boolean } => ({ answer: answerOfJson(body), cut: false });
    const usage = lastUsage(body);
    const firstByteMs = performance.now();
    return this.finish(exchange, { status: 200, errorCode: '', answer, usage, streamed: false, firstByteMs });
  }

  /** A stream that ended, or broke off with this failure. */
  streamed(exchange: Exchange, stream: StreamedAnswer, failure?: { code: string; status: number }): Promise<void> {
    const broken = failure && { ...NO_ANSWER, finishReason: failure.code === 'cancelled' ? 'cancelled' : 'error' };
    const answer = (): { answer: Answer; cut: boolean } => {
      const { bytes, cut } = stream.events;
      const said = answerOfEvents(bytes);
      return { answer: broken ? { ...said, finishReason: broken.finishReason } : said, cut };
    };
    return this.finish(exchange, {
      // The caller got 200 with its head, unless it went away.
      status: failure?.code === 'cancelled' ? 499 : 200,
      errorCode: failure?.code ?? '',
      answer,
      usage: stream.usage,
      streamed: true,
      firstByteMs: stream.firstByteAtMs ?? performance.now(),
    });
  }

  /** Nothing was answered but this error. */
  failed(exchange: Exchange, error: Error): Promise<void> {
    const { status, code } = toOpenAiAnswer(error);
    const finishReason = code === 'cancelled' ? 'cancelled' : 'error';
    const answer = (): { answer: Answer; cut: boolean } => ({ answer: { ...NO_ANSWER, finishReason }, cut: false });
    const { stream: streamed } = exchange.request;
    return this.finish(exchange, { status, errorCode: code, answer, usage: undefined, streamed, firstByteMs: performance.now() });
  }

  private async finish(exchange: Exchange, outcome: Outcome): Promise<void> {
    const endedMs = performance.now();
    this.pending += 1;
    try {
      await this.record(exchange, outcome, endedMs);
    } finally {
      this.pending -= 1;
      this.measure(exchange, outcome, performance.now());
    }
  }

  private measure(exchange: Exchange, outcome: Outcome, endedMs: number): void {
    const { call, calledMs, answeredMs } = exchange;
    const { operation } = call;
    const streamed = String(outcome.streamed);
    this.metrics.requestSeconds.observe({ operation, streamed }, (endedMs - call.arrivedMs) / 1000);
    this.metrics.firstByteSeconds.observe({ operation, streamed }, (outcome.firstByteMs - call.arrivedMs) / 1000);
    const overheadMs = calledMs - call.bodyMs + (endedMs - answeredMs);
    this.metrics.overheadSeconds.observe({ streamed }, Math.max(0, overheadMs) / 1000);
    if (outcome.usage) {
      this.metrics.tokens.inc({ type: 'input' }, outcome.usage.promptTokens);
      this.metrics.tokens.inc({ type: 'output' }, outcome.usage.completionTokens);
    }
  }

  private record(exchange: Exchange, outcome: Outcome, endedMs: number): Promise<void> {
    const { call, request, route } = exchange;
    const { captureBytesMax } = route;
    const { answer, cut } = outcome.answer();
    const input = cutToBytes(captureBytesMax > 0 ? inputText(request) : '', captureBytesMax);
    const output = cutToBytes(answer.text, captureBytesMax);
    return this.inferences.execute({
      workspace: call.workspace,
      inferenceId: exchange.inferenceId,
      endpoint: route.name,
      chosen: exchange.chosen,
      userHash: exchange.userHash,
      operation: request.operation,
      promptTokens: outcome.usage?.promptTokens ?? 0,
      completionTokens: outcome.usage?.completionTokens ?? 0,
      latencyMs: endedMs - call.arrivedMs,
      firstByteMs: outcome.firstByteMs - call.arrivedMs,
      statusCode: outcome.status,
      errorCode: outcome.errorCode,
      finishReason: answer.finishReason,
      streamed: outcome.streamed,
      inputText: input.text,
      outputText: output.text,
      truncated: input.cut || output.cut || (cut && captureBytesMax > 0 && !output.cut && answer.text.length > 0),
      responseId: answer.id.slice(0, 200),
      requestTime: exchange.requestTime,
    });
  }
}
