// Package text prepares strings for terminals and pages: some come from files
// and peers that nobody vouches for, some are longer than a line. It also writes numbers
// of bytes.
package text

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/dustin/go-humanize"
)

// MaxLine is how many runes of one line are shown; of a longer one the middle is
// left out.
const MaxLine = 4000

// Printable is s as one line that does nothing to a terminal or a page: a question mark
// stands for every control character, every mark that changes the direction of
// writing, every other character that does not print, and every byte that is no UTF-8.
// Everything that a file or a peer has named passes it before it is shown.
func Printable(s string) string {
	return Middle(strings.Map(printable, strings.ToValidUTF8(s, "?")), MaxLine)
}

func printable(r rune) rune {
	if unicode.IsPrint(r) {
		return r
	}
	return '?'
}

// PrintableLines is Printable for each line of s.
func PrintableLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = Printable(line)
	}
	return strings.Join(lines, "\n")
}

// JSON is the same document with an escape for every character that does not print
// and for every byte that is no UTF-8. Line feeds, which stand between values, stay.
func JSON(doc []byte) []byte {
	out := make([]byte, 0, len(doc))
	for len(doc) > 0 {
		r, n := utf8.DecodeRune(doc)
		switch {
		case r == '\n', unicode.IsPrint(r) && (r != utf8.RuneError || n > 1):
			out = append(out, doc[:n]...)
		default:
			for _, unit := range utf16.AppendRune(nil, r) {
				out = fmt.Appendf(out, `\u%04x`, unit)
			}
		}
		doc = doc[n:]
	}
	return out
}

// Writer passes lines on to a terminal or a file, with a question mark for every
// character but line feed and tab that does not print. It is the last guard behind
// Printable, which also keeps a text in its line. Several goroutines may write.
type Writer struct {
	mu   sync.Mutex
	to   io.Writer
	rest []byte // the beginning of a character whose end has not been written yet
}

// NewWriter is a writer to another.
func NewWriter(to io.Writer) *Writer { return &Writer{to: to} }

// Write implements io.Writer.
func (w *Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := append(w.rest, p...)
	out := make([]byte, 0, len(all))
	for len(all) > 0 && utf8.FullRune(all) {
		r, n := utf8.DecodeRune(all)
		if r != '\n' && r != '\t' && (r != utf8.RuneError || n == 1) {
			r = printable(r)
		}
		if r == utf8.RuneError && n == 1 {
			r = '?'
		}
		out, all = utf8.AppendRune(out, r), all[n:]
	}
	w.rest = append([]byte(nil), all...)
	if _, err := w.to.Write(out); err != nil {
		return 0, err
	}
	return len(p), nil
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
