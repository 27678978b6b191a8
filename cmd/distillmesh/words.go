package main

import (
	"strings"
	"unicode/utf8"
)

// wrapTo breaks text into lines of at most width runes, not counting the indent
// that all lines but the first begin with.
func wrapTo(s string, most int, indent string) string {
	out, column := "", 0
	for _, word := range strings.Fields(s) {
		n := utf8.RuneCountInString(word)
		switch {
		case out == "":
		case column+1+n > most:
			out, column = out+"\n"+indent, 0
		default:
			out, column = out+" ", column+1
		}
		out, column = out+word, column+n
	}
	return out
}
