// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Metrics } from '#libs/observability';

/** The runtime's own metrics, each declared here once. */
@Injectable()
export class RuntimeMetrics {
  readonly requests;
  readonly tokens;
  readonly firstTokenSeconds;
  readonly generationSeconds;
  readonly queued;
  readonly threadRestarts;
  readonly loads;
  readonly evictions;
  readonly modelsResident;
  readonly modelBytes;

  constructor(metrics: Metrics) {
    this.requests = metrics.counter({
      name: 'generations_total',
      help: 'Generations by how they ended: stop, length, cancelled, refused or failed.',
      labelValues: { outcome: ['stop', 'length', 'cancelled', 'refused', 'failed'] },
    });
    this.tokens = metrics.counter({
      name: 'tokens_total',
      help: 'Tokens read and written (type prompt or completion).',
      labelValues: { type: ['prompt', 'completion'] },
    });
    this.firstTokenSeconds = metrics.histogram({
      name: 'time_to_first_token_seconds',
      help: 'From the request to its first token, waiting included.',
    });
    this.generationSeconds = metrics.histogram({ name: 'generation_seconds', help: 'From the request to its last token.' });
    this.queued = metrics.gauge({ name: 'requests_queued', help: 'Requests that wait for a thread.' });
    this.threadRestarts = metrics.counter({
      name: 'thread_restarts_total',
      help: 'Generation threads that died and were replaced.',
    });
    this.loads = metrics.counter({
      name: 'model_loads_total',
      help: 'Models read from storage.',
      labelValues: { outcome: ['loaded', 'failed'] },
    });
    this.evictions = metrics.counter({ name: 'model_evictions_total', help: 'Models that left memory to make room.' });
    this.modelsResident = metrics.gauge({ name: 'models_resident', help: 'Models in memory.' });
    this.modelBytes = metrics.gauge({ name: 'model_memory_bytes', help: 'Memory of the models in memory, over all threads.' });
  }
}
