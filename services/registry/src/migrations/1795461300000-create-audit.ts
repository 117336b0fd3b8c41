// SPDX-License-Identifier: Apache-2.0
import type { MigrationInterface, QueryRunner } from 'typeorm';

const up = `
CREATE TABLE audit_heads (
  workspace text PRIMARY KEY,
  sequence bigint NOT NULL,
  hash text NOT NULL
);
-- before_json and after_json are text, not jsonb: the hash covers their exact bytes.
CREATE TABLE audit_entries (
  workspace text NOT NULL,
  sequence bigint NOT NULL,
  time timestamptz(3) NOT NULL,
  actor text NOT NULL,
  action text NOT NULL,
  subject text NOT NULL,
  before_json text NOT NULL,
  after_json text NOT NULL,
  reason text NOT NULL,
  previous_hash text NOT NULL,
  hash text NOT NULL,
  PRIMARY KEY (workspace, sequence)
);
CREATE INDEX audit_entries_by_subject ON audit_entries (workspace, subject, sequence);
CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'audit entries are append-only' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER audit_entries_append_only BEFORE UPDATE OR DELETE ON audit_entries
  FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER audit_entries_no_truncate BEFORE TRUNCATE ON audit_entries
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();`;

export class CreateAudit1795461300000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(up);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE audit_entries, audit_heads; DROP FUNCTION refuse_audit_change()');
  }
}
