// SPDX-License-Identifier: Apache-2.0
import { DeliverWebhooks } from '../../services/monitoring/src/webhooks/deliver-webhooks';
import { replaceMethod, replaceSql, type Mutant, type Self } from './mutant';

/** Ways to break the deliveries of monitoring's webhooks. */
export const WEBHOOK_MUTANTS: readonly Mutant[] = [
  {
    name: 'settle a delivery without looking at its fence',
    world: 'webhooks',
    twist: {
      sql: (sql) =>
        sql.startsWith('update webhook_deliveries set state') ? sql.replace('fence = $3', '$3::text is not null') : sql,
    },
  },
  {
    name: 'claim a delivery that another replica calls for',
    world: 'webhooks',
    twist: replaceSql('and attempt_time <= $2::timestamptz', 'and $2::text is not null'),
  },
  {
    name: 'mark a delivery as delivered before the call',
    world: 'webhooks',
    apply: replaceMethod(
      DeliverWebhooks,
      'drive',
      (original) =>
        async function (this: Self, delivery: Self, signal: Self) {
          const outcome = this.outcomeOf(delivery, { delivered: true, permanent: false, statusCode: 200, error: '' });
          await this.webhooks.settle(this.db, outcome);
          return original.call(this, delivery, signal);
        },
    ),
  },
  {
    name: 'give a delivery up as soon as its receiver does not answer',
    world: 'webhooks',
    apply: replaceMethod(
      DeliverWebhooks,
      'outcomeOf',
      (original) =>
        function (this: Self, delivery: Self, result: Self) {
          return original.call(this, delivery, { ...result, permanent: result.statusCode === 0 });
        },
    ),
  },
  {
    name: 'give up a call that was broken off',
    world: 'webhooks',
    apply: replaceMethod(
      DeliverWebhooks,
      'drive',
      (original) =>
        async function (this: Self, delivery: Self, signal: Self) {
          const send = async (...args: Self[]): Promise<Self> => {
            const result = await this.sender.send(...args);
            return result.cancelled ? { ...result, cancelled: false, permanent: true } : result;
          };
          return original.call(Object.assign(Object.create(this), { sender: { send } }), delivery, signal);
        },
    ),
  },
];
