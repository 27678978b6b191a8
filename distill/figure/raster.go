package figure

import (
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/vgimg"
)

// raster is a surface of pixels. Its canvas counts heights from below.
type raster struct {
	canvas *vgimg.Canvas
	height float64
}

func (r *raster) at(p point) vg.Point {
	return vg.Point{X: vg.Length(p.x), Y: vg.Length(r.height - p.y)}
}

func (r *raster) route(path *vg.Path, points []point) {
	for i, p := range points {
		if i == 0 {
			path.Move(r.at(p))
		} else {
			path.Line(r.at(p))
		}
	}
}

// fill implements surface.
func (r *raster) fill(i Ink, opacity float64, outlines [][]point) {
	var path vg.Path
	for _, o := range outlines {
		r.route(&path, o)
		path.Close()
	}
	r.canvas.SetColor(i.color(opacity))
	r.canvas.Fill(path)
}

// stroke implements surface.
func (r *raster) stroke(i Ink, width float64, dashes []float64, points []point) {
	var path vg.Path
	r.route(&path, points)
	lengths := make([]vg.Length, len(dashes))
	for at, d := range dashes {
		lengths[at] = vg.Length(d)
	}
	r.canvas.SetColor(i.color(1))
	r.canvas.SetLineWidth(vg.Length(width))
	r.canvas.SetLineDash(lengths, 0)
	r.canvas.Stroke(path)
}

// text implements surface.
func (r *raster) text(s string, x, y, _ float64, st Style) {
	r.canvas.SetColor(st.Ink.color(1))
	r.canvas.FillString(faceOf(st), r.at(point{x, y}), s)
}
