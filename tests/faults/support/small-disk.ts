// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, rmdirSync, statfsSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const MB = 1024 * 1024;

/** A file system of its own, in memory and small, that can be filled up; gone with this process at the latest. */
export class SmallDisk {
  private mounted = true;
  private readonly atExit = (): void => this.unmount();

  private constructor(readonly path: string) {
    process.once('exit', this.atExit);
  }

  /** Why this host cannot mount one, or undefined. */
  static unable(): string | undefined {
    if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'mounting a small disk needs root on Linux';
    try {
      SmallDisk.mount(1).unmount();
      return undefined;
    } catch (error) {
      return `a small disk cannot be mounted: ${(error as Error).message.split('\n')[0]}`;
    }
  }

  static mount(megabytes: number): SmallDisk {
    const path = mkdtempSync(join(tmpdir(), 'millrace-small-disk-'));
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=0755`, 'tmpfs', path], { stdio: 'pipe' });
    } catch (error) {
      rmdirSync(path);
      throw error;
    }
    return new SmallDisk(path);
  }

  get freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.path);
    return bavail * bsize;
  }

  /** Takes all the space that is left; returns how much that was. */
  fill(): number {
    const before = this.freeBytes;
    const file = openSync(this.ballast, 'a');
    try {
      for (let piece = Buffer.alloc(MB); ;) {
        try {
          writeSync(file, piece);
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
          if (piece.length <= 4096) break;
          piece = Buffer.alloc(piece.length / 4);
        }
      }
    } finally {
      closeSync(file);
    }
    return before - this.freeBytes;
  }

  /** Gives back what `fill` took. */
  free(): void {
    rmSync(this.ballast, { force: true });
  }

  unmount(): void {
    if (!this.mounted) return;
    this.mounted = false;
    process.off('exit', this.atExit);
    // Lazily: a log that somebody still holds open must not keep it for ever.
    execFileSync('umount', ['-l', this.path], { stdio: 'pipe' });
    rmdirSync(this.path);
  }

  private get ballast(): string {
    return join(this.path, 'ballast');
  }
}
