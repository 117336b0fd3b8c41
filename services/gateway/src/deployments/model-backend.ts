// SPDX-License-Identifier: Apache-2.0

/** What the gateway asks of a model server beside answering requests. All calls may be repeated. */
export abstract class ModelBackend {
  /** Loads a version under this id; returns when it answers requests. */
  abstract load(backendUrl: string, id: string, manifestDigest: string): Promise<void>;
  /** Unloads it; one that is not there counts as unloaded. */
  abstract unload(backendUrl: string, id: string): Promise<void>;
  /** Ids that the server answers for now. */
  abstract list(backendUrl: string): Promise<Set<string>>;
}
