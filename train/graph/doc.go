// Package graph has the expressions of models and losses. They are Gorgonia
// graphs of this package's own operations; each operation defines in one place
// its shape, a plain float64 reference and its derivative in terms of the same
// operations, so that a derivative is an expression and can be differentiated
// again. An Engine turns expressions into a Program that computes them and
// moves resident variables by updates (SGD, momentum, Adam).
//
// Functions that build expressions panic with a *ShapeError when shapes do not
// fit; Catch turns that into an error at the edge of a package.
package graph
