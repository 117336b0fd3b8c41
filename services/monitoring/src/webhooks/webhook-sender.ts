// SPDX-License-Identifier: Apache-2.0

export interface SendResult {
  delivered: boolean;
  /** Trying again cannot help: the address is refused, or the receiver says that the request is wrong. */
  permanent: boolean;
  /** We broke the call off: that says nothing of the receiver, which may or may not have the notification. */
  cancelled: boolean;
  /** 0 when there was no answer. */
  statusCode: number;
  error: string;
}

/** Posts one body to one receiver. Never throws: what went wrong is part of the result. */
export abstract class WebhookSender {
  /** Throws MONITORING.WEBHOOK_URL_REFUSED for an address that may not be called. */
  abstract check(url: string): Promise<void>;
  abstract send(url: string, body: unknown, signal: AbortSignal): Promise<SendResult>;
}
