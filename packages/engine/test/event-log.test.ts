import { expect, it } from 'vitest'
import { EventLog } from '../src/event-log.ts'
import { memoryStore, type RunEvent, type RunSummary } from '../src/index.ts'

const leaf = (node: number): RunEvent => ({ type: 'leaves', nodes: [node], rewards: [0] })
const failed: RunEvent = { type: 'status', status: 'failed' }

/** A log over a store that waits to be told, for every write, whether it works; and what it was asked to write. */
async function held() {
  const store = memoryStore()
  await store.putSummary({ id: 'run' } as RunSummary)
  const writes: (readonly RunEvent[])[] = []
  const answers: ((works: boolean) => void)[] = []
  const addEvents: typeof store.addEvents = async (id, events) => {
    writes.push(events)
    if (await new Promise<boolean>((resolve) => answers.push(resolve))) return store.addEvents(id, events)
    throw new Error('the disk is full')
  }
  const log = await EventLog.open('run', { ...store, addEvents })
  const answer = async (works: boolean) => {
    await expect.poll(() => answers.length).toBe(1)
    answers.shift()?.(works)
  }
  return { store, log, writes, answer }
}

it('writes together what comes while the store is busy, in order, and tells of each when it is kept', async () => {
  const { store, log, writes, answer } = await held()
  const first = log.add([leaf(0)])
  await expect.poll(() => writes.length).toBe(1)
  const others = [1, 2, 3].map((node) => log.add([leaf(node), leaf(node + 10)]))
  let kept = 0
  for (const adding of others) void adding.then(() => kept++)
  await answer(true)
  await first
  expect([log.count, kept]).toEqual([1, 0])
  await answer(true)
  await Promise.all(others)
  expect(writes.map(({ length }) => length)).toEqual([1, 6])
  expect(await store.events('run', 0, 100)).toEqual([0, 1, 11, 2, 12, 3, 13].map(leaf))
  expect(log.count).toBe(7)
})

it('adds only the end behind what could not be kept, and asks the store for nothing else', async () => {
  const { store, log, writes, answer } = await held()
  const lost = [log.add([leaf(0)]), log.add([leaf(1)])]
  for (const adding of lost) adding.catch(() => {})
  await answer(false)
  for (const adding of lost) await expect(adding).rejects.toThrow('the disk is full')
  await log.add([leaf(2)])
  const ending = log.add([leaf(3), failed])
  await answer(true)
  await ending
  expect(writes).toEqual([[leaf(0), leaf(1)], [failed]])
  expect(await store.events('run', 0, 100)).toEqual([failed])
})
