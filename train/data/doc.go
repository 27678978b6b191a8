// Package data holds labeled samples in task space: tasks, which define how raw
// values become samples; formations (several tiles, or sub-images, in one stored
// image) and views of images; splits of one data set over many clients; and the
// built-in digits. Package open finds and reads the
// user's own files.
package data
