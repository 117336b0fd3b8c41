// SPDX-License-Identifier: Apache-2.0
import { MONITOR_CONFIG_DEFAULT, parseMonitorConfig } from './monitor';

describe('monitor config', () => {
  const faults = (given: Record<string, unknown>): string[] => {
    try {
      parseMonitorConfig(given);
    } catch (error) {
      return (error as { details: { violations: { field: string }[] } }).details.violations.map((violation) => violation.field);
    }
    return [];
  };

  it('fills in defaults', () => {
    expect(parseMonitorConfig({ rise: 0.2 })).toEqual({ ...MONITOR_CONFIG_DEFAULT, rise: 0.2 });
  });

  it('names every wrong field', () => {
    expect(faults({ windw: 1, evaluateSeconds: 1.5, severity: 'loud', baseRate: 2 })).toEqual([
      'config.windw',
      'config.evaluateSeconds',
      'config.severity',
      'config.baseRate',
    ]);
    expect(faults({ windowMin: 400 })).toEqual(['config.windowMin']);
    expect(faults({ baseRate: 0.9, rise: 0.2 })).toEqual(['config.rise']);
  });
});
