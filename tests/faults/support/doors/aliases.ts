// SPDX-License-Identifier: Apache-2.0
import type { Operation } from '../operation';
import { Door, type Answer, type Request } from './door';

const MODELS = 2;

/** Moves of the alias `champion` of two models between two versions each, one at a time per model. */
export class AliasesDoor extends Door {
  override readonly waitingMax = MODELS;
  private readonly busy = new Set<string>();
  private readonly pointsTo = new Map<string, number>();
  private nextModel = 0;

  override async prepare(): Promise<void> {
    for (let index = 0; index < MODELS; index += 1) {
      const name = `moved-${index}`;
      await this.insist('registry', '/api/2.0/mlflow/registered-models/create', { name });
      for (let version = 1; version <= 2; version += 1) {
        await this.insist('registry', '/api/2.0/mlflow/model-versions/create', {
          name,
          source: `s3://models/${name}/${version}`,
        });
      }
    }
  }

  next(requestId: string): Request {
    const free = Array.from({ length: MODELS }, (_, index) => `moved-${(this.nextModel + index) % MODELS}`).find(
      (name) => !this.busy.has(name),
    );
    this.nextModel += 1;
    const model = free ?? 'moved-0';
    this.busy.add(model);
    return { requestId, model, version: this.pointsTo.get(model) === 1 ? 2 : 1 };
  }

  async send({ requestId, model, version }: Request): Promise<Answer> {
    const path = `/api/v1/models/${String(model)}/aliases/champion/moves`;
    const { answer, json } = await this.call('registry', 'POST', path, { version, reason: requestId, requestId });
    const ids = { model: String(model), version: Number(version), moved: json.moved === true };
    if (answer.outcome === 'acknowledged') this.pointsTo.set(ids.model, ids.version);
    return { ...answer, ids };
  }

  override ended(operation: Operation): void {
    this.busy.delete(String(operation.ids.model));
  }
}
