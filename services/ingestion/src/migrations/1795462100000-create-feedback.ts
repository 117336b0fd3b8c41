// SPDX-License-Identifier: Apache-2.0
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Ingestion's own copy of the feedback that monitoring accepted, fed by its events. */
export class CreateFeedback1795462100000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table feedback (
        workspace text not null,
        id text not null,
        inference_id text not null,
        model_name text not null,
        model_version int not null,
        metric text not null,
        value jsonb,
        correction text not null,
        input_text text not null,
        output_text text not null,
        rater_hash text not null,
        occurred_time timestamptz not null,
        primary key (workspace, id)
      )`);
    await runner.query('create index feedback_by_model on feedback (workspace, model_name, occurred_time)');
    // A retraction may overtake its feedback after a replay: it is kept and applied when the feedback comes.
    await runner.query(`
      create table feedback_retractions (
        workspace text not null,
        feedback_id text not null,
        reason text not null,
        primary key (workspace, feedback_id)
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table feedback, feedback_retractions');
  }
}
