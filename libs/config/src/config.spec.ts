// SPDX-License-Identifier: Apache-2.0
import { IsInt, Max, Min, MinLength } from 'class-validator';
import { effectiveSettings, loadSettings, Setting, SettingsError, ServiceSettings, settingsTable, toEnvName } from './index';

class ShelfSettings extends ServiceSettings {
  static readonly service = 'registry';

  @Setting({ doc: 'Days that an approval | waits.', default: 5 })
  @IsInt()
  @Min(1)
  @Max(30)
  approvalDaysMax: number;

  @Setting({ doc: 'Password of the shelf.', secret: true, default: 'long enough' })
  @MinLength(8)
  shelfPassword: string;

  @Setting({ doc: 'Colours.', default: [] })
  colours: string[];

  @Setting({ doc: 'Dry run.', default: false })
  dryRun: boolean;

  @Setting({ doc: 'Optional note.', optional: true })
  note?: string;
}

class DataPrepSettings extends ServiceSettings {}

const DATABASE_URL = 'postgresql://millrace:pw@127.0.0.1:7132/millrace_registry';

function faultsOf(env: Record<string, string>): string[] {
  try {
    loadSettings(ShelfSettings, env);
  } catch (error) {
    if (error instanceof SettingsError) return error.faults.map((fault) => `${fault.env}: ${fault.message}`);
    throw error;
  }
  return [];
}

describe('loadSettings', () => {
  it('reads, converts and fills in defaults', () => {
    const settings = loadSettings(ShelfSettings, {
      DATABASE_URL,
      APPROVAL_DAYS_MAX: '7',
      COLOURS: 'red, blue,',
      DRY_RUN: 'yes',
      HTTP_HOST: '',
    });
    expect(settings).toMatchObject({
      approvalDaysMax: 7,
      colours: ['red', 'blue'],
      dryRun: true,
      note: undefined,
      httpHost: '127.0.0.1',
      httpPort: 7104,
      grpcPort: 7204,
      auth: 'off',
      eventLogUrl: 'postgresql://millrace:pw@127.0.0.1:7132/millrace_events',
    });
  });

  it('takes the service from the class name when nothing else says it', () => {
    expect(loadSettings(DataPrepSettings, { DATABASE_URL })).toMatchObject({ httpPort: 7102, grpcPort: 7202 });
  });

  it('reports every fault at once, by variable', () => {
    const faults = faultsOf({
      APPROVAL_DAYS_MAX: '31',
      HTTP_PORT: 'abc',
      DRY_RUN: 'maybe',
      MILLRACE_AUTH: 'sometimes',
      KAFKA_BROKERS: 'host',
    });
    expect(faults).toEqual(
      expect.arrayContaining([
        'HTTP_PORT: must be a number (is "abc")',
        "DATABASE_URL: is required: URL of the service's own PostgreSQL database.",
        'DRY_RUN: must be true or false (is "maybe")',
        'APPROVAL_DAYS_MAX: must not be greater than 30 (is 31)',
        'MILLRACE_AUTH: must be one of the following values: on, off (is "sometimes")',
        'KAFKA_BROKERS: must be host:port (is ["host"])',
      ]),
    );
  });

  it('never shows the value of a secret', () => {
    const faults = faultsOf({ DATABASE_URL, SHELF_PASSWORD: 'hunter2' });
    expect(faults).toHaveLength(1);
    expect(faults[0]).not.toContain('hunter2');
    const shown = effectiveSettings(loadSettings(ShelfSettings, { DATABASE_URL, SHELF_PASSWORD: 'hunter2hunter2' }));
    expect(shown.SHELF_PASSWORD).toBe('***');
    expect(shown.DATABASE_URL).toBe('postgresql://millrace:***@127.0.0.1:7132/millrace_registry');
  });
});

describe('settingsTable', () => {
  it('has a row for each setting, base class first, with cells escaped', () => {
    const lines = settingsTable(ShelfSettings).split('\n');
    expect(lines[2]).toContain('`HTTP_HOST` | `127.0.0.1`');
    expect(lines).toContain('| `APPROVAL_DAYS_MAX` | `5` | Days that an approval \\| waits. |');
    expect(lines).toContain('| `HTTP_PORT` | `7104` | HTTP port; 0 = any free one. |');
    expect(settingsTable(ShelfSettings)).toContain('`DATABASE_URL` | **required**');
  });

  it('names variables after properties', () => {
    expect(toEnvName('approvalDaysMax')).toBe('APPROVAL_DAYS_MAX');
    expect(toEnvName('s3Endpoint')).toBe('S3_ENDPOINT');
  });
});
