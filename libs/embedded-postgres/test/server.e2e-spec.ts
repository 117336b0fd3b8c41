// SPDX-License-Identifier: Apache-2.0
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../src';

jest.setTimeout(60_000);

async function query<Row>(url: string, sql: string): Promise<Row[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows as Row[];
  } finally {
    await client.end();
  }
}

describe('embedded Postgres', () => {
  let directory: string;
  let server: EmbeddedPostgres | undefined;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'millrace-postgres-spec-'));
    chmodSync(directory, 0o755); // as root, the server's user must get through
  });
  afterEach(async () => {
    await server?.stop();
    server = undefined;
    rmSync(directory, { recursive: true, force: true });
  });

  it('asks for a password, syncs by default, and keeps data and port over a crash', async () => {
    server = await startEmbeddedPostgres({ directory });
    await expect(query(server.url().replace(server.password, 'wrong'), 'select 1')).rejects.toThrow(/password/);
    expect(await query(server.url(), 'show fsync')).toEqual([{ fsync: 'on' }]);
    await query(server.url(), 'create table kept (id int)');
    await query(server.url(), 'insert into kept values (7)');
    const { port } = server;
    await server.stop({ mode: 'immediate' });
    server = await startEmbeddedPostgres({ directory });
    expect(server.port).toBe(port);
    expect(await query(server.url(), 'select id from kept')).toEqual([{ id: 7 }]);
  });

  it('refuses a second server on the same folder, naming the first', async () => {
    server = await startEmbeddedPostgres({ directory, fsync: false });
    await expect(startEmbeddedPostgres({ directory, fsync: false })).rejects.toThrow(new RegExp(`process ${server.pid}`));
    expect(await query(server.url(), 'select 1 as one')).toEqual([{ one: 1 }]);
  });

  it('refuses a fixed port that is taken', async () => {
    const squatter = createServer();
    await new Promise<void>((resolve) => squatter.listen(0, '127.0.0.1', resolve));
    const { port } = squatter.address() as AddressInfo;
    try {
      await expect(startEmbeddedPostgres({ directory, port, fsync: false })).rejects.toThrow(
        `Port ${port} on 127.0.0.1 is taken`,
      );
    } finally {
      await new Promise((resolve) => squatter.close(resolve));
    }
  });
});
