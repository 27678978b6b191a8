// Package kernel holds the CPU kernels of the engine: matrix product,
// convolution and its two gradients, pooling, and the vector loops between
// them. The inner tiles are assembly where the processor has AVX-512 or
// AVX2 with FMA, and portable Go elsewhere; the choice is made once at start
// and can be forced with the environment variable DISTILLMESH_KERNEL
// (portable, avx2 or avx512).
//
// Every kernel gives the same bits for any number of workers: work is cut
// into parts that depend on the shapes alone, and sums run in a fixed order.
package kernel

//go:generate go run ./gen -out tile_amd64.s -stubs tile_amd64.go -pkg kernel
