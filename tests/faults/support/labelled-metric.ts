// SPDX-License-Identifier: Apache-2.0

/** Sum over those series of a metric (by the end of its name) that carry these labels, as a service gives it out now; 0 without any. */
export async function countOf(url: string, name: string, labels: Record<string, string>): Promise<number> {
  const response = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(20_000) });
  const text = await response.text();
  if (response.status !== 200) throw new Error(`${url}/metrics answers ${response.status}`);
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  return text
    .split('\n')
    .map((line) => /^(?<name>\w+)\{(?<labels>.*)\} (?<value>\S+)$/.exec(line)?.groups)
    .filter((groups) => groups?.name.endsWith(`_${name}`) && wanted.every((label) => groups.labels.split(',').includes(label)))
    .reduce((sum, groups) => sum + Number(groups?.value), 0);
}
