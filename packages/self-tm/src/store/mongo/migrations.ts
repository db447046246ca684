import type { MigrationSet } from './mongo-database.ts'

export const migrations: MigrationSet = {
  component: 'self-tm',
  version: 1,
  commands: ({ collection }) => [
    { create: collection('job') },
    {
      createIndexes: collection('job'),
      indexes: [
        // Claims and completions touch no indexed field. Both active states are read in the order of
        // due_at and merged.
        { key: { app: 1, state: 1, due_at: 1 }, name: 'job_due' },
        {
          key: { finished_at: 1 },
          name: 'job_finished',
          partialFilterExpression: { finished_at: { $exists: true } },
        },
      ],
    },
    { create: collection('history') },
    {
      createIndexes: collection('history'),
      indexes: [{ key: { finished_at: 1 }, name: 'history_finished' }],
    },
    { create: collection('wake') },
  ],
}
