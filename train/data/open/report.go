package open

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/data/files"
)

// Report is how data were read: what files, which parts, how their values and
// labels were understood, and what looks wrong.
type Report struct {
	Path     string          `json:"path"`
	Kind     string          `json:"kind"`
	Known    string          `json:"known,omitempty"` // the well-known data that they are
	Read     map[string]int  `json:"files_read"`
	Skipped  []files.Skipped `json:"files_skipped,omitempty"`
	Parts    []PartReport    `json:"parts"`
	Shape    [3]int          `json:"shape"`
	Low      float64         `json:"low"`  // smallest value of the training part
	High     float64         `json:"high"` // largest
	White    float64         `json:"white,omitempty"`
	Classes  []ClassReport   `json:"classes"`
	Features []FeatureReport `json:"features,omitempty"`
	Notes    []files.Note    `json:"notes"`
}

// PartReport is one part of the data.
type PartReport struct {
	Name    string `json:"name,omitempty"` // as it is called where it lies
	Use     string `json:"use"`            // train, test or ignore
	Samples int    `json:"samples"`        // 0 of a part that is ignored: it was not read
}

// ClassReport counts the samples of one class.
type ClassReport struct {
	Name  string `json:"name"`
	Train int    `json:"train"`
	Test  int    `json:"test"`
}

// FeatureReport is one feature of a table.
type FeatureReport struct {
	Name     string  `json:"name"`
	Kind     string  `json:"kind"`
	Low      float64 `json:"low"`
	High     float64 `json:"high"`
	Constant bool    `json:"constant,omitempty"` // nearly every sample has the same value
}

// ReportOf is how a data set was read; nil where no file holds it.
func ReportOf(ds *data.Dataset) *Report {
	r, _ := ds.Report.(*Report)
	return r
}

// report says how the data were read.
func (c *contents) report(ds *data.Dataset, white float64, seen ranges) *Report {
	r := &Report{Low: seen.low, High: seen.high, Features: seen.features, Path: c.path, Kind: c.kind,
		Read: c.account.Read, Skipped: c.account.Skipped, Shape: [3]int{ds.Task.Shape.C, ds.Task.Shape.H, ds.Task.Shape.W}}
	if c.known != nil {
		r.Known = c.known.Name
	}
	if !ds.Task.IsTable() {
		r.White = white
	}
	r.Parts = append(r.Parts, PartReport{c.train.Name, string(files.Train), c.train.Len()})
	if c.test != nil {
		r.Parts = append(r.Parts, PartReport{c.test.Name, string(files.Test), c.test.Len()})
	}
	for _, name := range c.account.Unused {
		r.Parts = append(r.Parts, PartReport{Name: name, Use: string(files.Ignore)})
	}
	for i, name := range ds.Task.Classes {
		r.Classes = append(r.Classes, ClassReport{Name: name, Train: countOf(ds.Train, i), Test: countOf(ds.Test, i)})
	}
	r.Notes = c.account.Notes
	return r
}

func countOf(s data.Source, class int) (n int) {
	if s == nil {
		return 0
	}
	for _, y := range s.Labels() {
		if y == class {
			n++
		}
	}
	return n
}

// nearlyAll is the share of samples that may have one value before a feature
// counts as constant.
const nearlyAll = 0.995

// ranges are where the values of the training part lie.
type ranges struct {
	low, high float64
	features  []FeatureReport // of a table
}

// ranges finds where values lie, of every feature of a table too, and warns of
// constant ones.
func (c *contents) ranges(task *data.Task) ranges {
	if !task.IsTable() {
		return extremes(c.train)
	}
	p, width := c.train, c.train.Size()
	low, high, same := make([]float64, width), make([]float64, width), make([]int, width)
	for i := range p.NumValues() {
		v, k := p.At(i), i%width
		if i < width {
			low[k], high[k] = v, v
		}
		if v == p.At(k) {
			same[k]++
		}
		low[k], high[k] = min(low[k], v), max(high[k], v)
	}
	out := ranges{low: slices.Min(low), high: slices.Max(high)}
	var constant []string
	for k, name := range columnNames(task, p.Features, width) {
		f := FeatureReport{Name: name.Name, Kind: name.Kind, Low: low[k], High: high[k],
			Constant: float64(same[k]) >= nearlyAll*float64(p.Len())}
		if f.Constant {
			constant = append(constant, f.Name)
		}
		out.features = append(out.features, f)
	}
	if constant != nil {
		c.account.Warn("constant-features", "--drop", "%d of %d features are constant, or nearly so: %s", len(constant),
			width, files.Joined(constant))
	}
	return out
}

// extremes are the smallest and the largest of all values of a part.
func extremes(p *files.Part) ranges {
	switch {
	case p.Bytes != nil:
		return ranges{low: float64(slices.Min(p.Bytes)), high: float64(slices.Max(p.Bytes))}
	case p.Floats != nil:
		return ranges{low: float64(slices.Min(p.Floats)), high: float64(slices.Max(p.Floats))}
	}
	return ranges{low: slices.Min(p.Doubles), high: slices.Max(p.Doubles)}
}

// columnNames names every value of a sample of a table.
func columnNames(task *data.Task, found []files.Feature, width int) (out []files.Feature) {
	features := task.Features
	if features == nil {
		features = found
	}
	for _, f := range features {
		if f.Kind != files.OneHotKind {
			if f.Kind == files.NumberKind {
				f.Kind = "number"
			}
			out = append(out, f)
			continue
		}
		for _, level := range f.Levels {
			out = append(out, files.Feature{Name: f.Name + " = " + level, Kind: f.Kind})
		}
	}
	for i := len(out); i < width; i++ {
		out = append(out, files.Feature{Name: fmt.Sprintf("value %d", i+1), Kind: "number"})
	}
	return out[:width]
}

// Lines writes the report for people, a line for each fact.
func (r *Report) Lines() (out []string) {
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	add("%s: %s%s", r.Path, r.Kind, r.readWords())
	for _, s := range r.Skipped {
		add("not read: %d, %s: %s", s.Count, s.Why, strings.Join(s.First, ", "))
	}
	for _, p := range r.Parts {
		if p.Use == string(files.Ignore) {
			add("not used: part %s", p.Name)
			continue
		}
		add("%s: %d samples%s", p.Use, p.Samples, nameWords(p.Name))
	}
	shape := data.Shape{C: r.Shape[0], H: r.Shape[1], W: r.Shape[2]}.String()
	if IsTableShape(r.Shape) {
		shape = fmt.Sprintf("%d %s (%s)", r.Shape[2], plural(r.Shape[2], "feature"), shape)
	}
	add("samples of %s in %d classes: %s", shape, len(r.Classes), r.classWords())
	if r.White != 0 {
		add("values from %g to %g, white is %g", r.Low, r.High, r.White)
	} else {
		add("values from %g to %g", r.Low, r.High)
	}
	for _, n := range r.Notes {
		add("%s", NoteLine(n))
	}
	return out
}

// NoteLine is a note for people, with the flag that decides otherwise.
func NoteLine(n files.Note) string {
	text := n.Text
	if n.Level == files.Warning {
		text = "warning (" + n.Code + "): " + text
	}
	switch {
	case n.Flag == "" || strings.Contains(text, n.Flag):
	case n.Level == files.Assumed:
		text += " (" + n.Flag + " decides otherwise)"
	default:
		text += " (" + n.Flag + ")"
	}
	return text
}

// plural is a word for a number of things.
func plural(n int, thing string) string {
	if n == 1 {
		return thing
	}
	return thing + "s"
}

func (r *Report) readWords() string {
	var words []string
	for _, kind := range slices.Sorted(maps.Keys(r.Read)) {
		words = append(words, fmt.Sprintf("%d x %s", r.Read[kind], kind))
	}
	if words == nil {
		return ""
	}
	return "; read: " + strings.Join(words, ", ")
}

func nameWords(name string) string {
	if name == "" {
		return ""
	}
	return ", from part " + name
}

// mostClasses is how many classes a line lists.
const mostClasses = 12

// tests reports whether there is a test part.
func (r *Report) tests() bool {
	return slices.ContainsFunc(r.Parts, func(p PartReport) bool { return p.Use == string(files.Test) })
}

func (r *Report) classWords() string {
	var words []string
	for i, c := range r.Classes {
		if i == mostClasses {
			words = append(words, "...")
			break
		}
		count := fmt.Sprint(c.Train)
		if r.tests() {
			count += "/" + fmt.Sprint(c.Test)
		}
		words = append(words, fmt.Sprintf("%s (%s)", c.Name, count))
	}
	return strings.Join(words, ", ")
}

// NoteLines writes what was assumed and what looks wrong, for people.
func (r *Report) NoteLines() (out []string) {
	for _, n := range r.Notes {
		if n.Level != files.Seen {
			out = append(out, NoteLine(n))
		}
	}
	return out
}

// Warnings lists the codes of the warnings.
func (r *Report) Warnings() (codes []string) {
	for _, n := range r.Notes {
		if n.Level == files.Warning && !slices.Contains(codes, n.Code) {
			codes = append(codes, n.Code)
		}
	}
	return codes
}

// IsTableShape reports whether a shape {C, H, W} is of rows of features.
func IsTableShape(s [3]int) bool { return data.Shape{C: s[0], H: s[1], W: s[2]}.IsTable() }
