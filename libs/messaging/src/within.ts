// SPDX-License-Identifier: Apache-2.0

/** Waits for `work`, but no longer than `ms`; true when it ended in time. What it throws is thrown on, unless it is late. */
export async function within(work: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
