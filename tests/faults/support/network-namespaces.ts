// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process';

interface Node {
  namespace: string;
  /** This end of the link, in the host's namespace. */
  link: string;
  address: string;
}

/** Each member in a network namespace of its own, joined to a bridge by a veth pair; links can be cut while they carry traffic. */
export class NetworkNamespaces {
  private readonly nodes = new Map<string, Node>();
  private removed = false;
  private readonly atExit = (): void => this.remove();

  private constructor(
    private readonly bridge: string,
    /** First three numbers of the addresses. */
    private readonly net: string,
  ) {
    process.once('exit', this.atExit);
  }

  /** Why this host cannot make them, or undefined. */
  static unable(): string | undefined {
    if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'network namespaces need root on Linux';
    try {
      NetworkNamespaces.create(['probe']).remove();
      return undefined;
    } catch (error) {
      return `network namespaces cannot be made: ${(error as Error).message.split('\n')[0]}`;
    }
  }

  /** `hostAddresses`: how many addresses the host itself has on the bridge (.1, .2, ...); members follow from .11 on. */
  static create(names: readonly string[], hostAddresses = 1): NetworkNamespaces {
    const tag = (process.pid % 0xffff).toString(16);
    const made = new NetworkNamespaces(`mlb${tag}`, `10.213.${process.pid % 250}`);
    try {
      ip('link', 'add', made.bridge, 'type', 'bridge');
      for (let last = 1; last <= hostAddresses; last += 1) ip('addr', 'add', `${made.hostAddress(last)}/24`, 'dev', made.bridge);
      ip('link', 'set', made.bridge, 'up');
      names.forEach((name, index) => made.add(name, index, tag));
      return made;
    } catch (error) {
      made.remove();
      throw error;
    }
  }

  hostAddress(last: number): string {
    return `${this.net}.${last}`;
  }

  address(name: string): string {
    return this.node(name).address;
  }

  /** What to put in front of a program that shall run there; it replaces itself by the program. */
  command(name: string): string[] {
    return ['ip', 'netns', 'exec', this.node(name).namespace];
  }

  /** Cuts that member off from everybody: its link is down. */
  linkDown(name: string): void {
    ip('link', 'set', this.node(name).link, 'down');
  }

  linkUp(name: string): void {
    ip('link', 'set', this.node(name).link, 'up');
  }

  /** What that member sends to this address vanishes; what comes from there arrives, and its acknowledgements vanish. */
  cutTo(name: string, address: string): void {
    const nowhere = ['lladdr', '02:00:00:00:00:01', 'nud', 'permanent', 'dev', 'eth0'];
    ip('-n', this.node(name).namespace, 'neigh', 'replace', address, ...nowhere);
  }

  healTo(name: string, address: string): void {
    ip('-n', this.node(name).namespace, 'neigh', 'del', address, 'dev', 'eth0');
  }

  /** Takes everything away, also what is only half made. */
  remove(): void {
    if (this.removed) return;
    this.removed = true;
    process.off('exit', this.atExit);
    for (const { namespace } of this.nodes.values()) attempt('netns', 'del', namespace);
    attempt('link', 'del', this.bridge);
  }

  private add(name: string, index: number, tag: string): void {
    const node = { namespace: `millrace-${tag}-${name}`, link: `mlv${tag}n${index}`, address: `${this.net}.${11 + index}` };
    const inside = (...words: string[]): void => ip('-n', node.namespace, ...words);
    ip('netns', 'add', node.namespace);
    this.nodes.set(name, node);
    ip('link', 'add', node.link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', node.namespace);
    ip('link', 'set', node.link, 'master', this.bridge, 'up');
    inside('addr', 'add', `${node.address}/24`, 'dev', 'eth0');
    inside('link', 'set', 'lo', 'up');
    inside('link', 'set', 'eth0', 'up');
  }

  private node(name: string): Node {
    const found = this.nodes.get(name);
    if (!found) throw new Error(`there is no namespace for ${name}`);
    return found;
  }
}

function ip(...words: string[]): void {
  execFileSync('ip', words, { stdio: 'pipe', timeout: 20_000 });
}

function attempt(...words: string[]): void {
  try {
    ip(...words);
  } catch (error) {
    process.stderr.write(`ip ${words.join(' ')}: ${(error as Error).message}\n`);
  }
}
