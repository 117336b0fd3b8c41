// SPDX-License-Identifier: Apache-2.0
import { createHmac } from 'node:crypto';
import { IsInt, IsString, Max, Min, MinLength } from 'class-validator';
import { ServiceSettings, Setting } from '#libs/config';

/** Settings of monitoring. */
export class MonitoringSettings extends ServiceSettings {
  @Setting({
    doc: 'Key of the hashes that stand for rater ids; changing it separates old raters from new ones.',
    default: ({ settings }) => raterKeyFrom(settings['authSigningKey']),
    defaultDoc: 'derived from AUTH_SIGNING_KEY',
    secret: true,
  })
  @IsString()
  @MinLength(16)
  raterHashKey: string;

  @Setting({ doc: 'Pieces of feedback of one rater that count per UTC day; the rest is kept as capped.', default: 500 })
  @IsInt()
  @Min(1)
  feedbackPerRaterDayMax: number;

  @Setting({ doc: 'Pieces of feedback in one HTTP batch or gRPC request.', default: 1000 })
  @IsInt()
  @Min(1)
  @Max(10_000)
  feedbackBatchMax: number;

  @Setting({ doc: 'Seconds after new feedback until the raters of its workspace are judged again.', default: 10 })
  @IsInt()
  @Min(0)
  raterReviewSeconds: number;

  @Setting({ doc: 'Days of feedback that raters are judged by.', default: 30 })
  @IsInt()
  @Min(1)
  raterReviewDays: number;

  @Setting({ doc: 'Milliseconds between two looks for monitors, rollouts, raters and deliveries that are due.', default: 1000 })
  @IsInt()
  @Min(50)
  evaluationIntervalMs: number;

  @Setting({ doc: 'Seconds between two evaluations of a live rollout.', default: 2 })
  @IsInt()
  @Min(0)
  verdictIntervalSeconds: number;

  @Setting({ doc: 'Least rated requests per arm before a rollout is judged at all.', default: 20 })
  @IsInt()
  @Min(5)
  verdictEventsPerArmMin: number;

  @Setting({ doc: 'Seconds that a step of a rollout must have run before it can be promoted.', default: 0 })
  @IsInt()
  @Min(0)
  verdictDwellSeconds: number;

  @Setting({ doc: 'Accepted corrections that must wait before an alert leads to a retraining proposal.', default: 100 })
  @IsInt()
  @Min(0)
  proposalCorrectionsMin: number;

  @Setting({ doc: 'Accepted corrections that lead to a retraining proposal without any alert.', default: 1000 })
  @IsInt()
  @Min(1)
  proposalVolumeMin: number;

  @Setting({ doc: 'Alias whose version counts as the one that serves.', default: 'champion' })
  @IsString()
  servingAlias: string;

  @Setting({ doc: 'Seconds for one webhook call.', default: 5 })
  @IsInt()
  @Min(1)
  @Max(60)
  webhookTimeoutSeconds: number;

  @Setting({ doc: 'Tries of one webhook delivery before it is given up.', default: 10 })
  @IsInt()
  @Min(1)
  webhookAttemptsMax: number;

  @Setting({
    doc: 'Base URL of this service in alerts and webhook bodies.',
    default: ({ settings }) => `http://${String(settings['httpHost'])}:${String(settings['httpPort'])}`,
    defaultDoc: 'http://HTTP_HOST:HTTP_PORT',
  })
  @IsString()
  publicUrl: string;

  @Setting({
    doc: 'Days that inferences, ended webhook deliveries and the daily counts of raters are kept; minute rollups and feedback stay.',
    default: 90,
  })
  @IsInt()
  @Min(1)
  retentionDays: number;
}

// The platform's key is secret and stays; without one (local specs) there is nobody to hide raters from.
function raterKeyFrom(signingKey: unknown): string {
  if (typeof signingKey !== 'string' || signingKey === '') return 'millrace-local-rater-key';
  return createHmac('sha256', signingKey).update('millrace rater hash').digest('hex');
}
