declare module 'pg-lowest' {
  export * from 'pg'
}
