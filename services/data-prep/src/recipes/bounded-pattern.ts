// SPDX-License-Identifier: Apache-2.0
import { isWordCode, PatternError, PatternParser, type PatternNode, type PatternPlace } from './pattern-parser';
import { PatternBudget } from './row-limits';

/** Instruction of the matcher's program. `set` tests one character; `jump` and `fork` move; `assert` tests a place. */
type Instruction =
  | { op: 'set'; test: (code: number) => boolean }
  | { op: 'fork'; first: number; second: number }
  | { op: 'jump'; to: number }
  | { op: 'assert'; kind: PatternPlace }
  | { op: 'match' };

const INSTRUCTIONS_MAX = 2_000;
const PATTERN_CHARACTERS_MAX = 500;

/**
 * Regular expressions for recipes whose running time is bounded: patterns from outside must not be able to stop the process, and
 * JavaScript's own engine backtracks. Thompson's construction (CACM 11(6), 1968): every state is visited at most once per character.
 * Has: literals, `.`, classes, `\d \w \s \b` and their opposites, `^ $`, groups, `|`, `* + ? {m,n}`. Has not: back references, look-around.
 * The time is at most (instructions x characters); the size is refused at compile time past 2,000 instructions.
 */
export class BoundedPattern {
  private readonly program: Instruction[] = [];
  private emitted = 0;

  constructor(
    source: string,
    private readonly ignoreCase = false,
  ) {
    if (source.length > PATTERN_CHARACTERS_MAX) throw new PatternError(`longer than ${PATTERN_CHARACTERS_MAX} characters`);
    this.emit(new PatternParser(source, ignoreCase).parse());
    this.program.push({ op: 'match' });
  }

  /** True if the pattern occurs anywhere in the text. Throws DATA_PREP.ROW_TOO_COSTLY when the budget does not suffice. */
  test(text: string, budget = new PatternBudget()): boolean {
    const { program } = this;
    let current = new StateSet(program.length);
    let next = new StateSet(program.length);
    for (let at = 0; at <= text.length; at++) {
      // Unanchored: a new attempt starts at every place.
      if (this.follow(current, 0, text, at)) return true;
      if (at === text.length) return false;
      budget.spend(current.size);
      const code = text.charCodeAt(at);
      next.clear();
      for (let i = 0; i < current.size; i++) {
        const instruction = program[current.items[i]];
        if (instruction.op !== 'set' || !this.accepts(instruction.test, code)) continue;
        if (this.follow(next, current.items[i] + 1, text, at + 1)) return true;
      }
      [current, next] = [next, current];
    }
    return false;
  }

  private accepts(test: (code: number) => boolean, code: number): boolean {
    if (test(code)) return true;
    if (!this.ignoreCase) return false;
    const character = String.fromCharCode(code);
    const other = character === character.toLowerCase() ? character.toUpperCase() : character.toLowerCase();
    return other.length === 1 && test(other.charCodeAt(0));
  }

  /** Adds a state and all that it reaches without reading a character. True when the end of the program is reached. */
  private follow(states: StateSet, from: number, text: string, at: number): boolean {
    const stack = [from];
    while (stack.length > 0) {
      const state = stack.pop() as number;
      if (!states.add(state)) continue;
      const instruction = this.program[state];
      if (instruction.op === 'match') return true;
      if (instruction.op === 'jump') stack.push(instruction.to);
      else if (instruction.op === 'fork') stack.push(instruction.second, instruction.first);
      else if (instruction.op === 'assert' && holds(instruction.kind, text, at)) stack.push(state + 1);
    }
    return false;
  }

  private emit(node: PatternNode): void {
    // Counts visits and not only instructions: "((){200}){200}" emits nothing and would still take for ever.
    if (++this.emitted > INSTRUCTIONS_MAX) throw new PatternError(`needs more than ${INSTRUCTIONS_MAX} steps`);
    switch (node.type) {
      case 'empty':
        return;
      case 'set':
        this.program.push({ op: 'set', test: node.test });
        return;
      case 'assert':
        this.program.push({ op: 'assert', kind: node.kind });
        return;
      case 'sequence':
        node.items.forEach((item) => this.emit(item));
        return;
      case 'choice':
        this.emitChoice(node.items);
        return;
      case 'repeat':
        this.emitRepeat(node);
    }
  }

  private emitChoice(items: PatternNode[]): void {
    const ends: { op: 'jump'; to: number }[] = [];
    items.forEach((item, i) => {
      if (i === items.length - 1) return this.emit(item);
      const fork: Instruction = { op: 'fork', first: this.program.length + 1, second: 0 };
      this.program.push(fork);
      this.emit(item);
      const jump: { op: 'jump'; to: number } = { op: 'jump', to: 0 };
      this.program.push(jump);
      ends.push(jump);
      fork.second = this.program.length;
    });
    for (const end of ends) end.to = this.program.length;
  }

  private emitRepeat(node: { item: PatternNode; min: number; max: number }): void {
    for (let i = 0; i < node.min; i++) this.emit(node.item);
    if (node.max === Infinity) {
      const start = this.program.length;
      const fork: Instruction = { op: 'fork', first: start + 1, second: 0 };
      this.program.push(fork);
      this.emit(node.item);
      this.program.push({ op: 'jump', to: start });
      fork.second = this.program.length;
      return;
    }
    const forks: { op: 'fork'; first: number; second: number }[] = [];
    for (let i = node.min; i < node.max; i++) {
      const fork: { op: 'fork'; first: number; second: number } = { op: 'fork', first: this.program.length + 1, second: 0 };
      this.program.push(fork);
      forks.push(fork);
      this.emit(node.item);
    }
    for (const fork of forks) fork.second = this.program.length;
  }
}

function holds(kind: PatternPlace, text: string, at: number): boolean {
  if (kind === 'start') return at === 0;
  if (kind === 'end') return at === text.length;
  const before = at > 0 && isWordCode(text.charCodeAt(at - 1));
  const after = at < text.length && isWordCode(text.charCodeAt(at));
  return (before !== after) === (kind === 'boundary');
}

/** Sparse set of program positions: add, membership and clear in constant time. */
class StateSet {
  size = 0;
  readonly items: Int32Array;
  private readonly place: Int32Array;

  constructor(capacity: number) {
    this.items = new Int32Array(capacity);
    this.place = new Int32Array(capacity);
  }

  add(state: number): boolean {
    const at = this.place[state];
    if (at < this.size && this.items[at] === state) return false;
    this.place[state] = this.size;
    this.items[this.size++] = state;
    return true;
  }

  clear(): void {
    this.size = 0;
  }
}
