// Package graph is the engine's language and its compiler. Expressions are
// Gorgonia graphs made of this package's own operations; each operation states
// in one place its shape, its float32 kernel, a plain float64 reference and its
// derivative in terms of the same operations, so that a derivative is again an
// expression and has derivatives of its own. Compile turns expressions into a
// Program: shared parts once, unused parts never, all memory planned before the
// first run.
//
// Functions that build expressions panic with a *ShapeError when shapes do not
// fit; Catch turns that into an error at the edge of a package.
package graph
