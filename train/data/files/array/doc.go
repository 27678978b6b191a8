// Package array reads labeled samples from arrays of numbers: IDX files,
// CIFAR's binary and Python versions, NumPy's .npy and .npz, MATLAB files and
// pickled arrays.
package array
