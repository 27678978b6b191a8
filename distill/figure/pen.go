package figure

import "github.com/distillmesh/distillmesh/distill/text"

// surface is what a pen draws on. Its origin is the upper left corner.
type surface interface {
	fill(i Ink, opacity float64, outlines [][]point)
	stroke(i Ink, width float64, dashes []float64, points []point)
	// text begins at x, its baseline at y.
	text(s string, x, y, width float64, st Style)
}

// point is a place on a surface.
type point struct{ x, y float64 }

// Pen draws in points from the upper left corner.
type Pen struct{ on surface }

// Rect fills a box.
func (p *Pen) Rect(i Ink, b Box) { p.Boxes(i, b) }

// Boxes fills any number of boxes as one path.
func (p *Pen) Boxes(i Ink, boxes ...Box) {
	var outlines [][]point
	for _, b := range boxes {
		outlines = append(outlines, []point{{b.Left, b.Top}, {b.Right, b.Top}, {b.Right, b.Bottom}, {b.Left, b.Bottom}})
	}
	if outlines != nil {
		p.on.fill(i, 1, outlines)
	}
}

// Line draws through points, given as x, y, x, y; dashes, when there are any, are
// lengths of dashes and gaps in turn.
func (p *Pen) Line(i Ink, width float64, dashes []float64, xy ...float64) {
	p.on.stroke(i, width, dashes, points(xy))
}

// faint is how opaque bands and faint points are.
const faint = 0.25

// Faint fills the outline through points, given as x, y, x, y, so that what lies
// below shows through.
func (p *Pen) Faint(i Ink, xy ...float64) { p.on.fill(i, faint, [][]point{points(xy)}) }

func points(xy []float64) (out []point) {
	for i := 0; i+1 < len(xy); i += 2 {
		out = append(out, point{xy[i], xy[i+1]})
	}
	return out
}

// Text writes a line whose small letters stand around the height y.
func (p *Pen) Text(s string, x, y float64, st Style) {
	if s = text.Printable(s); s == "" {
		return
	}
	w := Width(s, st)
	p.on.text(s, x+st.Align*w, y+xHeight*st.Size/2, w, st)
}
