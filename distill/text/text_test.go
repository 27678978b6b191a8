package text

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode"
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

func TestLongLinesAreCut(t *testing.T) {
	if got := Printable("a" + strings.Repeat("\n", 1<<20)); utf8.RuneCountInString(got) != MaxLine {
		t.Errorf("%d characters", utf8.RuneCountInString(got))
	}
}

// The escaped document has the same values, and nothing that acts on a terminal.
func TestJSONWithEscapesIsTheSameDocument(t *testing.T) {
	for doc, want := range map[string]string{
		"{\n  \"a\": \"Gr\u00fc\u00dfe\"\n}\n": "{\n  \"a\": \"Gr\u00fc\u00dfe\"\n}\n",
		"\"\u202e\u009b\x7f\U000e0041\"":       `"\u202e\u009b\u007f\udb40\udc41"`,
		"\"\xff\xc3\"":                         `"\ufffd\ufffd"`,
		"\"\ufffd\"":                           "\"\ufffd\"",
	} {
		got := JSON([]byte(doc))
		var before, after any
		if err := errors.Join(json.Unmarshal([]byte(doc), &before), json.Unmarshal(got, &after)); err != nil {
			t.Error(err)
		}
		if string(got) != want || !reflect.DeepEqual(before, after) {
			t.Errorf("%q becomes %q, want %q", doc, got, want)
		}
	}
}

// However the bytes are divided into writes, the same comes out.
func TestAWriterLetsNothingThroughThatActsOnATerminal(t *testing.T) {
	const in = "a\tb\n\x1b[2J\u009b\u202eGr\u00fc\u00dfe \u732b \xff\xc3(\xe7\x8c\n\ufffd"
	const want = "a\tb\n?[2J??Gr\u00fc\u00dfe \u732b ??(??\n\ufffd"
	for size := 1; size <= len(in); size++ {
		var out strings.Builder
		w := NewWriter(&out)
		for part := range slices.Chunk([]byte(in), size) {
			if n, err := w.Write(part); n != len(part) || err != nil {
				t.Fatal(n, err)
			}
		}
		if out.String() != want {
			t.Fatalf("%d bytes at a time: %q, want %q", size, out.String(), want)
		}
	}
}

func FuzzPrintable(f *testing.F) {
	f.Add([]byte("\x1b[2J\u202e\xff\n{}"))
	f.Fuzz(func(t *testing.T, in []byte) {
		var out strings.Builder
		NewWriter(&out).Write(in)
		for _, s := range []string{Printable(string(in)), PrintableLines(string(in)), out.String(), string(JSON(in))} {
			for _, r := range s {
				if !unicode.IsPrint(r) && r != '\n' && r != '\t' || !utf8.ValidString(s) {
					t.Fatalf("%q becomes %q", in, s)
				}
			}
		}
		if strings.Contains(Printable(string(in)), "\n") {
			t.Fatalf("%q is more than a line", in)
		}
	})
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
