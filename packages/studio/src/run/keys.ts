/** Keys of the run view: what they do, in the order of a list, and what a pointer does. Single letters can be switched off in About. */
export const runKeys: readonly { readonly key: string; readonly does: string }[] = [
  { key: 'p', does: 'pause the run, or resume it' },
  { key: '.', does: 'one step of a paused run' },
  { key: 'b', does: 'select the best sample' },
  { key: 'Escape', does: 'select the node above; close a sheet or a menu' },
  { key: 'r', does: 'replay the search, or pause the replay' },
  { key: 'n', does: 'show the run as it is now' },
  { key: '+', does: 'zoom in' },
  { key: '-', does: 'zoom out' },
  { key: '[', does: 'move the picture to the left' },
  { key: ']', does: 'move the picture to the right' },
  { key: '0', does: 'show the whole tree' },
  { key: 'f', does: 'zoom to the selected node' },
  { key: 'Arrows, Home, End, *', does: 'in the list of nodes: move, open and close' },
  { key: 'Ctrl + wheel, pinch', does: 'zoom the tree; drag moves it, a double click fits a node' },
  { key: '?', does: 'this list' },
]
