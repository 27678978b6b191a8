// Package data holds labelled samples in task space: the tasks that say how raw
// values become them, formations and views of images, the splits that hand one data
// set to many clients, and the built-in digits. Package open finds and reads the
// user's own files.
package data
