/** Models of the zoo that lie beside the app. */
export const zooModels = ['mnist-small', 'mnist-flow', 'mnist-classifier', 'words'] as const
