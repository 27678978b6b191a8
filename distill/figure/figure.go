// Package figure draws diagrams: one drawing becomes an SVG document, an element of
// a page that follows the reader's color scheme, and a PNG. It has a pen, axes,
// colors, markers, legends and the placement of labels, and knows nothing of the
// data. The same drawing always gives the same bytes.
package figure

import (
	"bytes"
	"html/template"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/vgimg"
)

// Figure is one drawing. Lengths are points.
type Figure struct {
	Name          string // of files, and of ids in a page: letters and digits
	Title         string
	Alt           string // a description for readers who cannot see it
	Width, Height float64
	Draw          func(*Pen)
	// Bare figures are symbols beside text: without background and title.
	Bare bool
}

// pngDPI makes a figure about twice as many pixels wide as it has points.
const pngDPI = 144

// PNG draws on light paper.
func (f Figure) PNG() ([]byte, error) {
	c := vgimg.NewWith(vgimg.UseWH(vg.Length(f.Width), vg.Length(f.Height)), vgimg.UseDPI(pngDPI))
	f.on(&raster{c, f.Height})
	var out bytes.Buffer
	_, err := vgimg.PngCanvas{Canvas: c}.WriteTo(&out)
	return out.Bytes(), err
}

// SVG is a document of its own, on light paper.
func (f Figure) SVG() ([]byte, error) {
	drawn, err := f.vectors(Ink.hex, true)
	return append([]byte("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"), append(drawn, '\n')...), err
}

// Inline is an element of a page. Its colors are variables named after the inks,
// which the page sets: --ink, --s0.
func (f Figure) Inline() (template.HTML, error) {
	drawn, err := f.vectors(Ink.variable, false)
	return template.HTML(drawn), err // our own drawing, its text escaped
}

// on draws on a surface.
func (f Figure) on(s surface) {
	p := &Pen{s}
	if !f.Bare {
		p.Rect(Paper, Box{0, 0, f.Width, f.Height})
	}
	f.Draw(p)
}
