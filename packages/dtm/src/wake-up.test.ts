import { expect, it } from 'vitest'
import { DtmApi } from './dtm-api.ts'
import { wakeUp } from './wake-up.ts'

const created = Date.parse('2026-01-01T00:00:00Z')

it('does not have DTM look at a job before its delay is over, from which it would wait all of it again', async () => {
  const api = new DtmApi(new URL('http://127.0.0.1:1'), 1_000)
  const found = {
    gid: 'g',
    status: 'submitted',
    create_time: '2026-01-01T00:00:00Z',
    next_cron_time: '2026-01-02T00:00:00Z',
    custom_data: '{"delay":86400}',
  } as const
  await expect(wakeUp(api, found, created + 3_600_000)).rejects.toMatchObject({
    code: 'NOT_SUPPORTED',
    message: expect.stringContaining('until 2026-01-02T00:00:00.000Z') as string,
  })
  // Once it is over it is a job like any other.
  await expect(wakeUp(api, found, created + 86_400_000)).resolves.toBeUndefined()
  await api.close()
})
