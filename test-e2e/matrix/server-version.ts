import { describeMysql } from '@stepping/test-support'
import type { TakenDtm } from '@stepping/test-support'
import { MongoClient } from 'mongodb'
import { Client } from 'pg'
import { inject } from 'vitest'
import type { Product } from './library.ts'

/** What the server says it is; undefined: the product is a library. */
export async function serverVersion(product: Product): Promise<string | undefined> {
  switch (product) {
    case 'postgres': {
      const client = new Client({ connectionString: inject('postgresUrl') })
      await client.connect()
      const { rows } = await client.query<{ server_version: string }>('show server_version')
      await client.end()
      return `PostgreSQL ${rows[0]!.server_version}`
    }
    case 'mysql':
      return await describeMysql(inject('mysqlUrl'))
    case 'mongodb': {
      await using client = new MongoClient(inject('mongoUrl'))
      const { version } = await client.db('admin').command({ buildInfo: 1 })
      return `MongoDB ${version}`
    }
    case 'pglite':
    case 'sqlite':
      return undefined
  }
}

/** One that was built from its modules does not know its version. */
export async function dtmVersion({ url, source }: TakenDtm): Promise<string> {
  const response = await fetch(`${url}/api/dtmsvr/version`)
  const { version } = (await response.json()) as { version: string }
  return version.endsWith('-dev') ? source.split(' in ')[0]! : `DTM ${version}`
}
