package distill

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/agnivade/levenshtein"
)

// ErrOption is wrapped when an option is unknown or its value out of range.
var ErrOption = errors.New("option refused")

// Option binds one hyper-parameter of a method to the name under which a user
// sets it and the manifest records it.
type Option struct {
	Name string
	// Want describes the accepted values, for error messages.
	Want string
	// Text is the current value as a user would type it.
	Text  func() string
	parse func(string) bool // stores the value, or reports false and stores nothing
}

// Int is a whole number from low to high.
func Int(name string, at *int, low, high int) Option {
	return Option{Name: name, Want: fmt.Sprintf("a whole number from %d to %d", low, high),
		Text: func() string { return strconv.Itoa(*at) },
		parse: func(s string) bool {
			v, err := strconv.Atoi(s)
			if err != nil || v < low || v > high {
				return false
			}
			*at = v
			return true
		}}
}

// Float is a number from low to high.
func Float(name string, at *float64, low, high float64) Option {
	return Option{Name: name, Want: fmt.Sprintf("a number from %g to %g", low, high),
		Text: func() string { return strconv.FormatFloat(*at, 'g', -1, 64) },
		parse: func(s string) bool {
			v, err := strconv.ParseFloat(s, 64)
			if err != nil || !(v >= low && v <= high) { // false for NaN
				return false
			}
			*at = v
			return true
		}}
}

// Seed is any whole number from zero.
func Seed(name string, at *uint64) Option {
	return Option{Name: name, Want: "a whole number from 0",
		Text: func() string { return strconv.FormatUint(*at, 10) },
		parse: func(s string) bool {
			v, err := strconv.ParseUint(s, 10, 64)
			if err == nil {
				*at = v
			}
			return err == nil
		}}
}

// Choice is one of a few words.
func Choice(name string, at *string, words ...string) Option {
	return Option{Name: name, Want: strings.Join(words, " or "),
		Text: func() string { return *at },
		parse: func(s string) bool {
			if !slices.Contains(words, s) {
				return false
			}
			*at = s
			return true
		}}
}

// Auto lets a number whose zero means "chosen by the method" be typed as auto.
func Auto(o Option) Option {
	text, parse := o.Text, o.parse
	o.Want += ", or auto"
	o.Text = func() string {
		if s := text(); s != "0" {
			return s
		}
		return "auto"
	}
	o.parse = func(s string) bool {
		if s == "auto" {
			s = "0"
		}
		return parse(s)
	}
	return o
}

// Options are all settings of a method.
type Options []Option

// Settings are the current values by name.
func (o Options) Settings() map[string]string {
	out := map[string]string{}
	for _, x := range o {
		out[x.Name] = x.Text()
	}
	return out
}

// Set stores values by name. It fails with ErrOption on the first name, in
// alphabetical order, that is unknown (naming the nearest known one) or whose
// value is out of range (naming the range).
func (o Options) Set(method string, values map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		i := slices.IndexFunc(o, func(x Option) bool { return x.Name == name })
		switch {
		case len(o) == 0:
			return fmt.Errorf("%w: method %s has no options, not %q either", ErrOption, method, name)
		case i < 0:
			return fmt.Errorf("%w: method %s has no option %q; did you mean %q?", ErrOption, method, name, o.nearest(name))
		case !o[i].parse(values[name]):
			return fmt.Errorf("%w: %s of method %s is %q, want %s", ErrOption, name, method, values[name], o[i].Want)
		}
	}
	return nil
}

// nearest is the known name with the least edit distance.
func (o Options) nearest(name string) string {
	best := slices.MinFunc(o, func(a, b Option) int {
		return levenshtein.ComputeDistance(name, a.Name) - levenshtein.ComputeDistance(name, b.Name)
	})
	return best.Name
}
