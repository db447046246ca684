declare module 'mysql2-lowest/promise' {
  export * from 'mysql2/promise'
}
