// SPDX-License-Identifier: Apache-2.0

/** Ids and names that the platform has answered with: requests that use them get behind the first check. */
export class KnownValues {
  private readonly values = new Set<string>(['default', 'x']);

  all = (): readonly string[] => [...this.values].slice(-200);

  /** Takes every text of an answer (decoded, or JSON) that looks like an identifier or a name. */
  learn(answer: unknown): void {
    if (typeof answer === 'string') {
      if (/^[\w./:@ -]{1,80}$/.test(answer)) this.values.add(answer);
    } else if (typeof answer === 'object' && answer !== null && !(answer instanceof Uint8Array)) {
      for (const value of Object.values(answer)) this.learn(value);
    }
  }
}
