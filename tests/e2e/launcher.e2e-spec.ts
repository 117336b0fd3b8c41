// SPDX-License-Identifier: Apache-2.0
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { eventually } from '#libs/testing';
import { grpcPort, postgresPort, processNames, type ProcessName } from '../../deploy/local/processes';
import { BuiltProgram, freePortBase, LaunchedPlatform, removeHome, temporaryHome } from '../support/launched-platform';
import { processesBelow, stillRunning } from '../support/process-tree';

const LAUNCHER = 'deploy/local/main.js';
const ROWS = '{"text":"a tall oak","label":"plant"}\n{"text":"a small dog","label":"animal"}\n';

jest.setTimeout(120_000);

/** Runs the launcher to its end, which must come by itself. */
async function runToEnd(args: string[], env: Record<string, string> = {}): Promise<{ code: number | null; output: string }> {
  const program = new BuiltProgram(LAUNCHER, args, env);
  const code = await program.ended;
  return { code, output: program.output };
}

async function occupy(port: number): Promise<Server> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return server;
}

const close = (server: Server) => new Promise((resolve) => server.close(resolve));

async function isReady(platform: LaunchedPlatform, name: ProcessName): Promise<boolean> {
  return (await fetch(`${platform.http(name)}/health/ready`)).ok;
}

describe('a start that cannot work', () => {
  let home: string;
  beforeAll(() => {
    home = temporaryHome();
  });
  afterAll(() => removeHome(home));

  it.each([
    [['--colour', 'red'], '--colour'],
    [['--port-base', '80'], '--port-base must be a whole number from 1024 to 65300, not "80"'],
    [['--broker', 'rabbit'], '--broker must be event-log or kafka, not "rabbit"'],
    [['--broker', 'kafka'], '--broker kafka needs KAFKA_BROKERS'],
    [['--only', 'ingestion,trainning'], '--only: unknown process trainning; known: gateway, ingestion'],
  ])('exits 64 for the flags %j, naming what is wrong and what there is', async (args, message) => {
    const { code, output } = await runToEnd(args);
    expect(output).toContain(message);
    expect(output).toContain('--home <folder>');
    expect(code).toBe(64);
  });

  it('refuses a port that is taken, with whom it was for', async () => {
    const portBase = await freePortBase();
    const server = await occupy(grpcPort(portBase, 'registry') as number);
    try {
      const { code, output } = await runToEnd(['--home', home, '--port-base', String(portBase)]);
      expect(output).toContain(`these ports are taken: ${portBase + 104} (registry gRPC)`);
      expect(output).toContain('--port-base');
      expect(code).toBe(1);
    } finally {
      await close(server);
    }
  });

  it('refuses the port of Postgres when it is taken', async () => {
    const portBase = await freePortBase();
    const server = await occupy(postgresPort(portBase));
    try {
      const { code, output } = await runToEnd(['--home', home, '--port-base', String(portBase), '--only', 'ingestion']);
      expect(output).toContain(`Port ${portBase + 32} on 127.0.0.1 is taken`);
      expect(output).toContain('for Postgres');
      expect(code).toBe(1);
    } finally {
      await close(server);
    }
  });

  it('gives up at once when a process refuses its settings, and says where the reason is', async () => {
    const args = ['--home', home, '--port-base', String(await freePortBase()), '--only', 'runtime'];
    const { code, output } = await runToEnd(args, { LOG_LEVEL: 'loud' });
    expect(output).toContain(`runtime refused its settings: see ${home}/logs/runtime.log`);
    expect(code).toBe(1);
  });
});

describe('a demo that cannot work', () => {
  it('the demo exits 64 for a wrong flag and for a home that is not its own, and touches nothing there', async () => {
    const home = temporaryHome();
    try {
      writeFileSync(join(home, 'thesis.txt'), 'mine');
      const flags = new BuiltProgram('deploy/demo/main.js', ['--scale', 'huge', '--home', home]);
      expect(await flags.ended).toBe(64);
      expect(flags.output).toContain('--scale');
      const foreign = new BuiltProgram('deploy/demo/main.js', ['--home', home]);
      expect(await foreign.ended).toBe(64);
      expect(foreign.output).toContain(`${home} holds something that is not an earlier demo`);
      expect(readdirSync(home)).toEqual(['thesis.txt']);
    } finally {
      rmSync(home, { recursive: true, force: true });
    }
  });
});

describe('a process with wrong settings', () => {
  it.each(processNames)('%s exits 78 and names every variable', async (name) => {
    const program = new BuiltProgram(`services/${name}/src/main.js`, [], {
      HTTP_PORT: 'abc',
      LOG_LEVEL: 'loud',
      SHUTDOWN_SECONDS: '-1',
    });
    const code = await program.ended;
    const missing = name === 'runtime' ? [] : ['DATABASE_URL: is required', 'EVENT_LOG_URL: is required'];
    for (const expected of ['HTTP_PORT: must be a number (is "abc")', 'LOG_LEVEL: ', 'SHUTDOWN_SECONDS: ', ...missing]) {
      expect(program.output).toContain(expected);
    }
    expect(code).toBe(78);
  });
});

describe('a local platform', () => {
  const home = temporaryHome();
  let platform: LaunchedPlatform;
  let versionId: string;

  const dataset = async (): Promise<{ status: number; rows: number }> => {
    const response = await fetch(`${platform.http('ingestion')}/api/v1/dataset-versions/${versionId}`);
    const body = (await response.json()) as { rowsKept?: number | string };
    return { status: response.status, rows: Number(body.rowsKept) };
  };

  beforeAll(async () => {
    platform = await LaunchedPlatform.start([], {}, home);
    const response = await fetch(`${platform.http('ingestion')}/api/v1/datasets/kept/versions?format=jsonl`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson' },
      body: ROWS,
    });
    expect(response.status).toBe(201);
    versionId = ((await response.json()) as { id: string }).id;
  });
  afterAll(async () => {
    platform.program.kill('SIGINT');
    await platform.program.ended;
    removeHome(home);
  });

  it('has every process ready, each in the table of addresses', async () => {
    for (const name of processNames) {
      expect(await isReady(platform, name)).toBe(true);
      expect(platform.program.output).toContain(platform.http(name));
    }
  });

  it('lets no second launcher into its home', async () => {
    const { code, output } = await runToEnd(['--home', home, '--port-base', String(await freePortBase())]);
    expect(output).toContain(`${home} is in use by process ${platform.program.pid}`);
    expect(code).toBe(64);
    expect(await dataset()).toEqual({ status: 200, rows: 2 });
  });

  it('starts a killed process again, ready within 20 s', async () => {
    const find = () =>
      processesBelow(platform.program.pid).find(({ command }) => command.includes('services/registry/src/main.js'));
    const before = find();
    if (!before) throw new Error('no registry process was found below the launcher');
    process.kill(before.pid, 'SIGKILL');
    await platform.program.said('registry was killed by SIGKILL; restart in 500 ms', 5_000);
    await eventually(() => isReady(platform, 'registry'), { intervalMs: 100 });
    expect(find()?.pid).not.toBe(before.pid);
  });

  it('starts a killed Postgres again; the services outlive it and have their data', async () => {
    const postmaster = processesBelow(platform.program.pid).find(({ command }) => /^\S+\/bin\/postgres /.test(command));
    const services = processesBelow(platform.program.pid).filter(({ command }) => command.includes('/services/'));
    if (!postmaster) throw new Error('no Postgres was found below the launcher');
    process.kill(postmaster.pid, 'SIGKILL');
    await platform.program.said('Postgres is back', 30_000);
    for (const name of processNames) await eventually(() => isReady(platform, name), { intervalMs: 100 });
    expect(await dataset()).toEqual({ status: 200, rows: 2 });
    expect(stillRunning(services)).toHaveLength(processNames.length);
  });

  it('leaves no process behind when its launcher is killed, and the next start goes on with the data', async () => {
    const before = processesBelow(platform.program.pid);
    expect(before.filter(({ command }) => command.includes('postgres')).length).toBeGreaterThan(0);
    expect(before.filter(({ command }) => command.includes('/services/')).length).toBe(processNames.length);
    platform.program.kill('SIGKILL');
    await eventually(() => expect(stillRunning(before)).toEqual([]), { intervalMs: 100 });
    platform = await LaunchedPlatform.start([], {}, home);
    expect(await dataset()).toEqual({ status: 200, rows: 2 });
  });

  it('stops on Ctrl-C within 25 s with exit code 0, and nothing of it stays', async () => {
    const before = processesBelow(platform.program.pid);
    const startedAt = performance.now();
    expect(await platform.stop({ keepData: true })).toBe(0);
    expect(performance.now() - startedAt).toBeLessThan(25_000);
    expect(platform.program.output).toContain('data is in');
    expect(stillRunning(before)).toEqual([]);
  });

  it('with --only starts that and nothing else, on the same data', async () => {
    platform = await LaunchedPlatform.start(['--only', 'ingestion'], {}, home);
    expect(await dataset()).toEqual({ status: 200, rows: 2 });
    const services = processesBelow(platform.program.pid).filter(({ command }) => command.includes('/services/'));
    expect(services.map(({ command }) => /services\/([a-z-]+)\//.exec(command)?.[1])).toEqual(['ingestion']);
    for (const name of processNames.filter((each) => each !== 'ingestion')) {
      await expect(fetch(`${platform.http(name)}/health/live`)).rejects.toThrow('fetch failed');
      expect(platform.program.output).not.toContain(platform.http(name));
    }
  });
});
