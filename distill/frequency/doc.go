// Package frequency keeps images as quantized, entropy-coded coefficients of an
// orthonormal two-dimensional DCT-II. A Code says which coefficients are kept and
// how they are rounded: a shape, three numbers and public constants, so that
// nothing measured on private data travels. Decoding is linear: an image is the sum
// of its coefficients times the rows of Basis.
package frequency
