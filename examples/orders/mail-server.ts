import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { SMTPServer } from 'smtp-server'

export interface Mail {
  readonly to: string
  readonly subject: string
}

export interface MailServer extends AsyncDisposable {
  readonly url: string
  readonly inbox: readonly Mail[]
  /** Answers the next `times` mails with 451, which means: not now, try again. */
  refuse(times: number): void
  /** How many mails it has answered so. */
  readonly refused: number
}

/** A mail server that keeps what it accepts. */
export async function startMailServer(onMail: (mail: Mail) => void): Promise<MailServer> {
  const inbox: Mail[] = []
  let toRefuse = 0
  let refused = 0
  const smtp = new SMTPServer({
    disabledCommands: ['AUTH', 'STARTTLS'],
    closeTimeout: 1_000,
    onMailFrom(_address, _session, callback) {
      if (toRefuse === 0) return callback()
      toRefuse--
      refused++
      callback(Object.assign(new Error('try again later'), { responseCode: 451 }))
    },
    onData(stream, { envelope }, callback) {
      let content = ''
      stream.setEncoding('utf8').on('data', (text: string) => (content += text))
      stream.on('end', () => {
        const subject = /^Subject: (.*)$/m.exec(content)?.[1]?.trim() ?? ''
        for (const { address } of envelope.rcptTo) {
          inbox.push({ to: address, subject })
          onMail({ to: address, subject })
        }
        callback()
      })
    },
  })
  smtp.on('error', () => {}) // a shop that was killed in the middle of a mail
  const server = smtp.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `smtp://127.0.0.1:${(server.address() as AddressInfo).port}`,
    inbox,
    refuse: (times) => void (toRefuse += times),
    get refused() {
      return refused
    },
    async [Symbol.asyncDispose]() {
      await new Promise<void>((resolve) => smtp.close(resolve))
    },
  }
}
