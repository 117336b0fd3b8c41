// SPDX-License-Identifier: Apache-2.0
import type { Clock } from '#libs/clock';
import { hasCode } from '#libs/errors';
import type { GenerationPool } from '../generation/generation-pool';
import type { ModelCatalogue } from './model-catalogue';
import type { ServeModel } from './serve-model';

// Under load the proof is the traffic itself: a probe would only wait behind it.
const FRESH_MS = 5_000;
const PROBE_SECONDS = 1.5;

/** Readiness that means it: a token was generated lately, or is generated now, when any model is served. */
export class CheckGeneration {
  constructor(
    private readonly catalogue: ModelCatalogue,
    private readonly serve: ServeModel,
    private readonly pool: GenerationPool,
    private readonly clock: Clock,
  ) {}

  async execute(): Promise<void> {
    if (this.clock.monotonicMs() - this.pool.lastTokenMs < FRESH_MS) return;
    const { latestResident } = this.catalogue;
    const digests = latestResident ? [latestResident] : this.catalogue.list().map(({ manifestDigest }) => manifestDigest);
    let refusal: Error | undefined;
    for (const digest of digests) {
      try {
        return await this.probe(digest);
      } catch (error) {
        // A model that cannot be served keeps no other one from being served.
        if (!hasCode(error, 'RUNTIME.MODEL_REFUSED')) throw error;
        refusal ??= error as Error;
      }
    }
    if (refusal) throw refusal;
  }

  private async probe(digest: string): Promise<void> {
    const files = await this.serve.execute(digest);
    const request = { digest, files, prompt: { ids: [0] }, options: { maxTokens: 1, temperature: 0 } };
    const pieces = this.pool.generate(request, AbortSignal.timeout(PROBE_SECONDS * 1000));
    while (!(await pieces.next()).done);
  }
}
