// SPDX-License-Identifier: Apache-2.0
// Names and ids that exist, written into a document's path parameters: requests that use them get behind the first "not found".
const VALUES_MAX = 8;
const ID_FIELDS = ['name', 'id', 'version'];

/**
 * Asks the lists of a service for what there is: `/models` for the `{name}` of `/models/{name}/versions`, then `/models/planted/versions`
 * for its `{version}`. `given` has the items of collections that no route lists. Changes the document's parameters and gives how many
 * of them were found.
 */
export async function nameKnownThings(document, url, headers, given = {}) {
  const paths = Object.keys(document.paths).filter((path) => path.includes('{'));
  const lists = new Map(Object.entries(given));
  const read = (path) => lists.get(path) ?? lists.set(path, itemsOf(`${url}${path}`, headers)).get(path);
  let named = 0;
  for (const path of paths) {
    const known = await knownValuesOf(path, read);
    for (const operation of Object.values(document.paths[path]))
      for (const parameter of operation.parameters ?? []) {
        const values = parameter.in === 'path' ? (known.get(parameter.name) ?? []) : [];
        // A stream of events goes on for as long as the job lives: that is no hang.
        if (values.length === 0 || path.endsWith('/events')) continue;
        parameter.schema = { ...parameter.schema, anyOf: [{ enum: values.map(String) }, { minLength: 1 }] };
        named += 1;
      }
  }
  return named;
}

async function knownValuesOf(path, read) {
  const known = new Map();
  const parts = path.split('/');
  let at = '';
  for (const [index, part] of parts.entries()) {
    if (index === 0) continue;
    const parameter = /^\{(\w+)\}$/.exec(part)?.[1];
    if (parameter === undefined) {
      at += `/${part}`;
      continue;
    }
    const items = await read(at);
    const field = [parameter, ...ID_FIELDS].find((name) =>
      items.some((item) => ['string', 'number'].includes(typeof item?.[name])),
    );
    const values = [...new Set(items.map((item) => item?.[field]).filter((value) => value !== undefined && value !== null))];
    if (values.length === 0) return known;
    known.set(parameter, values.slice(0, VALUES_MAX));
    at += `/${encodeURIComponent(values[0])}`;
  }
  return known;
}

// The first list in the answer, whatever it is called.
async function itemsOf(address, headers) {
  const answer = await fetch(address, { headers: { ...headers, connection: 'close' }, signal: AbortSignal.timeout(10_000) });
  if (!answer.ok || !/json/.test(answer.headers.get('content-type') ?? '')) return [];
  const body = await answer.json();
  return Array.isArray(body) ? body : (Object.values(body ?? {}).find(Array.isArray) ?? []);
}
