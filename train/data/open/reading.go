package open

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/data/files"
	"github.com/distillmesh/distillmesh/train/data/files/array"
	"github.com/distillmesh/distillmesh/train/data/files/picture"
	"github.com/distillmesh/distillmesh/train/data/files/table"
)

// Reading says how a user's own data are read where they are ambiguous; its
// zero value leaves everything to be inferred.
type Reading struct {
	// of a table: the column of labels, by name or number from 1; empty to guess
	Label string   `json:"label,omitempty"`
	Drop  []string `json:"drop,omitempty"` // of a table: columns to leave out
	// of a table: columns to keep that look like row numbers or tell the label
	Keep      []string `json:"keep,omitempty"`
	Header    string   `json:"header,omitempty"`    // of a table: "yes", "no" or empty to guess
	Separator string   `json:"separator,omitempty"` // of a table: between fields; empty to guess
	Decimal   string   `json:"decimal,omitempty"`   // of a table: "." or ","; empty to guess
	Encode    bool     `json:"encode,omitempty"`    // of a table: words become values of 0 and 1
	Dates     bool     `json:"dates,omitempty"`     // of a table: dates become seconds since 1970
	// of arrays: the order of their axes, such as NHWC; empty to infer it
	Layout string `json:"layout,omitempty"`
	// White is the value of white in images, no smaller than any value; 0 to
	// infer it from the format, or else from the values.
	White float64 `json:"scale,omitempty"`
	// of pictures: behind transparent pixels: white, black or #rrggbb; empty to infer it
	Background string `json:"background,omitempty"`
	// Resize resizes pictures of another size; without a task, to the most frequent one.
	Resize bool `json:"resize,omitempty"`
	// Parts says what named parts are used for: train, test or ignore.
	Parts map[string]string `json:"parts,omitempty"`
	// FirstLabel is the number of the first class if labels are numbers and the
	// task, or the file, names its classes: "0" or "1"; empty to infer it from the
	// labels.
	FirstLabel string `json:"first_label,omitempty"`
	// Accept holds codes of refusals that the user overrides.
	Accept []string `json:"accept,omitempty"`
}

// CheckWhite checks a value for white, which 0 is not.
func CheckWhite(white float64) error {
	if v := float32(white); !(v > 0) || math.IsInf(float64(v), 0) {
		return fmt.Errorf("white is %g, want a number above 0", white)
	}
	return nil
}

// refusals are the codes of refusals that the user may override.
var refusals = []string{"class-untrained", "empty-class", "label-na", "missing-values", "mixed-depth", "one-hot-label",
	"other-task", "pixel-order", "unreadable-pictures"}

// check refuses invalid values.
func (r Reading) check() error {
	fail := func(err error, hint string) error {
		return &files.Error{Path: "data", Place: files.Whole, Err: err, Hint: hint}
	}
	if r.White != 0 {
		if err := CheckWhite(r.White); err != nil {
			return fail(err, "say what white is with --white, such as 255, or 16 for scikit-learn's digits")
		}
	}
	if _, err := picture.ParseBackground(r.Background); err != nil {
		return fail(fmt.Errorf("background %s: %w", files.Quoted(r.Background), err), "write --background white")
	}
	if r.Layout != "" && !slices.Contains(array.Layouts, r.Layout) {
		return fail(fmt.Errorf("there is no layout %s", files.Quoted(r.Layout)),
			"use one of "+files.Joined(array.Layouts)+" with --layout")
	}
	if r.FirstLabel != "" && r.FirstLabel != "0" && r.FirstLabel != "1" {
		return fail(errors.New("the first label is "+files.Quoted(r.FirstLabel)+", want 0 or 1"),
			"write --first-label 0, or 1")
	}
	for _, code := range r.Accept {
		if !slices.Contains(refusals, code) {
			return fail(errors.New("no refusal has the code "+files.Quoted(code)),
				"--accept takes the code that a refusal names, one of: "+strings.Join(refusals, ", "))
		}
	}
	return nil
}

// tableOptions are the options of a table; the task lists the wanted features.
func (r Reading) tableOptions(task *data.Task) table.Options {
	opt := table.Options{Label: r.Label, Drop: r.Drop, Keep: r.Keep, Header: r.Header, Separator: r.Separator,
		Decimal: r.Decimal, Encode: r.Encode, Dates: r.Dates}
	if task != nil && task.IsTable() {
		opt.Want = task.Features
	}
	return opt
}

func (r Reading) arrayOptions(want data.Shape) array.Options {
	return array.Options{Layout: r.Layout, Want: [3]int{want.C, want.H, want.W}, Parts: r.Parts,
		FirstLabel: r.FirstLabel}
}

// pictureOptions resize pictures to the shape of a task if requested; otherwise
// the task checks their size later.
func (r Reading) pictureOptions(want data.Shape) picture.Options {
	opt := picture.Options{Resize: r.Resize, Background: r.Background, Parts: r.Parts}
	if want.C == 1 || want.C == 3 {
		opt.Channels = want.C
	}
	if r.Resize {
		opt.Height, opt.Width = want.H, want.W
	}
	return opt
}
