import { effect, signal } from '@preact/signals'
import { engineSettingsOf } from './engine/engine-settings.ts'

/** Whether single letters are commands; some people's software types letters of its own. */
export const letterKeys = signal(read('letter-keys') !== 'off')

effect(() => {
  try {
    localStorage.setItem('letter-keys', letterKeys.value ? 'on' : 'off')
  } catch {
    // Without storage the choice lasts until the page is left.
  }
})

/** What the address asks of the engine. */
export const engineSettings = engineSettingsOf(location.search)

function read(name: string): string | null {
  try {
    return localStorage.getItem(name)
  } catch {
    return null
  }
}
