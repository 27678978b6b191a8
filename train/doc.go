// Package train is the training loop: it fits a network to labeled samples by
// a recipe, resumes an interrupted run to the same bits, and evaluates the
// result. Data, networks, expressions and kernels are in the packages below it.
package train
