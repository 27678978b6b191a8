package configs

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// Size is a number of bytes, written 512KiB, 2GB or as a plain number.
type Size int64

// ParseSize reads a size: a number, and a unit of 1000 (kB, MB, GB) or 1024 (KiB, MiB,
// GiB) or none, then also with an exponent, such as 2e9. A comma is refused, since it may be
// a decimal mark or a thousands separator.
func ParseSize(s string) (Size, error) {
	if v, err := strconv.ParseFloat(strings.TrimSpace(s), 64); err == nil && v >= 0 && v < math.MaxInt64 {
		return Size(v), nil
	}
	n, err := humanize.ParseBytes(strings.TrimSpace(s))
	if err != nil || n > math.MaxInt64 || strings.Contains(s, ",") {
		return 0, fmt.Errorf("size %q: want a number of bytes such as 512KiB or 2GB", s)
	}
	return Size(n), nil
}

// String writes the size in the largest binary unit that keeps it whole.
func (s Size) String() string {
	for i, unit := range []int64{humanize.TiByte, humanize.GiByte, humanize.MiByte, humanize.KiByte} {
		if int64(s) >= unit && int64(s)%unit == 0 {
			return strconv.FormatInt(int64(s)/unit, 10) + []string{"TiB", "GiB", "MiB", "KiB"}[i]
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Size) UnmarshalText(text []byte) (err error) {
	*s, err = ParseSize(string(text))
	return err
}

// MarshalText implements encoding.TextMarshaler.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Duration is a time span, written as in Go: 30s, 20m.
type Duration time.Duration

// Std is the duration as a time.Duration.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// String implements fmt.Stringer.
func (d Duration) String() string { return d.Std().String() }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	*d = Duration(v)
	return err
}

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }
