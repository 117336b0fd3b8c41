// SPDX-License-Identifier: Apache-2.0
import { backoffSeconds } from './deliver-webhooks';

describe('webhook back-off', () => {
  it('doubles from one second to ten minutes', () => {
    expect([1, 2, 3, 5, 30].map(backoffSeconds)).toEqual([1, 2, 4, 16, 600]);
  });
});
