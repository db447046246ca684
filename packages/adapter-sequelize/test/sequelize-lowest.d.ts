declare module 'sequelize-lowest' {
  export * from 'sequelize'
}
