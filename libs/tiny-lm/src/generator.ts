// SPDX-License-Identifier: Apache-2.0
import { StringDecoder } from 'node:string_decoder';
import { CachedDecoder } from './cached-decoder';
import type { TinyModel } from './model-folder';
import { Random } from './random';
import { logProbabilities, sampleToken, topTokens, type TokenLogprob } from './sampling';
import { StopScanner } from './stop-scanner';
import { TinyLmError } from './tiny-lm.errors';

export interface GenerateOptions {
  /** Most tokens to generate; the rest of the context when left out. */
  maxTokens?: number;
  /** 0 is greedy. Default 1, as OpenAI's. */
  temperature?: number;
  topP?: number;
  /** Makes sampling repeatable; drawn at random when left out. */
  seed?: number;
  /** Generation ends before the first of these texts. */
  stop?: string[];
  /** How many alternatives to report with each token; 0 reports the chosen one alone, undefined none. */
  logprobs?: number;
}

export interface GeneratedToken {
  id: number;
  /** The token's own text; bytes of an unfinished character show as U+FFFD here and are whole in the streamed text. */
  token: string;
  bytes: number[];
  logprob: number;
  top: TokenLogprob[];
}

export type FinishReason = 'stop' | 'length';

/** One piece of a stream: text that is final, and the tokens generated since the last piece. */
export interface GeneratedPiece {
  text: string;
  tokens: GeneratedToken[];
}

export interface Generated {
  text: string;
  tokens: GeneratedToken[];
  finishReason: FinishReason;
  promptTokens: number;
  /** Generated tokens, the end of text included. */
  completionTokens: number;
}

/** Generates text from a model, one sequence at a time, on the calling thread. */
export class Generator {
  private readonly decoder: CachedDecoder;

  constructor(private readonly model: TinyModel) {
    this.decoder = new CachedDecoder(model.config, model.parameters);
  }

  get memoryBytes(): number {
    return this.decoder.memoryBytes;
  }

  /** Generates to the end. */
  generate(prompt: string | readonly number[], options: GenerateOptions = {}): Generated {
    const pieces = this.stream(prompt, options);
    let text = '';
    const tokens: GeneratedToken[] = [];
    for (;;) {
      const next = pieces.next();
      if (next.done) return { text, tokens, ...next.value };
      text += next.value.text;
      tokens.push(...next.value.tokens);
    }
  }

  /**
   * Yields a piece per token; leaving the loop ends the generation. Text that could still turn into a stop sequence is held back. The value
   * returned at the end says why it stopped and what it counted.
   */
  *stream(
    prompt: string | readonly number[],
    options: GenerateOptions = {},
  ): globalThis.Generator<GeneratedPiece, Omit<Generated, 'text' | 'tokens'>, undefined> {
    const { tokenizer, config } = this.model;
    const ids = typeof prompt === 'string' ? tokenizer.encode(prompt) : [...prompt];
    const budget = this.checkLength(ids, options.maxTokens);
    const random = Random.from('sample', options.seed ?? Math.floor(Math.random() * 2 ** 32));
    const utf8 = new StringDecoder('utf8');
    const scanner = new StopScanner(options.stop ?? []);
    this.decoder.reset();
    let logits = this.decoder.append(ids);
    for (let count = 1; count <= budget; count++) {
      const logprobs = logProbabilities(logits);
      const id = sampleToken(logprobs, options.temperature ?? 1, options.topP ?? 1, random);
      const counted = { promptTokens: ids.length, completionTokens: count };
      if (id === config.endOfTextId) {
        const text = scanner.push(utf8.end()) + scanner.rest();
        if (text) yield { text, tokens: [] };
        return { finishReason: 'stop', ...counted };
      }
      const bytes = tokenizer.tokenBytes(id);
      const top = options.logprobs ? topTokens(logprobs, options.logprobs) : [];
      const token = { id, token: tokenizer.decode([id]), bytes: [...bytes], logprob: logprobs[id], top };
      const text = scanner.push(utf8.write(Buffer.from(bytes)));
      yield {
        text: count === budget && !scanner.found ? text + scanner.push(utf8.end()) + scanner.rest() : text,
        tokens: [token],
      };
      if (scanner.found) return { finishReason: 'stop', ...counted };
      if (count < budget) logits = this.decoder.append([id]);
    }
    return { finishReason: 'length', promptTokens: ids.length, completionTokens: budget };
  }

  private checkLength(ids: readonly number[], maxTokens: number | undefined): number {
    const { contextTokens } = this.model.config;
    const refuse = (reason: string): never => {
      throw new TinyLmError('TINY_LM.CONTEXT_LENGTH_EXCEEDED', 'prompt', reason);
    };
    if (ids.length === 0) refuse('has no tokens');
    const room = contextTokens - ids.length;
    if (room < 1) refuse(`has ${ids.length} tokens; the model's context is ${contextTokens} tokens for prompt and answer`);
    if (maxTokens !== undefined && maxTokens > room) {
      refuse(`has ${ids.length} tokens and ${maxTokens} more were asked for; the model's context is ${contextTokens} tokens`);
    }
    return maxTokens ?? room;
  }
}
