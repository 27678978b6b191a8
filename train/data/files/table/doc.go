// Package table reads tables of numbers, dates and words with a column of labels:
// delimited text in many dialects, and columns from other formats.
package table
