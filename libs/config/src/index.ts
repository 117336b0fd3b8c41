// SPDX-License-Identifier: Apache-2.0
export { Setting, settingsOf, toEnvName } from './setting';
export type { DefaultContext, SettingEntry, SettingOptions } from './setting';
export { EXIT_CONFIG, loadSettings, loadSettingsOrExit, serviceOf, SettingsError } from './load-settings';
export type { Environment, SettingFault, SettingsClass } from './load-settings';
export { effectiveSettings, settingsTable } from './settings-table';
export { defaultPorts, ProcessSettings, ServiceSettings } from './service-settings';
export { TestSettings, testSettings } from './test-settings';
