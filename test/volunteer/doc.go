// Package volunteer holds tests of nodes with a GPU, which train for the mesh unless they decline. The GPU is a
// stand-in for CUDA's driver.
package volunteer
