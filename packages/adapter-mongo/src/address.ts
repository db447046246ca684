import type { Db, MongoClient } from 'mongodb'

/** Where a database is, without the password: for messages. */
export function addressOf(db: Db): string {
  const { srvHost, hosts, credentials } = clientOf(db).options
  const user = credentials?.username === undefined ? '' : `${credentials.username}@`
  return srvHost === undefined
    ? `mongodb://${user}${hosts.map(String).join(',')}/${db.databaseName}`
    : `mongodb+srv://${user}${srvHost}/${db.databaseName}`
}

/** Before version 7 the driver's types keep it internal. */
export function clientOf(db: Db): MongoClient {
  return (db as unknown as { readonly client: MongoClient }).client
}
