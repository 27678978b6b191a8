package figure

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/distillmesh/distillmesh/distill/text"
)

// SizeTick writes a round number of bytes: 2 MB.
func SizeTick(bytes float64) string {
	number, unit, _ := strings.Cut(text.Bytes(int64(math.Round(bytes))), " ")
	if strings.Contains(number, ".") {
		number = strings.TrimSuffix(strings.TrimRight(number, "0"), ".")
	}
	return number + " " + unit
}

// CountTick writes a round number: 500, 2k.
func CountTick(v float64) string {
	if v >= 1000 {
		return strconv.FormatFloat(v/1000, 'g', 4, 64) + "k"
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}

// Count writes an integer with a comma every three digits.
func Count[T int | int64](n T) string {
	s := strconv.FormatInt(int64(n), 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Plural writes a number of things: 1 client, 2,000 clients.
func Plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return Count(n) + " " + what + "s"
}

// Percent writes a fraction to a tenth of a point.
func Percent(share float64) string { return fmt.Sprintf("%.1f %%", 100*share) }

// Points writes a difference of fractions in percentage points, its sign always.
func Points(share float64) string {
	s := fmt.Sprintf("%+.1f", 100*share)
	if s == "-0.0" || s == "+0.0" {
		return "0.0"
	}
	if s[0] == '-' {
		return "−" + s[1:]
	}
	return s
}
