import { beside } from '../scenario.ts'
import type { Scenario, Sides } from '../scenario.ts'
import { cost } from './cost.ts'
import { drain } from './drain.ts'
import { enqueue } from './enqueue.ts'
import { growth, growthParked } from './growth.ts'
import { idle } from './idle.ts'
import { latency } from './latency.ts'
import { memory } from './memory.ts'
import { processes } from './processes.ts'
import { soak } from './soak.ts'
import { sustained } from './sustained.ts'

/** Libraries beside SQL by hand, on PostgreSQL. */
const enqueueing: Sides = {
  ...beside('hand-written', 'hand-written-pipeline', 'stepping', 'stepping-pipeline'),
  ...beside('hand-written-drizzle', 'stepping-drizzle'),
  ...beside('hand-written-sequelize', 'stepping-sequelize'),
  ...beside('hand-written-2-phase', 'stepping-2-phase'),
  'graphile-worker': 'hand-written',
  'pg-boss': 'hand-written',
  dbos: 'hand-written',
}
const draining = beside(
  'hand-written',
  'stepping',
  'stepping-2-phase',
  'graphile-worker',
  'pg-boss',
  'dbos',
  'openworkflow',
  'bullmq',
)
const mysqlAndMongo: Sides = {
  ...beside('hand-written-mysql2', 'stepping-mysql2'),
  ...beside('hand-written-mongo', 'stepping-mongo'),
}
const otherDatabases: Sides = {
  ...mysqlAndMongo,
  ...beside('hand-written-sqlite', 'stepping-sqlite'),
}
const counted = ['hand-written', 'stepping', 'stepping-2-phase', ...Object.keys(otherDatabases)]

export const scenarios: readonly Scenario[] = [
  enqueue(
    {
      name: 'enqueue',
      title: 'Enqueue in a transaction (a business row and a job), 10 connections',
      connections: 10,
      count: 8_000,
    },
    enqueueing,
  ),
  enqueue(
    {
      name: 'enqueue-1',
      title: 'The same, one connection',
      connections: 1,
      count: 1_000,
    },
    beside('hand-written', 'stepping', 'graphile-worker', 'pg-boss', 'dbos'),
  ),
  enqueue(
    {
      name: 'enqueue-databases',
      title: 'The same on MariaDB, MongoDB and SQLite, 10 connections',
      connections: 10,
      count: 4_000,
    },
    {
      ...mysqlAndMongo,
      ...beside('hand-written-sqlite', 'hand-written-drizzle-sqlite'),
      'stepping-sqlite': 'hand-written-drizzle-sqlite',
    },
  ),
  drain(
    { name: 'drain', title: 'Drain 20,000 waiting jobs, one process', count: 20_000, steps: 1 },
    draining,
  ),
  drain(
    {
      name: 'drain-200k',
      title: 'Drain 200,000 waiting jobs, one process',
      count: 200_000,
      steps: 1,
      rounds: 3,
    },
    beside('hand-written', 'stepping', 'graphile-worker', 'pg-boss'),
  ),
  drain(
    {
      name: 'drain-databases',
      title: 'Drain 20,000 waiting jobs of MariaDB, MongoDB and SQLite, one process',
      count: 20_000,
      steps: 1,
    },
    otherDatabases,
  ),
  drain(
    {
      name: 'three-steps',
      title: '3 steps a job, each durable before the next',
      count: 2_000,
      steps: 3,
    },
    beside(
      'hand-written',
      'stepping',
      'graphile-worker',
      'pg-boss',
      'dbos',
      'openworkflow',
      'bullmq',
    ),
  ),
  sustained(
    'sustained',
    'Enqueue in transactions and execute at once, one process, 10 connections',
    4_000,
    beside('hand-written', 'stepping', 'graphile-worker', 'pg-boss', 'pg-boss-notify', 'dbos'),
  ),
  sustained(
    'dtm',
    'The same over a DTM server, 10 at once, beside bare calls of undici that send the same requests',
    500,
    beside('hand-written-dtm', 'stepping-dtm'),
  ),
  latency({
    name: 'latency',
    title: 'From the call that enqueues to the start of the step, idle, same process',
    across: false,
    load: 0,
  }),
  latency({
    name: 'latency-across',
    title: 'The same, executed by another process',
    across: true,
    load: 0,
  }),
  latency({
    name: 'latency-load',
    title: 'The same in one process, while it adds and executes 100 more a second',
    across: false,
    load: 100,
  }),
  latency({
    name: 'latency-across-load',
    title: 'The same executed by another process, while 100 more a second are added',
    across: true,
    load: 100,
  }),
  processes,
  growth,
  growthParked,
  memory,
  soak,
  idle(beside('graphile-worker', 'stepping', 'pg-boss', 'pg-boss-notify', 'dbos', 'openworkflow')),
  cost('add', [...counted, 'hand-written-dtm', 'stepping-dtm']),
  cost('run', [...counted, 'hand-written-dtm', 'stepping-dtm']),
  cost('drain', counted),
]
