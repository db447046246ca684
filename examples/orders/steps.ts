import { defineStep } from '@stepping/core'
import { createTransport } from 'nodemailer'
import { z } from 'zod'
import { shop } from './database.ts'

const mailer = createTransport(process.env['SMTP_URL'])

/** Adds to the read model. However often the step is run, `once` adds once. */
export const recordSale = defineStep({
  name: 'RecordSale',
  args: z.object({ sku: z.string(), units: z.int() }),
  async run({ args: { sku, units }, once }) {
    await once(shop.database, (tx) => shop.addToSales(tx, sku, units))
  },
})

/** Sends the mail. It is tried again until the mail server accepts it. */
export const sendConfirmation = defineStep({
  name: 'SendConfirmation',
  args: z.object({ id: z.uuid(), sku: z.string(), quantity: z.int(), email: z.email() }),
  timeoutMs: 30_000,
  // Sooner than the default (1 s, 2 s, 4 s, ...), for those who watch.
  backoff: { firstMs: 250 },
  async run({ args: { id, sku, quantity, email }, idempotencyKey, signal }) {
    await mailer.sendMail({
      from: 'shop@example.com',
      to: email,
      subject: `Your order: ${quantity} x ${sku}`,
      text: `It is on its way. Its number is ${id}.`,
      // SMTP cannot take a mail back or ask for it. If the process dies after the server accepted
      // it and before that is stored, it is sent again, and this id tells the two are one.
      messageId: `<${idempotencyKey}@shop.example.com>`,
      signal,
    })
  },
})
