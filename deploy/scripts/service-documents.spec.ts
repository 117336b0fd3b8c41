// SPDX-License-Identifier: Apache-2.0
import 'reflect-metadata';
import { Controller, Get, Module } from '@nestjs/common';
import Ajv2020 from 'ajv/dist/2020';
import { openApiDocument } from '#libs/http';
import { serviceDocument, serviceNames } from './service-documents';

@Controller('api/v1/things')
class ThingsHttp {
  @Get()
  list(): unknown {
    return [];
  }
}

@Module({ controllers: [ThingsHttp] })
class ThingsModule {}

describe('OpenAPI documents', () => {
  it('know every service', () => {
    expect(serviceNames()).toEqual(['data-prep', 'gateway', 'ingestion', 'monitoring', 'registry', 'runtime', 'training']);
  });

  it.each(serviceNames())('%s: every route has an entry, and every schema is one', async (service) => {
    const document = await serviceDocument(service);
    const operations = Object.values(document.paths).flatMap((methods) => Object.values(methods));
    expect(operations.length).toBeGreaterThan(8);
    expect(operations.filter(({ summary }) => summary.length < 4)).toEqual([]);
    const ajv = new Ajv2020({ strict: false, validateFormats: false });
    ajv.addSchema({ $id: 'document', ...JSON.parse(JSON.stringify(document)) });
    for (const name of Object.keys(document.components.schemas as object))
      expect(ajv.getSchema(`document#/components/schemas/${name}`)).toBeInstanceOf(Function);
  });

  it('refuse a route without an entry', async () => {
    await expect(openApiDocument(ThingsModule, { service: 'things', version: '1' })).rejects.toThrow(
      'ThingsHttp.list (GET /api/v1/things) lacks @Answers(...)',
    );
  });
});
