import type { RuntimeTensor, Session } from 'espalier/runtime'

export type Feeds = Parameters<Session['run']>[0]

/** A session that keeps a copy of all that it is fed, for a bare arm that replays exactly that. */
export function recorderOf(session: Session) {
  const recorded: { readonly feeds: Feeds; readonly fetches: readonly string[] | undefined }[] = []
  const recording: Session = {
    ...session,
    run(feeds, fetches) {
      const copies: Record<string, RuntimeTensor> = {}
      for (const input in feeds) {
        const given = feeds[input] as RuntimeTensor
        copies[input] = { ...given, data: given.data.slice() }
      }
      recorded.push({ feeds: copies, fetches })
      return session.run(feeds, fetches)
    },
  }
  return { recorded, recording }
}
