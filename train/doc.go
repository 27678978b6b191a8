// Package train is the training loop: it fits a network to labelled samples by
// a recipe, can stop and resume to the same bits, and measures the result. The
// numbers live in the folders below: data, graph, kernel, nn, checkpoint.
package train
