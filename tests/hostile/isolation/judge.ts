// SPDX-License-Identifier: Apache-2.0
import type { Harvest } from './harvest';

/** What a door must do; without more, the owner's answer shows something and the stranger's nothing. */
export interface Expected {
  /** Set where the owner's own answer holds none of the marks, with the reason. */
  ownerSeesNoMark?: string;
  /** Set where the owner has nothing to see there, with the reason. */
  ownerSeesNothing?: string;
  /**
   * What a stranger gets, where it is not "not found" for a request that names a thing of the owner's, and an empty answer for
   * another: `nothing` = an empty answer although it names one, `own` = what belongs to the stranger's own workspace.
   */
  stranger?: { gets: 'nothing' | 'own'; because: string };
}

/** One answer, of either protocol. */
export interface Outcome {
  kind: 'ok' | 'not-found' | 'denied' | 'other';
  /** Status, for people. */
  status: string;
  /** All that the caller can read. */
  text: string;
  /** The decoded answer, where it has a structure. */
  value?: unknown;
}

export interface Asked {
  /** What the request says, decoded: an error may repeat it. */
  said: string;
  /** The request holds an id or a name of the owner's. */
  namesThing: boolean;
  own: Outcome;
  /** The same request of a stranger in the stranger's workspace. */
  foreign: Outcome;
  /** The same request of a stranger in the owner's workspace. */
  across: Outcome;
}

/** What is wrong with the answers of one door; nothing = it keeps workspaces apart. */
export function judge(expected: Expected, asked: Asked, found: Harvest): string[] {
  return [...ownersFaults(expected, asked, found), ...strangersFaults(expected, asked, found), ...acrossFaults(asked)];
}

function ownersFaults({ ownerSeesNoMark, ownerSeesNothing }: Expected, { own }: Asked, found: Harvest): string[] {
  // Without the owner's own success the stranger's emptiness would say nothing.
  if (own.kind !== 'ok') return [`the owner got ${shown(own)}`];
  if (own.value !== undefined && isEmpty(own.value) !== (ownerSeesNothing !== undefined))
    return [`the owner's answer is ${ownerSeesNothing === undefined ? 'empty' : 'not empty'}: ${shown(own)}`];
  const marked = marksIn(own.text, found).length > 0;
  if (marked === (ownerSeesNoMark === undefined && ownerSeesNothing === undefined)) return [];
  return [`${marked ? 'a' : 'no'} mark in the owner's answer ${shown(own)}`];
}

function strangersFaults({ stranger }: Expected, { foreign, namesThing, said, own }: Asked, found: Harvest): string[] {
  const gets = stranger?.gets ?? (namesThing ? 'not found' : 'nothing');
  const right =
    gets === 'not found'
      ? foreign.kind === 'not-found'
      : foreign.kind === 'ok' && (gets === 'own' || (foreign.value !== undefined && isEmpty(foreign.value)));
  const faults = right ? [] : [`a stranger got ${shown(foreign)} instead of ${gets}`];
  // Only an error may repeat what was asked for: an answer that holds it is the thing itself.
  const leaks = marksIn(foreign.text, found).filter((mark) => foreign.kind === 'ok' || !said.includes(mark));
  if (leaks.length > 0) faults.push(`a stranger saw ${leaks.join(', ')} in ${shown(foreign)}`);
  if (gets === 'own' && foreign.text === own.text) faults.push("a stranger got the owner's answer");
  return faults;
}

function acrossFaults({ across }: Asked): string[] {
  return across.kind === 'denied' ? [] : [`a stranger's token in the owner's workspace got ${shown(across)}`];
}

/** Ids, names and words of the owner's that a text holds. Short ones would be found by chance. */
export function marksIn(text: string, found: Harvest): string[] {
  return [...new Set(Object.values(found))].filter((mark) => mark.length >= 8 && text.includes(mark));
}

/** Nothing in it: no items, no text, no number but zero. */
export function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === '' || value === 0 || value === '0' || value === false) return true;
  return typeof value === 'object' && Object.values(value).every(isEmpty);
}

function shown({ status, text }: Outcome): string {
  return `${status} ${text.slice(0, 300)}`;
}
