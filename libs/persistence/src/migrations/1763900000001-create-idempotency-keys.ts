// SPDX-License-Identifier: Apache-2.0
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** First answers by request id (P5); rows live 24 hours. */
export class CreateIdempotencyKeys1763900000001 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table idempotency_keys (
        workspace text not null,
        operation text not null,
        request_id text not null,
        request_hash bytea not null,
        response jsonb,
        created_at timestamptz not null default now(),
        primary key (workspace, operation, request_id)
      );
      create index idempotency_keys_created_at on idempotency_keys (created_at);
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table idempotency_keys');
  }
}
