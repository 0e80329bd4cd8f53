/** Graphics devices that are worth computing on. */

import type { OpenSettings } from './protocol.ts'

/** An adapter, unless the processor only plays one: that is hundreds of times slower than WebAssembly. */
export async function adapterOf({ anyAdapter = false }: Pick<OpenSettings, 'anyAdapter'>) {
  const adapter = await navigator.gpu?.requestAdapter({ powerPreference: 'high-performance' })
  if (!adapter || (adapter.info.isFallbackAdapter && !anyAdapter)) return undefined
  return adapter
}

/** @throws one line where there is no such device */
export async function deviceOf(settings: OpenSettings): Promise<GPUDevice> {
  const adapter = await adapterOf(settings)
  if (!adapter) throw new Error('there is no graphics device to compute on')
  const limits = [
    ...['maxBufferSize', 'maxStorageBufferBindingSize', 'maxStorageBuffersPerShaderStage', 'maxBindGroups'],
    ...['maxComputeWorkgroupStorageSize', 'maxComputeWorkgroupsPerDimension', 'maxComputeInvocationsPerWorkgroup'],
    ...['maxComputeWorkgroupSizeX', 'maxComputeWorkgroupSizeY', 'maxComputeWorkgroupSizeZ'],
  ] as const
  return adapter.requestDevice({
    requiredLimits: Object.fromEntries(limits.map((name) => [name, adapter.limits[name as keyof GPUSupportedLimits]])),
  })
}
