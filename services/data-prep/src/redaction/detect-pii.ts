// SPDX-License-Identifier: Apache-2.0
import { ibanLength, isCardNumber, isIban, isPersonalIpv4, isPersonalIpv6, isPhone, isSocialSecurityNumber } from './pii-checks';

export const PII_TYPES = ['EMAIL', 'API_KEY', 'IBAN', 'CREDIT_CARD', 'SSN', 'IPV6', 'IPV4', 'PHONE'] as const;
export type PiiType = (typeof PII_TYPES)[number];

export interface PiiMatch {
  type: PiiType;
  start: number;
  end: number;
  value: string;
}

interface Detector {
  type: PiiType;
  /** Cheap test that spares most texts the expression. */
  mayContain: (text: string) => boolean;
  /** Every quantifier is bounded and no two of them can share characters freely, so the time is linear in the text. */
  pattern: RegExp;
  /** Checks the format; returns how many characters of the candidate are the finding (0 = none). */
  accept: (candidate: string) => number;
}

const whole = (check: (candidate: string) => boolean) => (candidate: string) => (check(candidate) ? candidate.length : 0);
const hasDigit = (text: string) => /\d/.test(text);

/**
 * A JSON web token with whatever is glued to its front. It is tried only where a run of its characters begins, and looks at what must
 * follow the first full stop before it looks for "eyJ" in that run: tried at each "eyJ", a text of token heads took 2,000 steps a head.
 */
const SIGNED_TOKEN =
  '(?<![\\w-])(?=[\\w-]+\\.eyJ[\\w-]{10,4000}\\.[\\w-]{10,1000})[\\w-]*?eyJ[\\w-]{10,}\\.[\\w-]{13,4003}\\.[\\w-]{10,1000}';

/** Prefixes that the vendors document for leak scanners; each with the length that its keys have. */
const API_KEY = new RegExp(
  [
    'AKIA[0-9A-Z]{16}',
    'gh[pousr]_[A-Za-z0-9]{36,251}',
    'github_pat_[A-Za-z0-9_]{60,100}',
    'glpat-[A-Za-z0-9_-]{20,64}',
    'xox[abprs]-[A-Za-z0-9-]{10,200}',
    'AIza[0-9A-Za-z_-]{35}',
    '(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{16,128}',
    'sk-[A-Za-z0-9_-]{20,200}',
    'hf_[A-Za-z0-9]{30,40}',
    'npm_[A-Za-z0-9]{36}',
    SIGNED_TOKEN,
    '-----BEGIN (?:[A-Z]{2,12} ){0,2}PRIVATE KEY-----',
  ].join('|'),
  'g',
);
const API_KEY_HINT = /AKIA|gh[pousr]_|github_pat_|glpat-|xox[abprs]-|AIza|[srp]k_(?:live|test)_|sk-|hf_|npm_|eyJ|PRIVATE KEY/;

function acceptIban(candidate: string): number {
  const length = ibanLength(candidate.slice(0, 2));
  if (length === undefined) return 0;
  let compact = '';
  for (let i = 0; i < candidate.length; i++) {
    if (candidate[i] !== ' ') compact += candidate[i];
    if (compact.length === length) {
      const next = candidate[i + 1];
      return isIban(compact) && (next === undefined || next === ' ') ? i + 1 : 0;
    }
  }
  return 0;
}

const PRIVATE_KEY_END = /-----END (?:[A-Z]{2,12} ){0,2}PRIVATE KEY-----/;

/** Listed by priority: where two findings overlap, the one listed first stands. */
const DETECTORS: readonly Detector[] = [
  { type: 'API_KEY', mayContain: (text) => API_KEY_HINT.test(text), pattern: API_KEY, accept: (candidate) => candidate.length },
  {
    type: 'EMAIL',
    mayContain: (text) => text.includes('@'),
    pattern:
      /(?<![A-Za-z0-9._%+-])[A-Za-z0-9_%+-][A-Za-z0-9._%+-]{0,63}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,8}[A-Za-z]{2,24}(?![A-Za-z0-9])/g,
    accept: whole((candidate) => !candidate.includes('..') && !candidate.includes('.@')),
  },
  {
    type: 'IBAN',
    mayContain: hasDigit,
    pattern: /(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{2,4}){3,8}(?: ?[A-Z0-9]{1,3})?(?![A-Za-z0-9])/g,
    accept: acceptIban,
  },
  {
    type: 'CREDIT_CARD',
    mayContain: hasDigit,
    pattern: /(?<![\dA-Za-z.,-])\d(?:[ -]?\d){12,18}(?![\dA-Za-z]|[.,-]\d)/g,
    accept: whole((candidate) => isCardNumber(candidate.replace(/[ -]/g, ''))),
  },
  {
    type: 'SSN',
    mayContain: (text) => text.includes('-') && hasDigit(text),
    pattern: /(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])/g,
    accept: whole(isSocialSecurityNumber),
  },
  {
    type: 'IPV6',
    mayContain: (text) => text.includes(':'),
    pattern: /(?<![\w:.])(?=[0-9A-Fa-f:]{0,4}:)[0-9A-Fa-f:]{2,39}(?![\w:])/g,
    accept: whole(isPersonalIpv6),
  },
  {
    type: 'IPV4',
    mayContain: (text) => text.includes('.') && hasDigit(text),
    pattern: /(?<![\w.-])\d{1,3}(?:\.\d{1,3}){3}(?![\w-]|\.\d)/g,
    accept: whole(isPersonalIpv4),
  },
  {
    type: 'PHONE',
    mayContain: hasDigit,
    pattern:
      /(?<![\w+.-])(?:\+\d{1,3}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d{1,4}(?:[ .-]?\d{2,4}){1,5}|\(?[2-9]\d{2}\)?[ .-]?[2-9]\d{2}[ .-]\d{4}|0\d{1,4}[ /-]\d{3,8}(?:[ -]\d{2,5}){0,2})(?![\w-]|\.\d)/g,
    accept: whole(isPhone),
  },
];

/** All findings of the wanted types, in text order, without overlaps. */
export function detectPii(text: string, types?: ReadonlySet<PiiType>): PiiMatch[] {
  const found: PiiMatch[] = [];
  /** Characters that a finding of higher priority owns. */
  let taken: Uint8Array | undefined;
  for (const detector of DETECTORS) {
    if (types && !types.has(detector.type)) continue;
    if (!detector.mayContain(text)) continue;
    for (const match of text.matchAll(detector.pattern)) {
      const start = match.index;
      // Before its length: a key header within a found block would look for its footer through all the rest, each one again.
      if (taken?.[start] === 1) continue;
      const length = acceptedLength(detector, match[0], text.slice(start));
      if (length === 0) continue;
      const end = start + length;
      taken ??= new Uint8Array(text.length);
      if (taken.subarray(start, end).includes(1)) continue;
      taken.fill(1, start, end);
      found.push({ type: detector.type, start, end, value: text.slice(start, end) });
    }
  }
  return found.sort((x, y) => x.start - y.start);
}

/** A private key is its whole block, header to footer; without a footer the rest of the text is taken. */
function acceptedLength(detector: Detector, candidate: string, rest: string): number {
  if (!candidate.startsWith('-----BEGIN')) return detector.accept(candidate);
  const footer = PRIVATE_KEY_END.exec(rest);
  return footer ? footer.index + footer[0].length : rest.length;
}
