package table

import (
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// format is how numbers are written.
type format struct {
	decimal byte   // '.' or ','
	group   string // thousands separator; empty for none
}

var usual = format{decimal: '.'}

// mostValue is the largest number that is read, for messages.
const mostValue = "3.4e38"

// missing reports whether a field is a missing value.
func missing(text string) bool {
	return slices.Contains([]string{"", "?", "-", "na", "n/a", "null", "none", "#n/a", "<na>", "nat"},
		strings.ToLower(text))
}

// notFinite reports whether a field is a number that is not finite.
func notFinite(text string) bool {
	t := strings.ToLower(strings.TrimLeft(text, "+-"))
	return t == "nan" || t == "inf" || t == "infinity" || t == "#num!" || t == "#div/0!"
}

// parse reads a finite number as the format writes it.
func (f format) parse(text string) (float64, error) {
	if v, ok := shortInt(text); ok {
		return v, nil
	}
	if f.group != "" && strings.Contains(text, f.group) {
		whole, _, _ := strings.Cut(strings.TrimLeft(text, "+-"), string(f.decimal))
		if !thousands(whole, f.group) {
			return 0, strconv.ErrSyntax
		}
		text = strings.ReplaceAll(text, f.group, "")
	}
	if f.decimal == ',' {
		if strings.Contains(text, ".") {
			return 0, strconv.ErrSyntax
		}
		text = strings.ReplaceAll(text, ",", ".")
	}
	if text == "" || strings.IndexByte("+-.0123456789", text[0]) < 0 || strings.ContainsAny(text, "xX_pP") {
		return 0, strconv.ErrSyntax
	}
	v, err := strconv.ParseFloat(text, 64)
	if err == nil && math.Abs(v) > math.MaxFloat32 {
		err = strconv.ErrRange
	}
	return v, err
}

// shortInt reads a whole number of a few digits, of which most tables are full.
func shortInt(text string) (float64, bool) {
	if len(text) == 0 || len(text) > 9 {
		return 0, false
	}
	n := 0
	for i := range len(text) {
		d := text[i] - '0'
		if d > 9 {
			return 0, false
		}
		n = 10*n + int(d)
	}
	return float64(n), true
}

// isNumber recognizes numbers, even those that will be refused.
func isNumber(s string) bool {
	s = strings.TrimSpace(s)
	_, err := usual.parse(s)
	return err == nil || errors.Is(err, strconv.ErrRange) || decimalComma(s) || grouped(s)
}

// groupMarks are the possible thousands separators.
var groupMarks = []string{".", ",", " ", "\u00a0", "\u202f", "'", "\u2019"}

// grouped recognizes a number with thousands separators.
func grouped(s string) bool {
	s = strings.TrimLeft(s, "+-")
	for _, mark := range groupMarks {
		if !strings.Contains(s, mark) {
			continue
		}
		for _, point := range []string{".", ","} {
			whole, fraction, _ := strings.Cut(s, point)
			if point != mark && thousands(whole, mark) && (fraction == "" || digits(fraction)) {
				return true
			}
		}
	}
	return false
}

// decimalComma recognizes a number with a decimal comma.
func decimalComma(s string) bool {
	_, err := format{decimal: ','}.parse(strings.TrimSpace(s))
	return err == nil && strings.Contains(s, ",")
}

// pairs are the words for false and true; a column has those of one pair.
var pairs = [][2]string{{"false", "true"}, {"no", "yes"}, {"f", "t"}, {"n", "y"}}

// boolean reads a field that is false or true, in any case; pair is a bit that
// tells the pair of words it is of.
func boolean(text string) (value bool, pair uint8, ok bool) {
	if len(text) > len("false") {
		return false, 0, false
	}
	low := strings.ToLower(text)
	for i, p := range pairs {
		if low == p[0] || low == p[1] {
			return low == p[1], 1 << i, true
		}
	}
	return false, 0, false
}

// zeroOrOne reads a field of a column of zeros and ones, or of false and true.
func zeroOrOne(text string) (one, ok bool) {
	switch text {
	case "0", "1", "0.0", "1.0":
		return text[0] == '1', true
	}
	one, _, ok = boolean(text)
	return one, ok
}

// dateLayouts are the dates and times that are read, all in one order: year,
// month, day. Those without a zone are in UTC.
var dateLayouts = []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05",
	"2006-01-02 15:04:05Z07:00", "2006-01-02T15:04", "2006-01-02 15:04",
	"2006-01-02", "2006/01/02 15:04:05", "2006/01/02 15:04", "2006/01/02", "20060102T150405Z"}

// date reads a date or a time as seconds since 1970.
func date(text string) (float64, bool) {
	if len(text) < 8 || text[0] < '0' || text[0] > '9' || !strings.ContainsAny(text, "-/T") {
		return 0, false
	}
	for _, layout := range dateLayouts {
		if t, err := time.Parse(layout, text); err == nil {
			return float64(t.Unix()) + float64(t.Nanosecond())/1e9, true
		}
	}
	return 0, false
}

// isShortInt reports whether a text is a whole number in its shortest form.
func isShortInt(text string) bool {
	rest := strings.TrimPrefix(text, "-")
	if !digits(rest) || len(rest) > 18 || rest[0] == '0' && text != "0" {
		return false
	}
	return true
}

// wholeFloat is the whole number that a text writes as a float: 1.0 or
// 1.000e+00.
func wholeFloat(text string) (int, bool) {
	if !strings.ContainsAny(text, ".eE") || strings.HasPrefix(strings.TrimLeft(text, "+-"),
		"0") && !strings.HasPrefix(strings.TrimLeft(text, "+-"), "0.") {
		return 0, false
	}
	v, err := usual.parse(text)
	if err != nil || v != math.Trunc(v) || math.Abs(v) > 1<<24 || !strings.Contains(text, ".") {
		return 0, false
	}
	return int(v), true
}

func digits(text string) bool {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return text != ""
}

// thousands reports whether a mark follows one to three digits and separates
// groups of three.
func thousands(text, mark string) bool {
	groups := strings.Split(text, mark)
	for i, g := range groups {
		if !digits(g) || i > 0 && len(g) != 3 || len(g) > 3 {
			return false
		}
	}
	return len(groups) > 1
}
