import { Encoding } from '../../codec/encoding.js'

/** Makes the body of the system's own news. */
export type WrapNews = (news: unknown) => { body: unknown; size: number; encoding: Encoding }

/** For one process. */
export const newsBody: WrapNews = news => ({ body: news, size: 0, encoding: Encoding.Value })
