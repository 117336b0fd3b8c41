// SPDX-License-Identifier: Apache-2.0

export type PatternPlace = 'start' | 'end' | 'boundary' | 'not-boundary';

type CharacterTest = (code: number) => boolean;

export type PatternNode =
  | { type: 'empty' }
  | { type: 'set'; test: CharacterTest }
  | { type: 'assert'; kind: PatternPlace }
  | { type: 'sequence'; items: PatternNode[] }
  | { type: 'choice'; items: PatternNode[] }
  | { type: 'repeat'; item: PatternNode; min: number; max: number };

const REPEAT_MAX = 200;
const NESTING_MAX = 20;

export const isWordCode: CharacterTest = (code) =>
  (code >= 48 && code <= 57) || (code >= 65 && code <= 90) || code === 95 || (code >= 97 && code <= 122);
const isDigitCode: CharacterTest = (code) => code >= 48 && code <= 57;
const isSpaceCode: CharacterTest = (code) =>
  (code >= 9 && code <= 13) || code === 32 || code === 160 || code === 0x2028 || code === 0x2029;

/** A pattern that the language does not have, with the place in it. */
export class PatternError extends Error {}

/** Recursive descent over the pattern language of `BoundedPattern`. */
export class PatternParser {
  private at = 0;
  private depth = 0;

  constructor(
    private readonly source: string,
    private readonly ignoreCase: boolean,
  ) {}

  parse(): PatternNode {
    const node = this.choice();
    if (this.at < this.source.length) throw this.error(`unexpected "${this.source[this.at]}"`);
    return node;
  }

  private error(message: string): PatternError {
    return new PatternError(`${message} at character ${this.at + 1}`);
  }

  private choice(): PatternNode {
    if (++this.depth > NESTING_MAX) throw this.error(`nested deeper than ${NESTING_MAX}`);
    const items = [this.sequence()];
    while (this.source[this.at] === '|') {
      this.at++;
      items.push(this.sequence());
    }
    this.depth--;
    return items.length === 1 ? items[0] : { type: 'choice', items };
  }

  private sequence(): PatternNode {
    const items: PatternNode[] = [];
    while (this.at < this.source.length && this.source[this.at] !== '|' && this.source[this.at] !== ')')
      items.push(this.repeated());
    return items.length === 0 ? { type: 'empty' } : { type: 'sequence', items };
  }

  private repeated(): PatternNode {
    const item = this.atom();
    const bounds = this.bounds();
    if (!bounds) return item;
    if (item.type === 'assert') throw this.error('a place cannot be repeated');
    // Whether a repetition is greedy makes no difference to "does it occur".
    if (this.source[this.at] === '?') this.at++;
    if (/[*+?{]/.test(this.source[this.at] ?? '')) throw this.error('a repetition follows a repetition');
    return { type: 'repeat', item, ...bounds };
  }

  private bounds(): { min: number; max: number } | undefined {
    const character = this.source[this.at];
    if (character === '*' || character === '+' || character === '?') {
      this.at++;
      return { min: character === '+' ? 1 : 0, max: character === '?' ? 1 : Infinity };
    }
    if (character !== '{') return undefined;
    const braces = /^\{(\d{1,4})(,(\d{0,4}))?\}/.exec(this.source.slice(this.at, this.at + 12));
    if (!braces) throw this.error('"{" opens no {m,n}; write \\{ for the character');
    const min = Number(braces[1]);
    const max = braces[2] === undefined ? min : braces[3] === '' ? Infinity : Number(braces[3]);
    if (min > REPEAT_MAX || (max !== Infinity && max > REPEAT_MAX)) throw this.error(`a repetition count is above ${REPEAT_MAX}`);
    if (max < min) throw this.error('the repetition counts are in the wrong order');
    this.at += braces[0].length;
    return { min, max };
  }

  private atom(): PatternNode {
    const character = this.source[this.at++];
    switch (character) {
      case '^':
        return { type: 'assert', kind: 'start' };
      case '$':
        return { type: 'assert', kind: 'end' };
      case '.':
        return { type: 'set', test: (code) => code !== 10 && code !== 13 };
      case '[':
        return { type: 'set', test: this.characterClass() };
      case '(':
        return this.group();
      case '\\':
        return this.escape();
      case '*':
      case '+':
      case '?':
      case '{':
        this.at--;
        throw this.error(`"${character}" repeats nothing`);
      default:
        return { type: 'set', test: only(character.charCodeAt(0)) };
    }
  }

  private group(): PatternNode {
    if (this.source.startsWith('?:', this.at)) this.at += 2;
    else if (this.source[this.at] === '?') throw this.error('look-around and named groups are not supported');
    const node = this.choice();
    if (this.source[this.at] !== ')') throw this.error('")" is missing');
    this.at++;
    return node;
  }

  private escape(): PatternNode {
    const character = this.source[this.at];
    if (character === 'b' || character === 'B') {
      this.at++;
      return { type: 'assert', kind: character === 'b' ? 'boundary' : 'not-boundary' };
    }
    return { type: 'set', test: this.escapedSet() };
  }

  /** After a backslash: a class letter, a control letter or a character that stands for itself. */
  private escapedSet(): CharacterTest {
    const character = this.source[this.at++];
    if (character === undefined) throw this.error('a backslash ends the pattern');
    const classes: Record<string, CharacterTest> = { d: isDigitCode, w: isWordCode, s: isSpaceCode };
    const lower = character.toLowerCase();
    if (Object.hasOwn(classes, lower)) {
      const test = classes[lower];
      return character === lower ? test : (code) => !test(code);
    }
    const controls: Record<string, number> = { n: 10, r: 13, t: 9, f: 12, v: 11 };
    if (Object.hasOwn(controls, character)) return only(controls[character]);
    if (/[A-Za-z0-9]/.test(character)) throw this.error(`"\\${character}" is not supported`);
    return only(character.charCodeAt(0));
  }

  private characterClass(): CharacterTest {
    const negated = this.source[this.at] === '^';
    if (negated) this.at++;
    const tests: CharacterTest[] = [];
    while (this.source[this.at] !== ']') {
      if (this.at >= this.source.length) throw this.error('"]" is missing');
      tests.push(this.classItem());
    }
    this.at++;
    if (tests.length === 0) throw this.error('the class is empty');
    const { ignoreCase } = this;
    const any: CharacterTest = (code) => tests.some((test) => test(code));
    if (!negated) return any;
    // With case ignored, a negated class must refuse a letter in either case.
    return (code) => {
      if (any(code)) return false;
      if (!ignoreCase) return true;
      const character = String.fromCharCode(code);
      return !any(character.toLowerCase().charCodeAt(0)) && !any(character.toUpperCase().charCodeAt(0));
    };
  }

  private classItem(): CharacterTest {
    const character = this.source[this.at++];
    if (character === '\\') return this.escapedSet();
    const low = character.charCodeAt(0);
    const next = this.source[this.at + 1];
    if (this.source[this.at] !== '-' || next === undefined || next === ']') return only(low);
    if (next === '\\') throw this.error('a range must end in a plain character');
    const high = next.charCodeAt(0);
    if (high < low) throw this.error('the range is in the wrong order');
    this.at += 2;
    return (code) => code >= low && code <= high;
  }
}

function only(code: number): CharacterTest {
  return (other) => other === code;
}
