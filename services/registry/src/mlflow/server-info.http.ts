// SPDX-License-Identifier: Apache-2.0
import { Controller, Get, Header } from '@nestjs/common';
import { Answers, SkipAuth, schema } from '#libs/http';

/** Version of the MLflow protocol that these doors follow; the stock client asks for it at the root of its base URL. */
export const MLFLOW_VERSION = '3.17.2';

/** What the stock client asks of any MLflow server before it talks. */
@Controller()
export class MlflowServerInfoHttp {
  @Answers("OK, as MLflow's server says it", schema.text, { contentType: 'text/plain' })
  @Get('health')
  @SkipAuth()
  @Header('content-type', 'text/plain; charset=utf-8')
  health(): string {
    return 'OK';
  }

  @Answers("The version of MLflow's protocol", schema.text, { contentType: 'text/plain' })
  @Get('version')
  @SkipAuth()
  @Header('content-type', 'text/plain; charset=utf-8')
  version(): string {
    return MLFLOW_VERSION;
  }
}
