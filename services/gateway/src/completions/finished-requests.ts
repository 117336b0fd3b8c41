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

/** Measures finished requests and turns them into inference events, after the caller has its answer. */
@Injectable()
export class FinishedRequests {
  private pending = 0;

  constructor(
    private readonly metrics: GatewayMetrics,
    private readonly inferences: RecordInferences,
  ) {}

  /** Requests whose event is not in the queue yet. */
  get unrecorded(): number {
    return this.pending;
  }

  answered(exchange: Exchange, body: Buffer): void {
    const answer = (): { answer: Answer; cut: boolean } => ({ answer: answerOfJson(body), cut: false });
    const usage = lastUsage(body);
    const firstByteMs = performance.now();
    this.finish(exchange, { status: 200, errorCode: '', answer, usage, streamed: false, firstByteMs });
  }

  /** A stream that ended, or broke off with this failure. */
  streamed(exchange: Exchange, stream: StreamedAnswer, failure?: { code: string; status: number }): void {
    const broken = failure && { ...NO_ANSWER, finishReason: failure.code === 'cancelled' ? 'cancelled' : 'error' };
    const answer = (): { answer: Answer; cut: boolean } => {
      const { bytes, cut } = stream.events;
      const said = answerOfEvents(bytes);
      return { answer: broken ? { ...said, finishReason: broken.finishReason } : said, cut };
    };
    this.finish(exchange, {
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
  failed(exchange: Exchange, error: Error): void {
    const { status, code } = toOpenAiAnswer(error);
    const finishReason = code === 'cancelled' ? 'cancelled' : 'error';
    const answer = (): { answer: Answer; cut: boolean } => ({ answer: { ...NO_ANSWER, finishReason }, cut: false });
    const { stream: streamed } = exchange.request;
    this.finish(exchange, { status, errorCode: code, answer, usage: undefined, streamed, firstByteMs: performance.now() });
  }

  private finish(exchange: Exchange, outcome: Outcome): void {
    const endedMs = performance.now();
    this.measure(exchange, outcome, endedMs);
    this.pending += 1;
    // After the answer is on its way: reading the texts may take its time.
    setImmediate(() => {
      try {
        this.record(exchange, outcome, endedMs);
      } finally {
        this.pending -= 1;
      }
    });
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

  private record(exchange: Exchange, outcome: Outcome, endedMs: number): void {
    const { call, request, route } = exchange;
    const { captureBytesMax } = route;
    const { answer, cut } = outcome.answer();
    const input = cutToBytes(captureBytesMax > 0 ? inputText(request) : '', captureBytesMax);
    const output = cutToBytes(answer.text, captureBytesMax);
    this.inferences.execute({
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
