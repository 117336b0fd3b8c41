// SPDX-License-Identifier: Apache-2.0
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { UsageError } from '../local/options';

/** How large the demo is: `full` is the main job, `small` the same loop in an end-to-end test. */
export type DemoScale = 'full' | 'small';

export interface DemoOptions {
  home: string;
  portBase: number;
  broker: 'event-log' | 'kafka';
  keep: boolean;
  scale: DemoScale;
}

export const demoUsage = `npm run demo -- [options]
  --keep                     leave the platform running at the end
  --home <folder>            folder of the demo's data (default .demo/; data of an earlier demo in it is removed)
  --port-base <port>         first port (default 7100)
  --broker event-log|kafka   where events go (kafka needs KAFKA_BROKERS)
  --scale full|small         small: fewer rows and steps, as in the end-to-end test`;

/** Reads the command line; throws UsageError. */
export function parseDemoOptions(argv: string[], env: NodeJS.ProcessEnv): DemoOptions {
  let values;
  try {
    ({ values } = parseArgs({
      args: argv,
      options: {
        keep: { type: 'boolean' },
        home: { type: 'string' },
        'port-base': { type: 'string' },
        broker: { type: 'string' },
        scale: { type: 'string' },
      },
    }));
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  const portBase = Number(values['port-base'] ?? 7100);
  if (!Number.isInteger(portBase) || portBase < 1024 || portBase > 65300)
    throw new UsageError('--port-base must be from 1024 to 65300');
  const broker = values.broker ?? 'event-log';
  if (broker !== 'event-log' && broker !== 'kafka') throw new UsageError(`--broker must be event-log or kafka, not "${broker}"`);
  if (broker === 'kafka' && !env.KAFKA_BROKERS) throw new UsageError('--broker kafka needs KAFKA_BROKERS=host:port,...');
  const scale = values.scale ?? 'full';
  if (scale !== 'full' && scale !== 'small') throw new UsageError(`--scale must be full or small, not "${scale}"`);
  return { home: resolve(values.home ?? '.demo'), portBase, broker, keep: values.keep ?? false, scale };
}
