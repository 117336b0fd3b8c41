// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Database, decodePageToken, encodePageToken, pageSize } from '#libs/persistence';
import type { AuditEntry } from './audit-entry';
import { AuditLog } from './audit.repository';

/** Reads the audit of a workspace: in order, or its newest entries. */
@Injectable()
export class ListAudit {
  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
  ) {}

  async execute(
    workspace: string,
    query: { subject: string; pageSize?: number; pageToken?: string },
  ): Promise<{ entries: AuditEntry[]; nextPageToken: string }> {
    const { subject } = query;
    const [after] = decodePageToken(query.pageToken, ['integer'], ['audit', workspace, subject]) ?? [0];
    const limit = pageSize(query.pageSize);
    const { entries, more } = await this.audit.list(this.db, workspace, { subject, afterSequence: Number(after), limit });
    const last = entries.at(-1);
    return {
      entries,
      nextPageToken: more && last ? encodePageToken([last.sequence], ['audit', workspace, subject]) : '',
    };
  }

  /** Newest first. */
  tail(workspace: string, limit: number): Promise<AuditEntry[]> {
    return this.audit.tail(this.db, workspace, limit);
  }
}
