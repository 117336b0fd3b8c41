// SPDX-License-Identifier: Apache-2.0
// The package ships the types of this file in another folder.
declare module 'class-transformer/cjs/storage' {
  export { defaultMetadataStorage } from 'class-transformer/types/storage';
}
