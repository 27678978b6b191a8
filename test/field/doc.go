// Package field holds tests that read small data sets as users have them, one file
// for each group of kinds of faults, and compare the values that reach a model.
package field
