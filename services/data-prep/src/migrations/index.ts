// SPDX-License-Identifier: Apache-2.0
import { CreateProfilesAndRecipes1795461600000 } from './1795461600000-create-profiles-and-recipes';

/** Migrations of data-prep, in order. */
export const migrations = [CreateProfilesAndRecipes1795461600000];
