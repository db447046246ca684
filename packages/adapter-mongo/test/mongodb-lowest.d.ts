declare module 'mongodb-lowest' {
  export * from 'mongodb'
}
