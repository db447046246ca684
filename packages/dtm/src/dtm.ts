import type { JobAdmin, TransactionManager } from '@stepping/core'
import { callbackAt } from './callback.ts'
import { checkCallback } from './check-callback.ts'
import { callbackHandler } from './handler.ts'
import { DtmTransactionManager } from './manager.ts'
import { invalid, settingsOf, urlIn } from './options.ts'
import type { DtmOptions, DtmSettings } from './options.ts'
import { httpOrders } from './orders.ts'

/** The DTM server as transaction manager, and the door at which it calls back. */
export interface Dtm extends TransactionManager {
  readonly jobs: JobAdmin
  /** Answers what DTM asks. Mount it at `callbackUrl` in every process of the app. */
  readonly handler: (request: Request) => Promise<Response>
  /**
   * Asks at `callbackUrl` whether this app answers there: call it once the server listens. A proxy
   * that sends strangers to a login page would have DTM believe that steps are done.
   *
   * @throws SteppingError `CALLBACK_UNREACHABLE`
   */
  checkCallback(): Promise<void>
}

/**
 * Has the jobs kept and driven by a DTM server: prepare and submit go to it by HTTP, and it calls
 * the steps at `callbackUrl`.
 *
 * @example
 * const tm = dtm({ server: 'http://dtm:36789', callbackUrl: 'http://shop:8080/stepping', secrets: [secret] })
 * createServer(toNodeListener(tm.handler)).listen(8080)
 * const stepping = createStepping({ app: 'shop', tm, databases: [orders], steps })
 * @throws SteppingError `OPTIONS_INVALID`
 */
export function dtm(options: DtmOptions): Dtm {
  const settings = settingsOf(options, 'dtm')
  return new HttpDtm(settings, callbackUrlIn(options))
}

/** What DTM and we put into the query of the callback URL, where the first of a name counts. */
const ownParams = new Set([
  'gid',
  'branch_id',
  'op',
  'trans_type',
  'app',
  'database',
  'tenant',
  'identity',
  'sending',
  'mac',
  'key',
  'check',
])

function callbackUrlIn({ callbackUrl }: DtmOptions): URL {
  const url = urlIn('dtm', 'callbackUrl', callbackUrl)
  const taken = [...url.searchParams.keys()].find((name) => ownParams.has(name))
  if (taken === undefined) return url
  throw invalid('dtm', `callbackUrl has ${taken} in its query, which is DTM's or ours`)
}

class HttpDtm extends DtmTransactionManager implements Dtm {
  readonly handler: Dtm['handler']
  readonly #callbackUrl: URL

  constructor(settings: DtmSettings, callbackUrl: URL) {
    super(settings, (api) => ({
      callback: callbackAt(callbackUrl, settings.signer),
      orders: httpOrders(api),
    }))
    this.#callbackUrl = callbackUrl
    this.handler = callbackHandler(this.door)
  }

  async checkCallback(): Promise<void> {
    const { signer, requestTimeoutMs } = this.settings
    await checkCallback(this.#callbackUrl, signer, requestTimeoutMs)
  }
}
