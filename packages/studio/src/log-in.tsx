import { useSignal } from '@preact/signals'
import { messageOf } from './format.ts'
import { logIn, login } from './studio.ts'

/** Asks for the token of the server, where it wants one. The page itself works without. */
export function LogIn() {
  const token = useSignal('')
  const error = useSignal<string | undefined>(undefined)
  if (login.value === 'none') return null
  const submit = async (event: Event) => {
    event.preventDefault()
    error.value = undefined
    try {
      await logIn(token.value)
      token.value = ''
    } catch (cause) {
      error.value = messageOf(cause)
    }
  }
  const refused = error.value ?? (login.value === 'refused' ? 'The server refused this token.' : undefined)
  return (
    <form class="panel login" onSubmit={submit}>
      <label for="token">The server of this page wants its token; runs in this page need none.</label>
      <input
        id="token"
        type="password"
        autocomplete="current-password"
        value={token.value}
        aria-invalid={refused !== undefined}
        aria-describedby="token-error"
        onInput={(event) => {
          token.value = event.currentTarget.value
        }}
      />
      <button type="submit">Log in</button>
      <span id="token-error" class="short" role="alert">
        {refused}
      </span>
    </form>
  )
}
