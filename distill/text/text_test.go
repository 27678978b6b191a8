package text

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestPrintableTextHoldsNoControlCharacters(t *testing.T) {
	for in, want := range map[string]string{
		"cats and dogs":     "cats and dogs",
		"Grüße, 猫":          "Grüße, 猫",
		"\x1b[31mred\x1b[m": "?[31mred?[m",
		"two\nlines\tand":   "two?lines?and",
		"bad \xff byte":     "bad ? byte",
		"left\u202eright":   "left?right",
	} {
		if got := Printable(in); got != want {
			t.Errorf("Printable(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestLinesStayLines(t *testing.T) {
	if got, want := PrintableLines("# card\n\nbad \x1b[2J\rline\n"), "# card\n\nbad ?[2J?line\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestWrappedLinesFitAndKeepEveryWord(t *testing.T) {
	s := "one  two three\nfour five averyverylongwordindeed six"
	for width := 1; width < 40; width++ {
		wrapped := Wrap(s, width, "  ")
		if got, want := strings.Fields(wrapped), strings.Fields(s); strings.Join(got, " ") != strings.Join(want, " ") {
			t.Fatalf("width %d: words %q, want %q", width, got, want)
		}
		for i, line := range strings.Split(wrapped, "\n") {
			if i > 0 && !strings.HasPrefix(line, "  ") {
				t.Errorf("width %d: line %q has no indent", width, line)
			}
			line = strings.TrimSpace(line)
			if utf8.RuneCountInString(line) > width && strings.Contains(line, " ") {
				t.Errorf("width %d: line %q is longer", width, line)
			}
		}
	}
}

func TestBytesHaveThreeDigitsAndAUnit(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 99: "99 B", 999: "999 B", 1000: "1.00 kB", 2_468_240: "2.47 MB",
		12_345: "12.3 kB", 399_200: "399 kB", 1e9: "1.00 GB", 2e18: "2.00 EB"} {
		if got := Bytes(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}

func TestShortenedTextKeepsBothEnds(t *testing.T) {
	if got := Middle("short", 5); got != "short" {
		t.Errorf("got %q", got)
	}
	for width := 4; width < 12; width++ {
		got := Middle("äbcdefghijkl", width)
		if n := utf8.RuneCountInString(got); n > width || !strings.Contains(got, "..") {
			t.Errorf("width %d: %q", width, got)
		}
		if got[:2] != "ä" || !strings.HasSuffix(got, "l") {
			t.Errorf("width %d: %q lost an end", width, got)
		}
	}
}
