export { exactSamples, guidedWorld, worldSubject, worldW2 } from 'espalier/measure'
