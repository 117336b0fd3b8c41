// SPDX-License-Identifier: Apache-2.0

/** Sum over all series of a metric (`relay_failures_total` of any service) as a service gives it out now; 0 when there is none. */
export async function sumOfMetric(url: string, name: string): Promise<number> {
  const response = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(20_000) });
  const text = await response.text();
  if (response.status !== 200) throw new Error(`${url}/metrics answers ${response.status}`);
  return text
    .split('\n')
    .map((line) => /^(?<name>\w+?)(?:\{.*\})? (?<value>\S+)$/.exec(line)?.groups)
    .filter((groups) => groups?.name === name || groups?.name?.endsWith(`_${name}`))
    .reduce((sum, groups) => sum + Number(groups?.value), 0);
}
