// SPDX-License-Identifier: Apache-2.0
import { hasCode, isAppError } from '#libs/errors';
import { readModelManifest, type BlobStore } from '#libs/storage';
import { Generator, MODEL_FILES, readModelFiles, TinyLmError, type ModelFiles } from '#libs/tiny-lm';
import { RuntimeErrors } from '../runtime.errors';
import type { ResidentModel } from './model-catalogue';

/** Reads models from storage, every file verified against its sha256, and proves that they can be computed here. */
export class ModelLoader {
  constructor(
    private readonly store: BlobStore,
    private readonly limits: { fileBytesMax: number; threads: number },
  ) {}

  /** Throws RUNTIME.MODEL_REFUSED with the file in `details.file` when a file is missing, altered, too large or of another kind. */
  async load(manifestDigest: string): Promise<ResidentModel> {
    const manifest = await readModelManifest(this.store, manifestDigest).catch((error: unknown) => {
      throw refusal(error, 'manifest', manifestDigest);
    });
    const files: Partial<ModelFiles> = {};
    let fileBytes = 0;
    for (const { path, sha256 } of manifest.files) {
      const name = MODEL_FILES.find((known) => known === path);
      if (!name) continue;
      files[name] = await this.store.get(sha256, { bytesMax: this.limits.fileBytesMax }).catch((error: unknown) => {
        throw refusal(error, path, manifestDigest);
      });
      fileBytes += files[name].length;
    }
    try {
      const generator = new Generator(readModelFiles(files));
      return { files, memoryBytes: fileBytes + this.limits.threads * (fileBytes + generator.memoryBytes) };
    } catch (error) {
      if (!(error instanceof TinyLmError)) throw error;
      const details = { file: error.field, manifestDigest, reason: error.code };
      throw RuntimeErrors.MODEL_REFUSED(`the model cannot be computed here: ${error.message}`, details, error);
    }
  }
}

// Storage that does not answer is not the model's fault: that error goes on as it is.
function refusal(error: unknown, file: string, manifestDigest: string): unknown {
  const reason = hasCode(error, 'STORAGE.CORRUPT')
    ? 'has been altered'
    : hasCode(error, 'STORAGE.NOT_FOUND')
      ? 'is not in storage'
      : hasCode(error, 'STORAGE.TOO_LARGE')
        ? 'is larger than MODEL_FILE_BYTES_MAX'
        : hasCode(error, 'STORAGE.BAD_MANIFEST') && isAppError(error)
          ? `is malformed: ${error.message}`
          : undefined;
  if (reason === undefined) return error;
  return RuntimeErrors.MODEL_REFUSED(`${file} of model ${manifestDigest} ${reason}`, { file, manifestDigest }, error);
}
