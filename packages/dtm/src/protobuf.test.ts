import protobuf from 'protobufjs'
import { describe, expect, test } from 'vitest'
import { decodeFields, encodeFields } from './protobuf.ts'

const { root } = protobuf.parse(`syntax = "proto3";
  message Sample {
    string text = 1;
    bytes bytes = 2;
    int64 number = 3;
    map<string, string> names = 16;
    fixed32 four = 17;
    double eight = 18;
    repeated bytes many = 5000;
  }`)
const sample = root.lookupType('Sample')

function read(bytes: Uint8Array): Record<string, unknown> {
  return sample.toObject(sample.decode(bytes), { longs: Number, bytes: Buffer })
}

describe('what is written', () => {
  test.each([0, 1, 127, 128, 300, 16_383, 16_384, 2 ** 31, 2_000_000_000_000])(
    'is read by others as the number %i',
    (number) => {
      expect(read(encodeFields([[3, number]]))).toEqual({ number })
    },
  )

  test.each(['', 'teapot', 'déjà vu 🫖', 'x'.repeat(100_000)])(
    'is read by others as the same text',
    (text) => {
      expect(read(encodeFields([[1, text]]))).toEqual({ text })
    },
  )

  test('may have a field several times, and a message as a field', () => {
    const entry = encodeFields([
      [1, 'x-trace'],
      [2, '7'],
    ])
    const bytes = encodeFields([
      [5000, Buffer.from([255])],
      [5000, Buffer.alloc(0)],
      [16, entry],
    ])
    expect(read(bytes)).toEqual({
      many: [Buffer.from([255]), Buffer.alloc(0)],
      names: { 'x-trace': '7' },
    })
  })
})

describe('what is read', () => {
  test('are the texts and bytes that others have written, between all else', () => {
    const bytes = sample
      .encode({ text: 'déjà vu', bytes: Buffer.from([1, 2]), number: 300, four: 4, eight: 0.5 })
      .finish()
    const fields = decodeFields(bytes)
    expect(fields?.get(1)?.toString()).toBe('déjà vu')
    expect(fields?.get(2)).toEqual(Buffer.from([1, 2]))
    expect(fields?.get(3)).toBeUndefined()
  })

  test('is a part of a larger buffer where it is one', () => {
    const whole = Buffer.concat([Buffer.from('before'), encodeFields([[1, 'text']])])
    expect(decodeFields(whole.subarray(6))?.get(1)?.toString()).toBe('text')
  })

  test.each([
    ['a text that ends too late', [10, 5, 65]],
    ['a number that does not end', [24, 200]],
    ['a number of more than ten bytes', [24, ...Array<number>(11).fill(200), 1]],
    ['a length that is missing', [10]],
    ['a kind that does not exist', [15, 0]],
    ['a fixed number that ends too late', [13 + 128, 1, 0, 0]],
    ['a length beyond all numbers', [10, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1]],
  ])('is nothing when it has %s', (_name, bytes) => {
    expect(decodeFields(Uint8Array.from(bytes))).toBeUndefined()
  })
})
