package report

import (
	"fmt"
	"image/color"
	"math"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/distillmesh/distillmesh/distill/study"
	"github.com/distillmesh/distillmesh/train/federated"
)

// ink is a colour by its role, on light and on dark paper. A file of its own is
// drawn on light paper; in the page it follows the reader's scheme.
type ink struct{ name, light, dark string }

// The inks. Those of series tell apart in every common kind of colour
// blindness (after Okabe and Ito, darkened to three times the paper's
// luminance), and never stand alone: each series has a shape too.
var (
	black = ink{"ink", "#1B1F24", "#E8EAED"}
	grey  = ink{"muted", "#5A6472", "#A6AFBB"}
	rule  = ink{"rule", "#E2E6EB", "#323942"}
	paper = ink{"paper", "#FFFFFF", "#15181C"}

	series = []ink{
		{"s0", "#0068A8", "#56B1EA"}, {"s1", "#C84B00", "#FF8F4D"}, {"s2", "#00775A", "#3CCBA0"},
		{"s3", "#A8457F", "#EA92C6"}, {"s4", "#8A6100", "#DDAE3E"}, {"s5", "#5B4FB0", "#A79DF5"},
	}
	// heat runs from few to many.
	heat = []ink{
		{"h0", "#DCE9F5", "#1D3043"}, {"h1", "#B3D0E9", "#22466A"}, {"h2", "#7FB0DA", "#2B6196"},
		{"h3", "#4A8CC2", "#4585C4"}, {"h4", "#1F659F", "#7FB2E3"}, {"h5", "#0B3F6E", "#BBD8F5"},
	}
)

// inks are all of them, for the page's style sheet.
func inks() []ink {
	return append(append([]ink{black, grey, rule, paper}, series...), heat...)
}

// faint is how opaque bands and the points of single seeds are.
const faint = 0x40

func (i ink) color() color.NRGBA {
	c := color.NRGBA{A: 0xff}
	fmt.Sscanf(i.light, "#%02X%02X%02X", &c.R, &c.G, &c.B) // ours, in the form above
	return c
}

func (i ink) faint() color.NRGBA {
	c := i.color()
	c.A = faint
	return c
}

// kind is what a method of a document is to its reader.
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

// look is how the points and lines of one method are drawn.
type look struct {
	ink    ink
	shape  int // of shapes
	hollow bool
	dashes []vg.Length
}

// looksOf gives each method its look: methods and federated strategies take
// colours and shapes in turn, the control of a method is its hollow sister.
func looksOf(doc *study.Document) map[string]look {
	out := map[string]look{study.All: {ink: black, shape: len(shapes) - 1, dashes: []vg.Length{1, 3}}}
	next := 0
	for _, s := range doc.Summary {
		if _, known := out[s.Method]; known || kindOf(s.Method) == control {
			continue
		}
		l := look{ink: series[next%len(series)], shape: next % (len(shapes) - 1)}
		if kindOf(s.Method) == fed {
			l.dashes = []vg.Length{7, 2.5}
		}
		out[s.Method], next = l, next+1
	}
	for _, s := range doc.Summary {
		if _, known := out[s.Method]; known {
			continue
		}
		l, named := out[strings.TrimPrefix(s.Method, study.Random+":as=")]
		if l.hollow = named; !named {
			l = look{ink: grey, shape: len(shapes) - 1}
		}
		l.dashes = []vg.Length{3, 2.5}
		out[s.Method] = l
	}
	return out
}

// shapes are outlines around the origin, of about the same area; the last is
// kept for plain random images and the bound.
var shapes = [][][2]float64{
	polygon(24, 0, 1),
	polygon(4, math.Pi/4, 1.25),
	polygon(3, math.Pi/2, 1.35),
	polygon(4, 0, 1.3),
	polygon(3, -math.Pi/2, 1.35),
	polygon(6, 0, 1.15),
	star(5, 1.45, 0.62),
	star(4, 1.5, 0.5),
	cross(1, 0.3),
}

// polygon is regular, its first corner at an angle.
func polygon(n int, angle, r float64) (out [][2]float64) {
	for i := range n {
		sin, cos := math.Sincos(angle + 2*math.Pi*float64(i)/float64(n))
		out = append(out, [2]float64{r * cos, r * sin})
	}
	return out
}

func star(n int, outer, inner float64) (out [][2]float64) {
	points := polygon(2*n, math.Pi/2, 1)
	for i, p := range points {
		r := outer
		if i%2 == 1 {
			r = inner
		}
		out = append(out, [2]float64{r * p[0], r * p[1]})
	}
	return out
}

// cross is an x of arms of half a width.
func cross(reach, half float64) (out [][2]float64) {
	plus := [][2]float64{{half, half}, {half, reach * 1.2}, {-half, reach * 1.2}, {-half, half}, {-reach * 1.2, half}, {-reach * 1.2, -half},
		{-half, -half}, {-half, -reach * 1.2}, {half, -reach * 1.2}, {half, -half}, {reach * 1.2, -half}, {reach * 1.2, half}}
	for _, p := range plus {
		out = append(out, [2]float64{(p[0] - p[1]) * math.Sqrt2 / 2, (p[0] + p[1]) * math.Sqrt2 / 2})
	}
	return out
}

// glyphRadius is the size of a point in figures.
const glyphRadius = 4

// glyph draws a method's point.
func (p *pen) glyph(l look, x, y, r float64) {
	var outline []vg.Point
	for _, c := range shapes[l.shape] {
		outline = append(outline, p.at(x+r*c[0], y-r*c[1]))
	}
	fill := l.ink
	if l.hollow {
		fill = paper
	}
	p.canvas.FillPolygon(fill.color(), outline)
	edge := paper
	width := 0.6
	if l.hollow {
		edge, width = l.ink, 1.3
	}
	p.canvas.StrokeLines(draw.LineStyle{Color: edge.color(), Width: vg.Length(width)}, append(outline, outline[0], outline[1]))
}
