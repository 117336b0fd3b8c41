// SPDX-License-Identifier: Apache-2.0

/** Why a model file, a setting or a piece of data was refused. Stable: callers compare these, never messages. */
export type TinyLmErrorCode =
  | 'TINY_LM.CONFIG_INVALID'
  | 'TINY_LM.FILE_INVALID'
  | 'TINY_LM.TOKENIZER_INVALID'
  | 'TINY_LM.EXAMPLE_INVALID'
  | 'TINY_LM.SETTINGS_INVALID'
  | 'TINY_LM.CHECKPOINT_MISMATCH'
  | 'TINY_LM.CONTEXT_LENGTH_EXCEEDED'
  | 'TINY_LM.LOSS_NOT_FINITE'
  | 'TINY_LM.CHAT_INVALID';

/**
 * The only error this library throws on purpose. `field` names what is wrong (a config key, a tensor, a row, a manifest entry).
 * It stands alone, without the platform's error library, so that the trainer runs in a bare worker thread or child process.
 */
export class TinyLmError extends Error {
  constructor(
    readonly code: TinyLmErrorCode,
    readonly field: string,
    reason: string,
    options?: { cause?: unknown },
  ) {
    super(`${field}: ${reason}`, options);
    this.name = 'TinyLmError';
  }
}
