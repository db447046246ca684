import type { Mutation } from './mutation.ts'
import { adapters } from './of/adapters.ts'
import { core } from './of/core.ts'
import { dtm } from './of/dtm.ts'
import { selfTm } from './of/self-tm.ts'
import { sql } from './of/sql.ts'

/** Each stands with the package that has the defect. */
export const mutations: readonly Mutation[] = [...selfTm, ...core, ...adapters, ...sql, ...dtm]
