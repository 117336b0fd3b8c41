// SPDX-License-Identifier: Apache-2.0
import OpenAI from 'openai';
import { httpAddress } from './clients';
import { MODEL, type DemoContext } from './demo-context';
import { promptOf, type FixtureRow } from './fixture';
import type { Answered } from './people';

/** An answer, who asked, and which version answered. */
export type Asked = Answered & { version: number; user: string };

/** Application code as a user would write it: the official client with another base URL. */
export class Application {
  private readonly client: OpenAI;

  constructor(private readonly context: DemoContext) {
    this.client = new OpenAI({
      baseURL: `${httpAddress(context.options.portBase, 'gateway')}/v1`,
      apiKey: context.state.apiKey,
      maxRetries: 0,
    });
  }

  /** Asks for one definition as one user. A failed request is counted and thrown. */
  async ask(row: FixtureRow, user: string): Promise<Asked> {
    this.context.state.requests += 1;
    try {
      const { data, response } = await this.client.chat.completions
        .create({ model: MODEL, messages: [{ role: 'user', content: promptOf(row.text) }], max_tokens: 6, temperature: 0, user })
        .withResponse();
      return {
        inferenceId: response.headers.get('x-millrace-inference-id') ?? data.id,
        version: Number(response.headers.get('x-millrace-model-version')),
        text: row.text,
        truth: row.label,
        user,
        answer: (data.choices[0]?.message.content ?? '').trim(),
      };
    } catch (error) {
      this.context.state.failedRequests += 1;
      throw error;
    }
  }

  /** Asks many, four at a time; users come from a pool of `users` names. */
  async askAll(rows: readonly FixtureRow[], users: number, firstUser = 0): Promise<Asked[]> {
    const answers: Asked[] = [];
    let next = 0;
    const worker = async (): Promise<void> => {
      while (next < rows.length) {
        const index = next;
        next += 1;
        answers[index] = await this.ask(rows[index], `user-${(firstUser + index) % users}`);
      }
    };
    await Promise.all([worker(), worker(), worker(), worker()]);
    return answers;
  }
}

export function accuracyOf(answers: readonly Answered[]): number {
  return answers.filter((answered) => answered.answer === answered.truth).length / answers.length;
}
