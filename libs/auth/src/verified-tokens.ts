// SPDX-License-Identifier: Apache-2.0
import type { Principal } from './principal';

const TOKENS_MAX = 1_000;

/**
 * Platform tokens whose signature was checked already: a service calls with the same token for minutes, and checking it costs more
 * than most calls. Kept by the whole token, so that no other token can be taken for it, and not past its end. The key of a process
 * never changes and single tokens cannot be revoked, so nothing else can end one.
 */
export class VerifiedTokens {
  private readonly tokens = new Map<string, { principal: Principal; endsAtMs: number }>();

  find(token: string, nowMs: number): Principal | undefined {
    const known = this.tokens.get(token);
    if (!known) return undefined;
    if (nowMs < known.endsAtMs) return known.principal;
    this.tokens.delete(token); // within the tolerance for clocks it may still be accepted, by the full check
    return undefined;
  }

  remember(token: string, principal: Principal, endsAtMs: number): void {
    const [oldest] = this.tokens.keys();
    if (oldest !== undefined && this.tokens.size >= TOKENS_MAX) this.tokens.delete(oldest);
    this.tokens.set(token, { principal, endsAtMs });
  }
}
