// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Events } from '#libs/contracts';
import { EventPublisher } from '#libs/messaging';
import type { Transaction } from '#libs/persistence';
import type { RecipeRunRecord } from './recipe-record';

/** What data-prep tells others about recipe runs. */
@Injectable()
export class RecipeRunEvents {
  constructor(private readonly events: EventPublisher) {}

  async succeeded(tx: Transaction, run: RecipeRunRecord): Promise<void> {
    const rowsDropped: Record<string, string> = {};
    for (const step of run.report?.steps ?? []) {
      for (const [rule, count] of Object.entries(step.droppedByRule))
        rowsDropped[`steps[${step.index}].${step.kind}: ${rule}`] = String(count);
    }
    await this.events.publish(tx, Events.RecipeRunSucceeded, {
      ...keys(run),
      data: {
        recipeRunId: run.id,
        recipeName: run.recipeName,
        recipeDigest: run.recipeDigest,
        inputVersionId: run.inputVersionId,
        outputs: run.outputs.map((output) => ({ ...output, rows: String(output.rows) })),
        rowsRead: String(run.rowsRead),
        rowsDropped,
      },
    });
  }

  /** Also for a cancelled run: it ended without outputs. */
  async failed(tx: Transaction, run: RecipeRunRecord): Promise<void> {
    const data = { recipeRunId: run.id, recipeName: run.recipeName, code: run.errorCode, message: run.errorMessage };
    await this.events.publish(tx, Events.RecipeRunFailed, { ...keys(run), data });
  }
}

function keys(run: RecipeRunRecord) {
  return { workspace: run.workspace, aggregateId: run.id, aggregateVersion: run.revision };
}
