// SPDX-License-Identifier: Apache-2.0
import type { Clock } from '#libs/clock';
import { hasCode } from '#libs/errors';
import type { GenerationEnd, Piece } from '../generation/generation';
import type { GenerationPool } from '../generation/generation-pool';
import type { ModelCatalogue } from '../models/model-catalogue';
import type { ServeModel } from '../models/serve-model';
import type { RuntimeMetrics } from '../runtime.metrics';
import { CompletionBodies } from './completion-bodies';
import type { CompletionRequest } from './completion-request';

/** A running answer: its bodies, and its pieces as they come. */
export interface RunningCompletion {
  bodies: CompletionBodies;
  pieces: AsyncGenerator<Piece, GenerationEnd, undefined>;
}

/** Finds the model, brings it into memory when it left, and starts to generate. The caller must read the pieces or end them. */
export class CreateCompletion {
  constructor(
    private readonly catalogue: ModelCatalogue,
    private readonly serve: ServeModel,
    private readonly pool: GenerationPool,
    private readonly ports: { clock: Clock; metrics: RuntimeMetrics; newId: () => string },
  ) {}

  async execute(request: CompletionRequest, signal: AbortSignal): Promise<RunningCompletion> {
    const { manifestDigest } = this.catalogue.resolve(request.model);
    const files = await this.serve.execute(manifestDigest);
    const id = `${request.route === 'chat' ? 'chatcmpl' : 'cmpl'}-${this.ports.newId()}`;
    const created = Math.floor(this.ports.clock.now().getTime() / 1000);
    const bodies = new CompletionBodies(request, {
      id,
      created,
      model: request.model,
      fingerprint: `fp_${manifestDigest.slice(0, 12)}`,
    });
    const { prompt, options } = request;
    const pieces = this.count(this.pool.generate({ digest: manifestDigest, files, prompt, options }, signal));
    return { bodies, pieces };
  }

  private async *count(pieces: RunningCompletion['pieces']): RunningCompletion['pieces'] {
    const { metrics } = this.ports;
    let outcome = 'cancelled';
    try {
      const end = yield* pieces;
      outcome = end.finishReason;
      metrics.tokens.inc({ type: 'prompt' }, end.promptTokens);
      metrics.tokens.inc({ type: 'completion' }, end.completionTokens);
      return end;
    } catch (error) {
      const isRefused = ['RUNTIME.INVALID_REQUEST', 'RUNTIME.CONTEXT_LENGTH_EXCEEDED', 'RUNTIME.QUEUE_FULL'].some((code) =>
        hasCode(error, code),
      );
      outcome = hasCode(error, 'COMMON.CANCELLED') ? 'cancelled' : isRefused ? 'refused' : 'failed';
      throw error;
    } finally {
      metrics.requests.inc({ outcome });
    }
  }
}
