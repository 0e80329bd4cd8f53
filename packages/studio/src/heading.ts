/** What follows from a view's heading: the name of the page, and where the focus is after a change of the view. */
export function nameByHeading(): void {
  document.title = `${document.querySelector('h1')?.textContent ?? 'Studio'} – Espalier`
}

export function focusHeading(): void {
  document.querySelector('h1')?.focus()
}
