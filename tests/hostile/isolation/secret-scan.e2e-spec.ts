// SPDX-License-Identifier: Apache-2.0
import { useTestDatabase } from '#libs/testing';
import { SecretScan } from './secret-scan';

const secret = 'canary-of-this-spec-77d0aa';

describe('the scan of a database', () => {
  const database = useTestDatabase('secret-scan-spec');

  it('finds a secret in a text, a JSON value, bytes and a list, in any schema, behind many rows', async () => {
    await database.db.query(`create schema other`);
    await database.db.query(`create table in_text (n int, value text)`);
    await database.db.query(`insert into in_text select n, 'nothing' from generate_series(1, 1200) n`);
    await database.db.query(`insert into in_text values (1201, $1)`, [`Bearer ${secret}`]);
    await database.db.query(
      `create table other.in_json as select jsonb_build_object('a', jsonb_build_array($1::text)) as value`,
      [secret],
    );
    await database.db.query(`create table in_bytes as select decode('ff00', 'hex') || convert_to($1, 'utf8') as value`, [secret]);
    await database.db.query(`create table in_list as select array['x', $1::text] as value`, [secret]);
    await database.db.query(`create table in_none as select 'canary-of-another' as value`);
    const scan = new SecretScan({ canary: secret });
    await scan.lookAtDatabase('spec', database.db);
    expect([...scan.leaks].sort()).toEqual([
      'canary in database spec other.in_json',
      'canary in database spec public.in_bytes',
      'canary in database spec public.in_list',
      'canary in database spec public.in_text',
    ]);
  });
});
