package report

import (
	"strings"

	"github.com/distillmesh/distillmesh/distill/figure"
	"github.com/distillmesh/distillmesh/distill/study"
	"github.com/distillmesh/distillmesh/train/federated"
)

// kind is the role of a method in the document.
type kind int

const (
	distilled kind = iota
	control
	fed
	bound
)

func kindOf(method string) kind {
	name, _, _ := strings.Cut(method, ":")
	if _, err := federated.Lookup(name); err == nil {
		return fed
	}
	switch name {
	case study.All:
		return bound
	case study.Random:
		return control
	}
	return distilled
}

// markersOf gives each method its marker: methods and federated strategies take
// colors and shapes in turn, the control of a method has the same marker outlined.
// The last shape is kept for plain random images and the bound.
func markersOf(doc *study.Document) map[string]figure.Marker {
	last := figure.Shapes - 1
	out := map[string]figure.Marker{study.All: {Ink: figure.Black, Shape: last, Dashes: []float64{1, 3}}}
	next := 0
	for _, s := range doc.Summary {
		if _, known := out[s.Method]; known || kindOf(s.Method) == control {
			continue
		}
		m := figure.Marker{Ink: figure.Series[next%len(figure.Series)], Shape: next % last}
		if kindOf(s.Method) == fed {
			m.Dashes = []float64{7, 2.5}
		}
		out[s.Method], next = m, next+1
	}
	for _, s := range doc.Summary {
		if _, known := out[s.Method]; known {
			continue
		}
		m, named := out[strings.TrimPrefix(s.Method, study.Random+":as=")]
		if m.Outlined = named; !named {
			m = figure.Marker{Ink: figure.Gray, Shape: last}
		}
		m.Dashes = []float64{3, 2.5}
		out[s.Method] = m
	}
	return out
}
