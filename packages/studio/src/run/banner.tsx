import { whole } from '../format.ts'
import type { Watch } from './watch.ts'

/** What is out of the ordinary about a run. */
export function Banner({ watch }: { watch: Watch }) {
  const status = watch.status.value
  const summary = watch.summary.value
  const error = watch.error.value
  return (
    <>
      {status === 'interrupted' && (
        <p class="note">
          Restored at {whole(summary?.nfe ?? 0)} NFE: the page was left while this run was under way. Resume goes on
          from the last snapshot.
        </p>
      )}
      {error && (
        <p class="error" role="alert">
          {error}
          {watch.hasTree && status === 'failed' && '. What was found before stays below.'}
          {watch.lost.value && (
            <>
              . Nothing is heard of the run any more; what it kept is not lost.{' '}
              <button type="button" onClick={() => void watch.follow()}>
                Try again
              </button>
            </>
          )}
        </p>
      )}
    </>
  )
}
