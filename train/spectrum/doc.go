// Package spectrum computes frequency coefficients of images: an orthonormal
// two-dimensional DCT-II of each channel, color images in a luma and two chroma
// channels, the coefficients in an order that public constants decide. Decoding is
// linear: an image is the sum of its coefficients times the rows of Basis.
package spectrum
