// SPDX-License-Identifier: Apache-2.0
import { TinyLmError } from './tiny-lm.errors';

export interface ChatMessage {
  role: 'system' | 'user' | 'assistant';
  content: string;
}

/**
 * The chat template written into tokenizer_config.json. Contents follow each other on lines of their own, without role marks, so that a
 * chat of one user message is exactly the completion prompt: a task model is fine-tuned once and answers on both routes.
 * An assistant turn is a space, the text, and the end of text, just as in training.
 */
export const CHAT_TEMPLATE =
  "{%- for message in messages -%}{%- if not loop.first -%}{{ '\\n' }}{%- endif -%}" +
  "{%- if message['role'] == 'assistant' -%}{{ ' ' + message['content'] | trim + eos_token }}" +
  "{%- else -%}{{ message['content'] }}{%- endif -%}{%- endfor -%}";

const ROLES: readonly string[] = ['system', 'user', 'assistant'];

/** Renders messages as CHAT_TEMPLATE does; a fault names the message. `endOfText` is the tokenizer's eos_token. */
export function renderChat(messages: readonly ChatMessage[], endOfText: string): string {
  if (messages.length === 0) throw new TinyLmError('TINY_LM.CHAT_INVALID', 'messages', 'must hold at least one message');
  return messages
    .map((message, index) => {
      if (!ROLES.includes(message.role)) {
        throw new TinyLmError('TINY_LM.CHAT_INVALID', `messages[${index}].role`, `must be one of ${ROLES.join(', ')}`);
      }
      if (typeof message.content !== 'string') {
        throw new TinyLmError('TINY_LM.CHAT_INVALID', `messages[${index}].content`, 'must be a string');
      }
      return message.role === 'assistant' ? ` ${message.content.trim()}${endOfText}` : message.content;
    })
    .join('\n');
}
