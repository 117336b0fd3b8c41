// SPDX-License-Identifier: Apache-2.0
import { dirname } from 'node:path';
import { BlobStore, putModelFolder, readModelManifest } from '#libs/storage';
import { packageFile } from '#libs/tiny-lm';
import { hasCode } from '#libs/errors';
import type { JobViolation } from '../jobs/failure';
import { nearestName } from '../jobs/hyperparameters';
import { isDigest } from '../jobs/spec-fields';

export interface BaseModelFacts {
  name: string;
  manifestDigest: string;
  description: string;
}

/** A base model that ships with Millrace: its config.json, relative to libs/tiny-lm. */
interface ShippedModel {
  name: string;
  configFile: string;
  description: string;
}

export const shippedModels: readonly ShippedModel[] = [
  {
    name: 'tiny-base',
    configFile: 'base/config.json',
    description: 'Small Llama decoder pretrained on WordNet glosses; learns narrow text-to-label tasks, does not chat.',
  },
];

/** Whether a job of a workspace made the model with that manifest. */
export type MadeIn = (workspace: string, manifestDigest: string) => Promise<boolean>;

/** Base models by name or digest. Shipped ones are put into the blob store once per process; their digest follows from their files. */
export class BaseModels {
  private readonly stored = new Map<string, Promise<BaseModelFacts>>();

  constructor(
    private readonly store: BlobStore,
    private readonly madeIn: MadeIn,
    private readonly shipped: readonly ShippedModel[] = shippedModels,
  ) {}

  /** All that have a name, sorted by it. */
  async list(): Promise<BaseModelFacts[]> {
    const names = this.shipped.map((model) => model.name).sort();
    return Promise.all(names.map((name) => this.load(name)));
  }

  /** Name and digest of a base model; adds a violation and returns undefined for an unknown one. */
  async resolve(
    workspace: string,
    nameOrDigest: string,
    violations: JobViolation[],
  ): Promise<{ name: string; digest: string } | undefined> {
    if (nameOrDigest === '') return undefined;
    if (isDigest(nameOrDigest)) return this.resolveOwn(workspace, nameOrDigest, 'baseModel', violations);
    const known = this.shipped.map((model) => model.name);
    if (!known.includes(nameOrDigest)) {
      const near = nearestName(nameOrDigest, known);
      const hint = near ? `; did you mean ${near}?` : `; known: ${known.join(', ')}, or the sha256 of a model manifest`;
      violations.push({ field: 'baseModel', message: `unknown base model ${JSON.stringify(nameOrDigest)}${hint}` });
      return undefined;
    }
    const { name, manifestDigest } = await this.load(nameOrDigest);
    return { name, digest: manifestDigest };
  }

  /** A digest that a caller gives: of a shipped model, or of one that was trained in the workspace. All share one blob store. */
  async resolveOwn(
    workspace: string,
    digest: string,
    field: string,
    violations: JobViolation[],
  ): Promise<{ name: string; digest: string } | undefined> {
    const isShipped = (await this.list()).some((model) => model.manifestDigest === digest);
    if (isShipped || (await this.madeIn(workspace, digest))) return this.resolveDigest(digest, field, violations);
    violations.push({ field, message: `no model with manifest digest ${digest} was trained in this workspace` });
    return undefined;
  }

  /** Checks that a digest names a model manifest in the blob store. */
  async resolveDigest(
    digest: string,
    field: string,
    violations: JobViolation[],
  ): Promise<{ name: string; digest: string } | undefined> {
    try {
      await readModelManifest(this.store, digest);
      return { name: '', digest };
    } catch (error) {
      if (!hasCode(error, 'STORAGE.NOT_FOUND') && !hasCode(error, 'STORAGE.BAD_MANIFEST') && !hasCode(error, 'STORAGE.TOO_LARGE'))
        throw error;
      violations.push({ field, message: `no model manifest with digest ${digest} is in the blob store` });
      return undefined;
    }
  }

  private load(name: string): Promise<BaseModelFacts> {
    let facts = this.stored.get(name);
    if (!facts) {
      facts = this.put(name);
      this.stored.set(name, facts);
      // A store that was down once may answer next time.
      facts.catch(() => this.stored.delete(name));
    }
    return facts;
  }

  private async put(name: string): Promise<BaseModelFacts> {
    const model = this.shipped.find((candidate) => candidate.name === name) as ShippedModel;
    const { digest } = await putModelFolder(this.store, dirname(packageFile(model.configFile)));
    return { name, manifestDigest: digest, description: model.description };
  }
}
