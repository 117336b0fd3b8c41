// SPDX-License-Identifier: Apache-2.0
import { walkTheLoop } from '../support/walk-the-loop';

describe('the loop on the embedded broker', () => {
  it('closes: rows, model, traffic, feedback, better model, canaries; every fact observed', async () => {
    await walkTheLoop([], {});
  }, 300_000);
});
