// SPDX-License-Identifier: Apache-2.0
export { assertDigest, BlobStore } from './blob-store';
export type { BlobSource, StoredBlob } from './blob-store';
export { canonicalJson } from './canonical-json';
export { createBlobStore } from './create-blob-store';
export type { BlobStoreOptions } from './create-blob-store';
export { FolderBlobStore } from './folder-blob-store';
export { fetchModelFolder, MODEL_MANIFEST_SCHEMA, putModelFolder, readModelManifest } from './model-folder';
export type { ManifestFile, ModelManifest } from './model-folder';
export type { S3BlobStore, S3Options } from './s3-blob-store';
export { StorageErrors } from './storage.errors';
