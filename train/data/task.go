package data

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/distillmesh/distillmesh/train/data/files"
)

// TaskVersion is the version of the task document this program writes.
const TaskVersion = 1

// Limits of a task document, checked by Validate.
const (
	MaxClasses  = 4096
	MaxNameLen  = 128
	MaxFeatures = 1 << 24
)

// ErrInvalidTask is wrapped by every error of Task.Validate.
var ErrInvalidTask = errors.New("invalid task")

// Task is what sets must have in common to be trained together: the classes in order,
// the shape of a sample, and the fixed public constants that standardize it.
// Mean and Std are never computed from one device's data, so that all devices
// agree on task space:
//
//	x = (value - mean[c]) / std[c]
//
// with value = pixel/255 for images and the raw feature for tables.
type Task struct {
	Version int
	Name    string
	Classes []string
	Shape   Shape
	Mean    []float64 // per channel, or per feature for tables (1x1xF)
	Std     []float64
	// Features describe the columns of a table, so that other devices match theirs
	// by name; nil when they have no names.
	Features []files.Feature
	// Augment names the augmentation that keeps the class of images, in the
	// terms of package augment; empty when unknown.
	Augment string
}

// IsTable reports whether samples are rows of features rather than images.
func (t *Task) IsTable() bool { return t.Shape.IsTable() }

// Augmentation is Augment, or the built-in value for a well-known task, whose
// document has no such field.
func (t *Task) Augmentation() string { return cmp.Or(t.Augment, suited[t.Name]) }

// constants is how many values Mean and Std hold.
func (t *Task) Constants() int {
	if t.IsTable() {
		return t.Shape.W
	}
	return t.Shape.C
}

// Filled is the complete task as this version writes it; a single mean or
// deviation is used for all channels or features.
func (t Task) Filled() *Task {
	t.Version = TaskVersion
	if n := t.Constants(); t.Shape.check() == nil {
		if len(t.Mean) == 1 {
			t.Mean = slices.Repeat(t.Mean, n)
		}
		if len(t.Std) == 1 {
			t.Std = slices.Repeat(t.Std, n)
		}
	}
	return &t
}

// Validate checks an untrusted task: bounded sizes, printable names, finite
// constants with positive deviations.
func (t *Task) Validate() error {
	fail := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", ErrInvalidTask, fmt.Sprintf(format, args...))
	}
	if t.Version != TaskVersion {
		return fail("version %d, this program knows %d", t.Version, TaskVersion)
	}
	if err := checkName(t.Name); err != nil {
		return fail("name %q: %v", t.Name, err)
	}
	if n := len(t.Classes); n < 2 || n > MaxClasses {
		return fail("%d classes, want 2..%d", n, MaxClasses)
	}
	for i, c := range t.Classes {
		if err := checkName(c); err != nil {
			return fail("class %d, %q: %v", i, c, err)
		}
		if slices.Contains(t.Classes[:i], c) {
			return fail("class %q appears twice", c)
		}
	}
	if err := t.Shape.check(); err != nil {
		return fail("shape: %v", err)
	}
	if t.Augment != "" {
		if err := checkName(t.Augment); err != nil {
			return fail("augmentation %q: %v", t.Augment, err)
		}
	}
	if err := t.checkFeatures(); err != nil {
		return fail("features: %v", err)
	}
	if len(t.Mean) != t.Constants() || len(t.Std) != t.Constants() {
		return fail("%d means and %d deviations, want %d of each", len(t.Mean), len(t.Std), t.Constants())
	}
	for i := range t.Mean {
		if !isFinite(t.Mean[i]) || !isFinite(t.Std[i]) || t.Std[i] <= 0 {
			return fail("mean %g, std %g: want finite values and std > 0", t.Mean[i], t.Std[i])
		}
	}
	return nil
}

// checkFeatures checks the description of columns, where there is one.
func (t *Task) checkFeatures() error {
	if t.Features == nil {
		return nil
	}
	seen, width := map[string]bool{}, 0
	for i, f := range t.Features {
		if err := checkName(f.Name); err != nil {
			return fmt.Errorf("name %d, %q: %w", i, f.Name, err)
		}
		if seen[f.Name] {
			return fmt.Errorf("%q appears twice", f.Name)
		}
		seen[f.Name] = true
		known := []string{files.NumberKind, files.BooleanKind, files.DateKind, files.OneHotKind}
		if !slices.Contains(known, f.Kind) || (f.Kind == files.OneHotKind) != (len(f.Levels) > 0) {
			return fmt.Errorf("%q is of kind %q with %d levels", f.Name, f.Kind, len(f.Levels))
		}
		levels := map[string]bool{}
		for _, level := range f.Levels {
			if err := checkName(level); err != nil {
				return fmt.Errorf("level %q of %q: %w", level, f.Name, err)
			}
			if levels[level] {
				return fmt.Errorf("level %q of %q appears twice", level, f.Name)
			}
			levels[level] = true
		}
		width += f.Width()
	}
	if !t.IsTable() || width != t.Shape.W {
		return fmt.Errorf("they take %d values of samples of %v", width, t.Shape)
	}
	return nil
}

func (s Shape) check() error {
	for _, v := range []int{s.C, s.H, s.W} {
		if v < 1 || v > MaxFeatures {
			return fmt.Errorf("%v, want sides of 1..%d", s, MaxFeatures)
		}
	}
	if int64(s.C)*int64(s.H) > MaxFeatures || int64(s.C)*int64(s.H)*int64(s.W) > MaxFeatures {
		return fmt.Errorf("%v has more than %d values", s, MaxFeatures)
	}
	return nil
}

func checkName(s string) error {
	switch {
	case s == "" || len(s) > MaxNameLen:
		return fmt.Errorf("want 1..%d bytes", MaxNameLen)
	case !utf8.ValidString(s):
		return errors.New("is not in UTF-8")
	case strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }):
		return errors.New("holds a character that does not print")
	}
	return nil
}

func isFinite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// Standardize maps raw values of one sample into task space, in place.
func (t *Task) Standardize(x []float32) {
	per := len(x) / t.Constants()
	for c := range t.Mean {
		mean, inv := float32(t.Mean[c]), float32(1/t.Std[c])
		row := x[c*per : (c+1)*per]
		for i, v := range row {
			row[i] = (v - mean) * inv
		}
	}
}

// standardizeExact maps the raw values of one sample of a table into task space,
// and rounds them then: dst = (x - mean) / std.
func (t *Task) standardizeExact(x []float64, dst []float32) {
	for i, v := range x {
		dst[i] = float32((v - t.Mean[i]) / t.Std[i])
	}
}

// Restore is the inverse of Standardize, in place.
func (t *Task) Restore(x []float32) {
	per := len(x) / t.Constants()
	for c := range t.Mean {
		mean, std := float32(t.Mean[c]), float32(t.Std[c])
		row := x[c*per : (c+1)*per]
		for i, v := range row {
			row[i] = v*std + mean
		}
	}
}
