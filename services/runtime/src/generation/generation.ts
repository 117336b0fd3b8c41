// SPDX-License-Identifier: Apache-2.0
import type { ChatMessage, FinishReason, GenerateOptions, ModelFiles } from '#libs/tiny-lm';

/** What to answer: a text, token ids, or a chat. */
export type Prompt = { text: string } | { ids: number[] } | { messages: ChatMessage[] };

export interface GenerationRequest {
  digest: string;
  prompt: Prompt;
  options: GenerateOptions;
}

/** One generated token with its alternatives as texts. */
export interface TokenReport {
  token: string;
  bytes: number[];
  logprob: number;
  top: { token: string; bytes: number[]; logprob: number }[];
}

/** Text that is final, with the tokens since the last piece (only when log probabilities were asked for). */
export interface Piece {
  text: string;
  tokens: TokenReport[];
}

export interface GenerationEnd {
  finishReason: FinishReason;
  promptTokens: number;
  completionTokens: number;
}

/** Main thread to generation thread. */
export type ToThread =
  | { kind: 'model'; digest: string; files: Partial<ModelFiles> }
  | { kind: 'forget'; digest: string }
  | ({ kind: 'generate'; id: number } & GenerationRequest)
  | { kind: 'cancel'; id: number };

/** Generation thread to main thread. */
export type FromThread =
  | { kind: 'piece'; id: number; piece: Piece }
  | { kind: 'end'; id: number; end: GenerationEnd }
  | { kind: 'failed'; id: number; code: string; field: string; message: string };
