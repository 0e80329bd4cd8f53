import { signal } from '@preact/signals'

const query = matchMedia('(max-width: 600px)')

/** Whether the page is as narrow as a phone: one column, and the inspector as a sheet from below. */
export const narrow = signal(query.matches)
query.addEventListener('change', () => {
  narrow.value = query.matches
})
