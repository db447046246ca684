import { expect, test } from 'vitest'
import { isOver, legalMoves } from './job-state.ts'

test('what is over stays as it is', () => {
  const over = (Object.keys(legalMoves) as (keyof typeof legalMoves)[]).filter(isOver)
  expect(over).toEqual(['finished', 'rolledBack', 'cancelled'])
})

test('a prepared job cannot finish or be parked: only the barrier’s answer leads on', () => {
  expect(legalMoves.prepared).toEqual(['submitted', 'rolledBack', 'cancelled'])
})

test('a job that was submitted is never rolled back', () => {
  expect(legalMoves.submitted).not.toContain('rolledBack')
  expect(legalMoves.parked).not.toContain('rolledBack')
})
