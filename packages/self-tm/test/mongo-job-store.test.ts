import { describeJobStore } from '../../conformance/src/index.ts'
import { useMongo } from './mongo-store.ts'

const { open } = useMongo()

describeJobStore({ name: 'MongoDB', open: () => open() })
