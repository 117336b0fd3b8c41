// SPDX-License-Identifier: Apache-2.0

/** HTML that is safe to send: made by `html` only. */
export class SafeHtml {
  constructor(readonly text: string) {}
}

type Part = string | number | SafeHtml | readonly (SafeHtml | string | number)[];

/** Template tag: every value is escaped, unless it was made by this tag itself. */
export function html(strings: TemplateStringsArray, ...parts: Part[]): SafeHtml {
  const text = strings.reduce((before, literal, index) => before + render(parts[index - 1]) + literal);
  return new SafeHtml(text);
}

function render(part: Part): string {
  if (part instanceof SafeHtml) return part.text;
  if (typeof part === 'string') return escapeHtml(part);
  if (typeof part === 'number') return String(part);
  return part.map((item) => render(item)).join('');
}

function escapeHtml(text: string): string {
  const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
  return text.replace(/[&<>"']/g, (character) => entities[character]);
}
