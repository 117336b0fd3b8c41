// SPDX-License-Identifier: Apache-2.0
import { listMigration, migrationText } from './db-new';
import { toPascal, toPlural } from './names';

describe('db:new', () => {
  it('starts a list, and adds to one line and to many', () => {
    const first = listMigration('', 'CreateModels1', '1-create-models');
    expect(first).toContain('export const migrations = [CreateModels1];');
    const second = listMigration(first, 'AddTags2', '2-add-tags');
    expect(second).toContain("import { CreateModels1 } from './1-create-models';\nimport { AddTags2 } from './2-add-tags';");
    expect(second).toContain('export const migrations = [CreateModels1, AddTags2];');
    const wrapped = second.replace('[CreateModels1, AddTags2]', '[\n  CreateModels1,\n  AddTags2,\n]');
    expect(listMigration(wrapped, 'C3', '3-c')).toContain('[CreateModels1, AddTags2, C3];');
    expect(() => listMigration('export const other = [];', 'C3', '3-c')).toThrow(/has no/);
  });

  it('names the class as TypeORM orders it', () => {
    expect(migrationText('CreateModels1763900000000')).toContain('class CreateModels1763900000000 implements MigrationInterface');
    expect(toPascal('create-model-2')).toBe('CreateModel2');
    expect(['model', 'policy', 'alias', 'key'].map(toPlural)).toEqual(['models', 'policies', 'aliases', 'keys']);
  });
});
