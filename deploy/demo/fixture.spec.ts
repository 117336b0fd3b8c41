// SPDX-License-Identifier: Apache-2.0
import { demoSizes } from './demo-context';
import { everydayTraffic, firstPool, readFixture } from './fixture';

describe('everyday traffic of the demo', () => {
  const fixture = readFixture();

  it.each(['full', 'small'] as const)('asks nothing at %s scale that is in the first dataset', (scale) => {
    const sizes = demoSizes[scale];
    const pooled = new Set(firstPool(fixture, sizes).map((row) => row.id));
    const asked = everydayTraffic(fixture, sizes);
    expect(asked).toHaveLength(sizes.periodOneRequests);
    expect(asked.filter((row) => pooled.has(row.id))).toEqual([]);
  });

  it('refuses sizes that the fixture cannot keep apart', () => {
    expect(() => everydayTraffic(fixture, { pooledRestRows: 480, periodOneRequests: 380 })).toThrow(
      /220 are left beside the pool/,
    );
  });
});
