// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { hasCode } from '#libs/errors';
import { assertPublicUrl, OutboundHttp } from '#libs/http';
import { ShutdownSequence } from '#libs/observability';
import { MonitoringSettings } from '../config';
import { MonitoringErrors } from '../monitoring.errors';
import { CALLS_MAX } from './webhook-calls';
import { WebhookSender, type SendResult } from './webhook-sender';

/** Sends through the guarded client: public addresses only, unless OUTBOUND_ALLOW_HOSTS names the host. */
@Injectable()
export class OutboundWebhookSender extends WebhookSender {
  private readonly http: OutboundHttp;

  constructor(
    private readonly settings: MonitoringSettings,
    shutdown: ShutdownSequence,
  ) {
    super();
    // Tenants may have receivers at one origin: none waits for another's connection.
    this.http = new OutboundHttp(settings.outboundAllowHosts, { connectionsPerOriginMax: CALLS_MAX });
    shutdown.on('flush', 'webhooks', () => this.http.close());
  }

  async check(url: string): Promise<void> {
    try {
      assertPublicUrl(url, this.settings.outboundAllowHosts);
    } catch (error) {
      throw MonitoringErrors.WEBHOOK_URL_REFUSED(`url: ${(error as Error).message}`, { field: 'url' }, error);
    }
  }

  async send(url: string, body: unknown, signal: AbortSignal): Promise<SendResult> {
    try {
      const answer = await this.http.request(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'user-agent': 'Millrace/1 (Alertmanager webhook v4)' },
        body: JSON.stringify(body),
        timeoutMs: this.settings.webhookTimeoutSeconds * 1000,
        signal,
      });
      const delivered = answer.status >= 200 && answer.status < 300;
      // 408 and 429 ask for another try; other 4xx will say the same again.
      const permanent = answer.status >= 400 && answer.status < 500 && answer.status !== 408 && answer.status !== 429;
      return {
        delivered,
        permanent,
        cancelled: false,
        statusCode: answer.status,
        error: delivered ? '' : `the receiver answered ${answer.status}`,
      };
    } catch (error) {
      return {
        delivered: false,
        permanent: hasCode(error, 'OUTBOUND.ADDRESS_REFUSED'),
        cancelled: hasCode(error, 'COMMON.CANCELLED'),
        statusCode: 0,
        error: (error as Error).message,
      };
    }
  }
}
