import type { Mutation } from './mutation.ts'
import { adapters } from './of/adapters.ts'
import { core } from './of/core.ts'
import { dtm } from './of/dtm.ts'
import { jobStores } from './of/job-stores.ts'
import { selfTm } from './of/self-tm.ts'
import { sql } from './of/sql.ts'

/** Each stands with the package that has the defect; those of the self-TM's stores by themselves. */
export const mutations: readonly Mutation[] = [
  ...selfTm,
  ...jobStores,
  ...core,
  ...adapters,
  ...sql,
  ...dtm,
]
