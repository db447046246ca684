import type { OnceKey } from '@stepping/core'
import type { Inserted } from '../dialect.ts'
import { sql } from '../statement.ts'
import type { Execute, Statement } from '../statement.ts'
import type { Tables } from '../table-name.ts'
import { isBefore } from './clock.ts'
import { isOpen } from './open-transaction.ts'

/** Waits for another attempt that holds the key in an open transaction: one of the two has the effect. */
export async function takeOnce(tables: Tables, execute: Execute, key: OnceKey): Promise<Inserted> {
  const timely = isBefore(key.notAfter)
  const { gid, index, owner } = key
  const { affected } = await execute(sql`
    insert ignore into ${tables.once} (gid, step, \`key\`, key_hash, owner)
    select ${gid}, ${index}, ${key.key}, ${hash(key)}, ${owner} from dual
    where ${timely} and ${isOpen(undefined, tables)}`)
  if (affected === 1) return 'inserted'
  const { rows } = await execute(sql`select ${timely} as timely`)
  return Number(rows[0]?.['timely']) === 1 ? 'exists' : 'expired'
}

/** A locking read: at REPEATABLE READ another one would not see what was committed meanwhile. */
export function readOnce({ once }: Tables, key: OnceKey): Statement {
  return sql`select cast(value as binary) as value from ${once} where ${isKey(key)} lock in share mode`
}

export function storeOnce({ once }: Tables, key: OnceKey, value: string, was?: string): Statement {
  const is = was === undefined ? sql`` : sql` and value = ${was}`
  return sql`update ${once} set value = ${value} where ${isKey(key)}${is}`
}

function isKey(key: OnceKey): Statement {
  return sql`gid = ${key.gid} and step = ${key.index} and key_hash = ${hash(key)} and owner = ${key.owner}`
}

/** A key may be longer than an index takes, and no collation may find two of them equal. */
function hash({ key }: OnceKey): Statement {
  return sql`sha2(${key}, 256)`
}
