import { freshDatabase, freshMongoDatabase, freshMysqlDatabase } from '@stepping/test-support'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inject } from 'vitest'
import type { Product } from './library.ts'

export interface Place {
  readonly url: string
  drop(): Promise<void>
}

/** An empty database of the product, which nobody else uses. */
export async function freshPlace(product: Product, label: string): Promise<Place> {
  switch (product) {
    case 'postgres':
      return await freshDatabase(inject('postgresUrl'), label)
    case 'mysql':
      return await freshMysqlDatabase(inject('mysqlUrl'), label)
    case 'mongodb':
      return freshMongoDatabase(inject('mongoUrl'), label)
    case 'pglite':
    case 'sqlite':
      return await freshFolder()
  }
}

async function freshFolder(): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'stepping-matrix-'))
  return { url: join(folder, 'data'), drop: () => rm(folder, { recursive: true, force: true }) }
}
