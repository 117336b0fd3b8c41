// SPDX-License-Identifier: Apache-2.0
import { contentText } from './completion-request';
import { splitEvents } from './sse-filter';

/** What an answer says, for the inference event. */
export interface Answer {
  /** "id" of the body. */
  id: string;
  text: string;
  /** Of the first choice; empty when the answer broke off. */
  finishReason: string;
}

interface Choice {
  index?: unknown;
  text?: unknown;
  message?: { content?: unknown };
  delta?: { content?: unknown };
  finish_reason?: unknown;
}

/** Reads a JSON answer: the text of its first choice. */
export function answerOfJson(body: Buffer): Answer {
  const value = parseJson(body.toString('utf8'));
  const answer: Answer = { id: textOf(value?.id), text: '', finishReason: '' };
  const choice = firstChoice(value);
  if (choice) addChoice(answer, choice);
  return answer;
}

/** Reads the events of a stream: the joined text of choice 0. An event that is no JSON (a comment, [DONE]) adds nothing. */
export function answerOfEvents(events: Buffer): Answer {
  const answer: Answer = { id: '', text: '', finishReason: '' };
  const parts: string[] = [];
  for (const event of splitEvents(events)) {
    const value = parseJson(eventData(event.toString('utf8')));
    if (!value) continue;
    if (answer.id === '') answer.id = textOf(value.id);
    const choice = firstChoice(value);
    if (!choice) continue;
    const piece: Answer = { id: '', text: '', finishReason: '' };
    addChoice(piece, choice);
    parts.push(piece.text);
    if (piece.finishReason !== '') answer.finishReason = piece.finishReason;
  }
  answer.text = parts.join('');
  return answer;
}

/** Cut to a number of bytes without splitting a character. */
export function cutToBytes(text: string, bytesMax: number): { text: string; cut: boolean } {
  if (bytesMax <= 0) return { text: '', cut: false };
  // No character takes more than 3 bytes per UTF-16 unit.
  if (text.length * 3 <= bytesMax) return { text, cut: false };
  const bytes = Buffer.from(text);
  if (bytes.length <= bytesMax) return { text, cut: false };
  let end = bytesMax;
  while (end > 0 && (bytes[end] & 0xc0) === 0x80) end -= 1;
  return { text: bytes.toString('utf8', 0, end), cut: true };
}

function addChoice(answer: Answer, choice: Choice): void {
  answer.text = textOf(choice.text) || contentText(choice.message?.content ?? choice.delta?.content);
  answer.finishReason = textOf(choice.finish_reason);
}

function firstChoice(value: { choices?: unknown } | undefined): Choice | undefined {
  if (!Array.isArray(value?.choices)) return undefined;
  return (value.choices as Choice[]).find((choice) => choice !== null && (choice.index ?? 0) === 0);
}

function eventData(event: string): string {
  return event
    .split(/\r?\n/)
    .filter((line) => line.startsWith('data:'))
    .map((line) => line.slice(5).trimStart())
    .join('\n');
}

function parseJson(json: string): { id?: unknown; choices?: unknown } | undefined {
  if (json === '' || json === '[DONE]') return undefined;
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
