// The main job on a fresh clone: install, build, and steer the digit model, DTS* beside best-of-N.

import { say, setUp, tool, tools } from './setup.mjs'

await setUp()
say('Steering the digit model, greedy islands and DTS* beside best-of-N: about three minutes on two idle cores ...')
const code = await tool(tools.espalier, ['demo', ...process.argv.slice(2)])
if (code !== 0) say(`The demo ended with exit code ${code}.`)
process.exit(code)
