// SPDX-License-Identifier: Apache-2.0
// Preloaded into the services of the soak: the heap that /metrics tells of is what is alive. Without it the figure says mostly how long
// ago the last full collection was, and its swings over many minutes hide a slope, or look like one.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose_gc');
const collect = runInNewContext('gc') as () => void;
const { memoryUsage } = process;

process.memoryUsage = Object.assign(
  () => {
    collect();
    return memoryUsage();
  },
  { rss: memoryUsage.rss },
);
