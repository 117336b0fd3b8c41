// SPDX-License-Identifier: Apache-2.0
// Makes the relay believe that it has the lead, whoever has it.
import { onExport } from './on-export';

onExport('OutboxStore', ({ prototype }) => {
  prototype.tryLead = (): Promise<boolean> => Promise.resolve(true);
});
