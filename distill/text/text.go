// Package text prepares strings for terminals and pages: some come from files
// and peers that nobody vouches for, some are longer than a line. It also writes numbers
// of bytes.
package text

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/dustin/go-humanize"
)

// Printable is s with a question mark in place of every control character, every
// other character that does not print, and every byte that is no UTF-8.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, strings.ToValidUTF8(s, "?"))
}

// PrintableLines is Printable for each line of s.
func PrintableLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = Printable(line)
	}
	return strings.Join(lines, "\n")
}

// Wrap breaks s between words into lines of at most width runes, not counting the
// indent that all lines but the first begin with. A longer word has a line of its own.
func Wrap(s string, width int, indent string) string {
	out, column := "", 0
	for _, word := range strings.Fields(s) {
		n := utf8.RuneCountInString(word)
		switch {
		case out == "":
		case column+1+n > width:
			out, column = out+"\n"+indent, 0
		default:
			out, column = out+" ", column+1
		}
		out, column = out+word, column+n
	}
	return out
}

// Bytes is a number of bytes with three digits and a unit of 1000: 999 B, 1.50 kB,
// 12.3 MB; single bytes have no fractions.
func Bytes(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	const digits = 3
	return humanize.BytesN(uint64(n), digits)
}

// Middle is s in at most width runes, its middle replaced by two dots if it is
// longer. The width is at least four.
func Middle(s string, width int) string {
	r := []rune(s)
	if len(r) <= width {
		return s
	}
	return string(r[:(width-1)/2]) + ".." + string(r[len(r)-(width-2)/2:])
}
