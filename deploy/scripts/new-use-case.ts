// SPDX-License-Identifier: Apache-2.0
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { runCli, UsageError } from './cli';
import { toCamel, toPascal, toPlural } from './names';
import { asService } from './service-databases';

const usage = `npm run new -- <service> <noun> <verb-noun>
Writes the files of a use case in the house style, such as: npm run new -- registry model archive-model
Files that exist are left alone. Then: the noun in docs/glossary.md, the RPC in proto/, npm run proto:gen.`;

const LICENSE = '// SPDX-License-Identifier: Apache-2.0\n';

/** Path (below the service's src) and text of each file of a use case. */
export function useCaseFiles(service: string, noun: string, action: string): Record<string, string> {
  const folder = toPlural(noun);
  const plural = toPascal(folder);
  const repository = `${plural}Repository`;
  return {
    [`${folder}/${noun}.ts`]: `${LICENSE}
/** Say what a ${noun} is, its states, and what may never happen to it. */
export interface ${toPascal(noun)} {
  workspace: string;
  id: string;
}
`,
    [`${folder}/${folder}.errors.ts`]: `${LICENSE}import { defineErrors } from '#libs/errors';

export const ${toPascal(noun)}Errors = defineErrors('${service.replaceAll('-', '_').toUpperCase()}', {
  ${noun.replaceAll('-', '_').toUpperCase()}_NOT_READY: { kind: 'precondition', retry: 'never', help: 'Say in one line when this happens.' },
});
`,
    [`${folder}/${folder}.repository.ts`]: `${LICENSE}import type { Queryable } from '#libs/persistence';
import type { ${toPascal(noun)} } from './${noun}';

/** Where ${folder} are kept. */
export abstract class ${repository} {
  abstract find(db: Queryable, workspace: string, id: string): Promise<${toPascal(noun)} | undefined>;
}
`,
    [`${folder}/${action}.ts`]: useCaseText(noun, action),
    [`${folder}/${action}.spec.ts`]: specText(noun, action),
  };
}

function useCaseText(noun: string, action: string): string {
  const name = toPascal(action);
  const plural = toPlural(noun);
  const repository = `${toPascal(plural)}Repository`;
  return `${LICENSE}import { Injectable } from '@nestjs/common';
import { notFound } from '#libs/errors';
import { Idempotency, UnitOfWork } from '#libs/persistence';
import { ${repository} } from './${plural}.repository';

export interface ${name}Input {
  workspace: string;
  id: string;
  requestId?: string;
}

/** Say what it does, to whom it tells so, and what a repeated call gets. */
@Injectable()
export class ${name} {
  constructor(
    private readonly unitOfWork: UnitOfWork,
    private readonly idempotency: Idempotency,
    private readonly ${toCamel(plural)}: ${repository},
  ) {}

  execute(input: ${name}Input): Promise<void> {
    const { workspace, id, requestId } = input;
    return this.unitOfWork.run(
      (tx) =>
        this.idempotency.once(tx, { workspace, operation: '${name}', requestId, request: { id } }, async () => {
          const found = await this.${toCamel(plural)}.find(tx, workspace, id);
          if (!found) throw notFound('${noun}', id);
        }),
      { label: '${action}' },
    );
  }
}
`;
}

function specText(noun: string, action: string): string {
  const name = toPascal(action);
  return `${LICENSE}import type { Idempotency, Transaction, UnitOfWork } from '#libs/persistence';
import { ${name} } from './${action}';

describe('${action}', () => {
  it('names the ${noun} that is missing', async () => {
    const unitOfWork = { run: (work: (tx: Transaction) => Promise<unknown>) => work({} as Transaction) } as unknown as UnitOfWork;
    const idempotency = { once: (_tx: unknown, _key: unknown, work: () => Promise<unknown>) => work() } as unknown as Idempotency;
    const useCase = new ${name}(unitOfWork, idempotency, { find: async () => undefined });
    await expect(useCase.execute({ workspace: 'default', id: 'x' })).rejects.toMatchObject({ code: 'COMMON.NOT_FOUND' });
  });
});
`;
}

async function create(argv: string[]): Promise<void> {
  const [serviceName, noun, action] = argv;
  if (serviceName === undefined || noun === undefined || action === undefined)
    throw new UsageError('Give a service, a noun and an action.');
  const service = asService(serviceName);
  for (const name of [noun, action]) {
    if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name)) throw new UsageError(`${JSON.stringify(name)}: use kebab-case`);
  }
  if (!action.includes('-'))
    throw new UsageError(`${JSON.stringify(action)}: an action is a verb and a noun, such as archive-${noun}`);
  for (const [path, text] of Object.entries(useCaseFiles(service, noun, action))) {
    const file = join('services', service, 'src', path);
    if (existsSync(file)) {
      process.stdout.write(`kept    ${file}\n`);
      continue;
    }
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    process.stdout.write(`written ${file}\n`);
  }
}

if (process.argv[1] === __filename) void runCli(usage, create);
