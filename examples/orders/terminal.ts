import { styleText } from 'node:util'

// `styleText` leaves out the colours where standard output is not a terminal.

export function heading(text: string): void {
  console.log(`\n${styleText('bold', text)}`)
}

export function tell(text: string): void {
  console.log(`   ${text}`)
}

export function tick(text: string): void {
  console.log(`   ${styleText('green', '✓')} ${text}`)
}

export function cross(text: string): void {
  console.log(`   ${styleText('red', '✗')} ${text}`)
}

/** A line that the shop's process printed. */
export function shopLog(line: string): void {
  console.log(`   ${styleText('yellow', 'shop |')} ${line}`)
}
