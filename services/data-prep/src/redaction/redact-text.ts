// SPDX-License-Identifier: Apache-2.0
import { createHmac } from 'node:crypto';
import { detectPii, type PiiMatch, type PiiType } from './detect-pii';

export interface RedactionOptions {
  types?: ReadonlySet<PiiType>;
  /** Key of the pseudonyms: the same value gets the same name only under the same key. */
  pseudonymKey: string;
  /** Hexadecimal digits per pseudonym, 4..16. With 4, about 300 distinct values of one type give the first shared name. */
  pseudonymDigits?: number;
}

export interface RedactedText {
  text: string;
  matches: PiiMatch[];
}

/** The form in which a value is compared: an address in another case or a number in other groups is the same one. */
function canonical(match: Pick<PiiMatch, 'type' | 'value'>): string {
  switch (match.type) {
    case 'EMAIL':
    case 'IPV6':
      return match.value.toLowerCase();
    case 'PHONE':
    case 'CREDIT_CARD':
    case 'IBAN':
      return match.value.replace(/[^0-9A-Za-z]/g, '').toUpperCase();
    default:
      return match.value;
  }
}

/** `[EMAIL_3f2a]`: typed, and the same for the same value, so that duplicates stay duplicates after redaction. */
export function pseudonym(match: Pick<PiiMatch, 'type' | 'value'>, options: RedactionOptions): string {
  const digest = createHmac('sha256', options.pseudonymKey)
    .update(`${match.type}\0${canonical(match)}`)
    .digest('hex');
  return `[${match.type}_${digest.slice(0, options.pseudonymDigits ?? 4)}]`;
}

export function redactText(text: string, options: RedactionOptions): RedactedText {
  const matches = detectPii(text, options.types);
  if (matches.length === 0) return { text, matches };
  let redacted = '';
  let from = 0;
  for (const match of matches) {
    redacted += text.slice(from, match.start) + pseudonym(match, options);
    from = match.end;
  }
  return { text: redacted + text.slice(from), matches };
}

/** A finding as it may be shown: enough to recognise the kind, not enough to use it. */
export function maskedValue(match: Pick<PiiMatch, 'type' | 'value'>): string {
  const { type, value } = match;
  switch (type) {
    case 'EMAIL': {
      const [local, domain] = value.split('@');
      return `${local[0]}***@${domain[0]}***${domain.slice(domain.lastIndexOf('.'))}`;
    }
    case 'IPV4':
      return `${value.split('.')[0]}.*.*.*`;
    case 'IPV6':
      return `${value.split(':')[0]}:***`;
    case 'API_KEY':
      return `${value.slice(0, 4)}***`;
    case 'CREDIT_CARD':
    case 'PHONE':
    case 'SSN':
      return `***${value.replace(/\D/g, '').slice(-2)}`;
    case 'IBAN':
      return `${value.slice(0, 2)}***${value.slice(-2)}`;
  }
}

/** The whole text as it may be shown beside a finding: every finding masked, cut to `charactersMax`. */
export function maskedText(text: string, charactersMax: number): string {
  const cut = text.length > charactersMax * 4 ? text.slice(0, charactersMax * 4) : text;
  let masked = '';
  let from = 0;
  for (const match of detectPii(cut)) {
    masked += cut.slice(from, match.start) + maskedValue(match);
    from = match.end;
  }
  masked += cut.slice(from);
  return masked.length > charactersMax ? `${masked.slice(0, charactersMax)}…` : masked;
}
