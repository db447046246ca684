// Runs on the packed packages alone, as a user has them after an install: no workspace, no source condition.
import { createStepping } from '@stepping/core'
import * as adapterDrizzle from '@stepping/adapter-drizzle'
import * as selfTm from '@stepping/self-tm'
import * as sql from '@stepping/sql'

console.log(typeof createStepping, Object.keys({ ...adapterDrizzle, ...selfTm, ...sql }).length > 0)
