// SPDX-License-Identifier: Apache-2.0

/** One partition of one topic. */
export interface Place {
  topic: string;
  partition: number;
}

/** Key of a partition in a map. */
export function placeOf({ topic, partition }: Place): string {
  return `${topic}/${partition}`;
}
