// SPDX-License-Identifier: Apache-2.0
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The queue of jobs, profiles, recipes, their runs and the ledger. */
export class CreateProfilesAndRecipes1795461600000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await this.createJobs(runner);
    await this.createRecipes(runner);
    await this.createLedger(runner);
  }

  private async createJobs(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table jobs (
        workspace text not null,
        id uuid not null,
        kind text not null check (kind in ('profile', 'recipe-run')),
        attempts int not null default 0,
        fence bigint not null default 0,
        worker text,
        lease_until timestamptz,
        not_before timestamptz not null default now(),
        traceparent text,
        create_time timestamptz not null default now(),
        primary key (workspace, id)
      )`);
    await runner.query('create index jobs_due on jobs (not_before, create_time)');
    await runner.query(`
      create table profiles (
        workspace text not null,
        id uuid not null,
        dataset_version_id text not null,
        dataset_name text not null,
        dataset_version int not null,
        state text not null check (state in ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
        result jsonb,
        report_sha256 text,
        error_code text not null default '',
        error_message text not null default '',
        revision int not null default 1,
        create_time timestamptz not null,
        update_time timestamptz not null,
        primary key (workspace, id),
        unique (workspace, dataset_version_id)
      )`);
  }

  private async createRecipes(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table recipes (
        workspace text not null,
        name text not null,
        version int not null,
        text text not null,
        digest text not null,
        created_by text not null,
        create_time timestamptz not null,
        primary key (workspace, name, version)
      )`);
    await runner.query(`
      create table recipe_runs (
        workspace text not null,
        id uuid not null,
        recipe_name text not null,
        recipe_digest text not null,
        recipe_text text not null,
        input_version_id text not null,
        output_dataset text not null,
        tags jsonb not null,
        state text not null check (state in ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
        stage text not null default '',
        rows_read bigint not null default 0,
        rows_total bigint not null default 0,
        attempts int not null default 0,
        ledger_fence bigint,
        report jsonb,
        outputs jsonb not null default '[]',
        error_code text not null default '',
        error_message text not null default '',
        created_by text not null,
        revision int not null default 1,
        create_time timestamptz not null,
        update_time timestamptz not null,
        primary key (workspace, id)
      )`);
  }

  private async createLedger(runner: QueryRunner): Promise<void> {
    // Each try writes under its own fence; only the entries of the try that ended the run are shown.
    await runner.query(`
      create table ledger_entries (
        workspace text not null,
        run_id uuid not null,
        fence bigint not null,
        position bigint not null,
        row_id text not null,
        ordinal bigint not null,
        step_index int not null,
        step text not null,
        action text not null check (action in ('dropped', 'changed')),
        rule text not null,
        value text,
        threshold text,
        kept_row_id text,
        jaccard float8,
        primary key (workspace, run_id, fence, position),
        foreign key (workspace, run_id) references recipe_runs (workspace, id) on delete cascade
      )`);
    await runner.query('create index ledger_entries_row on ledger_entries (workspace, run_id, row_id)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table ledger_entries, recipe_runs, recipes, profiles, jobs');
  }
}
