import { effect, signal } from '@preact/signals'

export type Theme = 'light' | 'dark'

const system = matchMedia('(prefers-color-scheme: dark)')
const chosen = signal<Theme | undefined>(read())
const preferred = signal<Theme>(system.matches ? 'dark' : 'light')
system.addEventListener('change', () => {
  preferred.value = system.matches ? 'dark' : 'light'
})

/** What is shown now: what was chosen here, else what the system prefers. */
export const theme = signal<Theme>('light')

effect(() => {
  theme.value = chosen.value ?? preferred.value
  document.documentElement.dataset.theme = theme.value
})

export function toggleTheme(): void {
  const next = theme.peek() === 'dark' ? 'light' : 'dark'
  chosen.value = next
  try {
    localStorage.setItem('theme', next)
  } catch {
    // Without storage the choice lasts until the page is left.
  }
}

function read(): Theme | undefined {
  try {
    const kept = localStorage.getItem('theme')
    return kept === 'light' || kept === 'dark' ? kept : undefined
  } catch {
    return undefined
  }
}
