// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Metrics } from '#libs/observability';
import { dropReasons } from './inferences/inference-queue';

const SMALL_SECONDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1];

/** The gateway's own metrics, each declared here once. */
@Injectable()
export class GatewayMetrics {
  readonly requests;
  readonly requestSeconds;
  readonly firstByteSeconds;
  readonly overheadSeconds;
  readonly tokens;
  readonly inFlight;
  readonly eventsQueued;
  readonly eventsFlushed;
  readonly eventsDropped;
  readonly eventsRecovered;
  readonly eventsUnprotected;
  readonly deploymentTasks;
  readonly routingRevision;
  readonly verdicts;

  constructor(metrics: Metrics) {
    this.requests = metrics.counter({
      name: 'requests_total',
      help: 'Requests on the OpenAI routes by operation and status class (2xx, 4xx, 499, 5xx).',
      labelValues: { operation: ['chat/completions', 'completions', 'models'], status: ['2xx', '4xx', '499', '5xx'] },
    });
    this.requestSeconds = metrics.histogram({
      name: 'request_seconds',
      help: 'From request to last byte.',
      labelNames: ['operation', 'streamed'],
    });
    this.firstByteSeconds = metrics.histogram({
      name: 'time_to_first_byte_seconds',
      help: 'From request to first byte.',
      labelNames: ['operation', 'streamed'],
    });
    this.overheadSeconds = metrics.histogram({
      name: 'overhead_seconds',
      help: 'Time that the gateway itself adds: total less the wait for the backend.',
      labelValues: { streamed: ['true', 'false'] },
      buckets: SMALL_SECONDS,
    });
    this.tokens = metrics.counter({
      name: 'tokens_total',
      help: 'Tokens that backends reported.',
      labelValues: { type: ['input', 'output'] },
    });
    this.inFlight = metrics.gauge({ name: 'requests_in_flight', help: 'Requests on the OpenAI routes at this moment.' });
    this.eventsQueued = metrics.gauge({ name: 'inference_events_queued', help: 'Inference events that wait in memory.' });
    this.eventsFlushed = metrics.counter({
      name: 'inference_events_flushed_total',
      help: 'Inference events written to the outbox.',
    });
    this.eventsDropped = metrics.counter({
      name: 'inference_events_dropped_total',
      help: 'Inference events lost, by reason; alert on any increase. GET /api/v1/inference-events/dropped lists them.',
      labelValues: { reason: dropReasons },
    });
    this.eventsRecovered = metrics.counter({
      name: 'inference_events_recovered_total',
      help: 'Inference events of a killed process, found in its journal; some may have been written by it.',
    });
    this.eventsUnprotected = metrics.counter({
      name: 'inference_events_unprotected_total',
      help: 'Inference events that a kill could have lost, since the journal was slow or could not be written.',
    });
    this.deploymentTasks = metrics.counter({
      name: 'deployment_tasks_total',
      help: 'Loads and unloads on backends.',
      labelValues: { task: ['load', 'unload'], outcome: ['ok', 'failed'] },
    });
    this.routingRevision = metrics.gauge({ name: 'routing_revision', help: 'Revision of the routing snapshot in use.' });
    this.verdicts = metrics.counter({
      name: 'rollout_verdicts_total',
      help: 'Verdicts received, by decision and by whether they changed anything.',
      labelNames: ['decision', 'effect'],
    });
  }
}
