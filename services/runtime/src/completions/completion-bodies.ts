// SPDX-License-Identifier: Apache-2.0
import type { GenerationEnd, Piece, TokenReport } from '../generation/generation';
import type { CompletionRequest } from './completion-request';

/** What all bodies of one answer share. */
export interface AnswerHead {
  id: string;
  /** Unix seconds. */
  created: number;
  model: string;
  fingerprint: string;
}

export interface Usage {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
}

export function usageOf({ promptTokens, completionTokens }: GenerationEnd): Usage {
  return { prompt_tokens: promptTokens, completion_tokens: completionTokens, total_tokens: promptTokens + completionTokens };
}

const entry = ({ token, bytes, logprob }: Omit<TokenReport, 'top'>): object => ({ token, logprob, bytes });

function chatLogprobs(tokens: readonly TokenReport[]): object {
  return { content: tokens.map((token) => ({ ...entry(token), top_logprobs: token.top.map(entry) })), refusal: null };
}

// Offsets count from the start of the answer, as the prompt is not echoed.
function completionLogprobs(tokens: readonly TokenReport[], offsetStart: number): object {
  let offset = offsetStart;
  const offsets = tokens.map(({ token }) => {
    const at = offset;
    offset += token.length;
    return at;
  });
  return {
    tokens: tokens.map(({ token }) => token),
    token_logprobs: tokens.map(({ logprob }) => logprob),
    top_logprobs: tokens.map(({ top }) => Object.fromEntries(top.map(({ token, logprob }) => [token, logprob]))),
    text_offset: offsets,
  };
}

/** Builds the JSON bodies of one answer: the whole one, or the chunks of a stream, in the words of its route. */
export class CompletionBodies {
  private isFirst = true;
  private hasText = false;
  private offset = 0;

  constructor(
    private readonly request: CompletionRequest,
    private readonly head: AnswerHead,
  ) {}

  /** The answer in one piece. */
  whole(pieces: readonly Piece[], end: GenerationEnd): object {
    const text = this.tidy(pieces.map((piece) => piece.text).join(''));
    const tokens = pieces.flatMap((piece) => piece.tokens);
    const logprobs = this.logprobs(tokens);
    const isChat = this.request.route === 'chat';
    const content = isChat ? { message: { role: 'assistant', content: text, refusal: null } } : { text };
    return {
      ...this.common(isChat ? 'chat.completion' : 'text_completion'),
      choices: [{ index: 0, ...content, logprobs, finish_reason: end.finishReason }],
      usage: usageOf(end),
    };
  }

  /** The chunks that a piece of a stream becomes; the first one of a chat carries the role. */
  chunks(piece: Piece): object[] {
    const text = this.tidy(piece.text);
    const chunks = this.request.route === 'chat' && this.isFirst ? [this.chunk({ role: 'assistant', content: '' })] : [];
    this.isFirst = false;
    if (text !== '' || piece.tokens.length > 0) chunks.push(this.chunk({ content: text }, piece.tokens));
    return chunks;
  }

  /** The chunks that end a stream: the reason, and the usage when it was asked for. */
  ending(end: GenerationEnd): object[] {
    const chunks = this.isFirst ? this.chunks({ text: '', tokens: [] }) : [];
    chunks.push(this.chunk({}, [], end.finishReason));
    if (this.request.includeUsage) chunks.push({ ...this.common(this.chunkObject), choices: [], usage: usageOf(end) });
    return chunks;
  }

  private chunk(
    delta: { role?: string; content?: string },
    tokens: readonly TokenReport[] = [],
    finish: string | null = null,
  ): object {
    const isChat = this.request.route === 'chat';
    const content = isChat ? { delta } : { text: delta.content ?? '' };
    const logprobs = tokens.length > 0 ? this.logprobs(tokens) : null;
    return {
      ...this.common(this.chunkObject),
      choices: [{ index: 0, ...content, logprobs, finish_reason: finish }],
      ...(this.request.includeUsage ? { usage: null } : {}),
    };
  }

  private get chunkObject(): string {
    return this.request.route === 'chat' ? 'chat.completion.chunk' : 'text_completion';
  }

  private common(object: string): object {
    const { id, created, model, fingerprint } = this.head;
    return { id, object, created, model, system_fingerprint: fingerprint };
  }

  private logprobs(tokens: readonly TokenReport[]): object | null {
    if (this.request.options.logprobs === undefined) return null;
    if (this.request.route === 'chat') return chatLogprobs(tokens);
    const logprobs = completionLogprobs(tokens, this.offset);
    this.offset += tokens.reduce((sum, { token }) => sum + token.length, 0);
    return logprobs;
  }

  // A model's answer starts with the space that parts it from the prompt; in a chat it is no part of the message.
  private tidy(text: string): string {
    if (this.request.route !== 'chat' || this.hasText) return text;
    const trimmed = text.trimStart();
    if (trimmed !== '') this.hasText = true;
    return trimmed;
  }
}
