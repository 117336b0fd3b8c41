// SPDX-License-Identifier: Apache-2.0
import { invalidFields } from '#libs/errors';

/** Kinds of versions, as stored. */
export const versionKinds = ['raw', 'prepared', 'feedback'] as const;
export type VersionKind = (typeof versionKinds)[number];

export interface Dataset {
  id: string;
  workspace: string;
  name: string;
  description: string;
  latestVersion: number;
  etag: string;
  createTime: Date;
  updateTime: Date;
}

export interface DatasetVersion {
  id: string;
  workspace: string;
  datasetId: string;
  datasetName: string;
  version: number;
  kind: VersionKind;
  state: 'committed' | 'deleted';
  contentDigest: string;
  rowsRead: number;
  rowsKept: number;
  rowsQuarantined: number;
  quarantinedByReason: Record<string, number>;
  bytes: number;
  parentVersionIds: string[];
  producedBy: string;
  tags: Record<string, string>;
  /** Number of changes of the tags or state; also the aggregate version of its events. */
  revision: number;
  createTime: Date;
}

const NAME_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/;
export const DESCRIPTION_CHARACTERS_MAX = 10_000;
export const REASON_CHARACTERS_MAX = 2000;
const TAGS_MAX = 50;
const TAG_CHARACTERS_MAX = 500;

/** Throws INVALID_ARGUMENT naming `field` unless the name can be a dataset's. */
export function checkDatasetName(name: string, field = 'name'): void {
  if (!NAME_PATTERN.test(name)) {
    throw invalidFields({
      field,
      message: 'must be 1 to 200 letters, digits, "-", "_" or ".", beginning with a letter or digit',
    });
  }
}

/** Throws INVALID_ARGUMENT naming `field` when the text is too long. */
export function checkLength(text: string, field: string, charactersMax: number): void {
  if (text.length > charactersMax) throw invalidFields({ field, message: `at most ${charactersMax} characters` });
}

/** Throws INVALID_ARGUMENT naming the label that is too long, or `tags` when there are too many. */
export function checkTags(tags: Record<string, string>): void {
  const entries = Object.entries(tags);
  if (entries.length > TAGS_MAX) throw invalidFields({ field: 'tags', message: `at most ${TAGS_MAX} labels` });
  for (const [name, value] of entries) {
    if (name === '' || name.length > 100)
      throw invalidFields({ field: `tags.${name.slice(0, 100)}`, message: 'the name must be 1 to 100 characters' });
    if (value.length > TAG_CHARACTERS_MAX)
      throw invalidFields({ field: `tags.${name}`, message: `at most ${TAG_CHARACTERS_MAX} characters` });
  }
}

export function datasetEtag(dataset: Pick<Dataset, 'latestVersion' | 'updateTime'>): string {
  return `"${dataset.latestVersion}-${dataset.updateTime.getTime()}"`;
}

export function versionEtag(version: Pick<DatasetVersion, 'revision'>): string {
  return `"${version.revision}"`;
}
