import { effect, signal } from '@preact/signals'

/** Whether single letters are commands; some people's software types letters of its own. */
export const letterKeys = signal(read('letter-keys') !== 'off')

effect(() => {
  try {
    localStorage.setItem('letter-keys', letterKeys.value ? 'on' : 'off')
  } catch {
    // Without storage the choice lasts until the page is left.
  }
})

function read(name: string): string | null {
  try {
    return localStorage.getItem(name)
  } catch {
    return null
  }
}
