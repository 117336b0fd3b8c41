// SPDX-License-Identifier: Apache-2.0
import { IdlePause } from './idle-pause';

const pauses = (pause: IdlePause, count: number): number[] => Array.from({ length: count }, () => pause.next());

describe('IdlePause', () => {
  it('gets long after eight looks at nothing, and short again when something was found', () => {
    const pause = new IdlePause(250);
    expect(pauses(pause, 10)).toEqual([...Array<number>(8).fill(250), 2_000, 2_000]);
    pause.reset();
    expect(pauses(pause, 1)).toEqual([250]);
  });

  it('is never longer than eight times the first nor than its bound, and never shorter than the first', () => {
    expect(pauses(new IdlePause(50), 9).at(-1)).toBe(400);
    expect(pauses(new IdlePause(60_000), 9).at(-1)).toBe(60_000);
  });
});
