export { dtmGrpc } from './dtm-grpc.ts'
export type { DtmGrpc, DtmGrpcOptions } from './dtm-grpc.ts'
