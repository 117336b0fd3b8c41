// SPDX-License-Identifier: Apache-2.0

export type LifecycleStage = 'active' | 'deleted';
export type ViewType = 'ACTIVE_ONLY' | 'DELETED_ONLY' | 'ALL';

/** Id and name of the experiment that every workspace has. */
export const DEFAULT_EXPERIMENT = { id: '0', name: 'Default' } as const;

export interface Tag {
  key: string;
  value: string;
}

/** A named series of runs. */
export interface Experiment {
  /** Decimal number, unique in the workspace. */
  id: string;
  name: string;
  artifactLocation: string;
  lifecycleStage: LifecycleStage;
  creationMs: number;
  lastUpdateMs: number;
  tags: Tag[];
}

/** Stages that a view shows. */
export function stagesOf(view: ViewType): LifecycleStage[] {
  if (view === 'ALL') return ['active', 'deleted'];
  return view === 'ACTIVE_ONLY' ? ['active'] : ['deleted'];
}

/** Where artifacts of an experiment live unless its creator says otherwise. */
export function defaultArtifactLocation(experimentId: string): string {
  return `mlflow-artifacts:/${experimentId}`;
}

/** Last value wins where a key comes twice. */
export function uniqueTags(tags: readonly Tag[]): Tag[] {
  return [...new Map(tags.map((tag) => [tag.key, tag])).values()];
}
