// SPDX-License-Identifier: Apache-2.0
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Datasets, their versions, the chunks that hold rows, and every upload with how it ended. */
export class CreateDatasets1795462000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table datasets (
        workspace text not null,
        id uuid not null,
        name text not null,
        description text not null default '',
        latest_version int not null default 0,
        create_time timestamptz not null,
        update_time timestamptz not null,
        primary key (workspace, id),
        unique (workspace, name)
      )`);
    await runner.query(`
      create table dataset_versions (
        workspace text not null,
        id uuid not null,
        dataset_id uuid not null,
        version int not null,
        kind text not null check (kind in ('raw', 'prepared', 'feedback')),
        state text not null check (state in ('committed', 'deleted')),
        content_digest text not null,
        rows_read bigint not null,
        rows_kept bigint not null,
        rows_quarantined bigint not null,
        quarantined_by_reason jsonb not null,
        bytes bigint not null,
        parent_version_ids text[] not null,
        produced_by text not null,
        tags jsonb not null,
        revision int not null default 1,
        create_time timestamptz not null,
        primary key (workspace, id),
        unique (workspace, dataset_id, version),
        foreign key (workspace, dataset_id) references datasets (workspace, id),
        check (rows_read = rows_kept + rows_quarantined)
      )`);
    await runner.query(`
      create table dataset_chunks (
        workspace text not null,
        version_id uuid not null,
        part text not null check (part in ('rows', 'quarantine')),
        first_ordinal bigint not null,
        rows int not null,
        bytes int not null,
        sha256 text not null,
        primary key (workspace, version_id, part, first_ordinal),
        foreign key (workspace, version_id) references dataset_versions (workspace, id)
      )`);
    await createUploads(runner);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table uploads, dataset_chunks, dataset_versions, datasets');
  }
}

async function createUploads(runner: QueryRunner): Promise<void> {
  await runner.query(`
    create table uploads (
      workspace text not null,
      id uuid not null,
      dataset text not null,
      state text not null check (state in ('committed', 'refused')),
      version_id uuid,
      code text not null default '',
      message text not null default '',
      bytes_read bigint not null,
      rows_read bigint not null,
      created_by text not null,
      create_time timestamptz not null,
      primary key (workspace, id)
    )`);
}
