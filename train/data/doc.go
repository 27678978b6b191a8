// Package data holds labelled samples and where they come from: file readers,
// the built-in digits, the tasks that say how raw values become task space, and
// the splits that hand one data set to many clients.
package data
