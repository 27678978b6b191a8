package figure

import "math"

// Marker is how the points and lines of one series are drawn.
type Marker struct {
	Ink      Ink
	Shape    int  // 0 to Shapes-1
	Outlined bool // an outline in place of a filled shape
	Dashes   []float64
}

// MarkerRadius is the usual size of a marker.
const MarkerRadius = 4

// shapes are outlines around the origin, of about the same area.
var shapes = [][]point{
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

// Shapes is how many shapes there are; the last is a cross.
var Shapes = len(shapes)

// polygon is regular, its first corner at an angle.
func polygon(n int, angle, r float64) (out []point) {
	for i := range n {
		sin, cos := math.Sincos(angle + 2*math.Pi*float64(i)/float64(n))
		out = append(out, point{r * cos, r * sin})
	}
	return out
}

func star(n int, outer, inner float64) []point {
	out := polygon(2*n, math.Pi/2, 1)
	for i, p := range out {
		r := outer
		if i%2 == 1 {
			r = inner
		}
		out[i] = point{r * p.x, r * p.y}
	}
	return out
}

// cross is an x of arms of half a width.
func cross(reach, half float64) (out []point) {
	end := reach * 1.2
	plus := []point{{half, half}, {half, end}, {-half, end}, {-half, half}, {-end, half}, {-end, -half},
		{-half, -half}, {-half, -end}, {half, -end}, {half, -half}, {end, -half}, {end, half}}
	for _, p := range plus {
		out = append(out, point{(p.x - p.y) * math.Sqrt2 / 2, (p.x + p.y) * math.Sqrt2 / 2})
	}
	return out
}

// Marker draws a marker of a size.
func (p *Pen) Marker(m Marker, x, y, r float64) {
	var outline []point
	for _, c := range shapes[m.Shape] {
		outline = append(outline, point{x + r*c.x, y - r*c.y})
	}
	fill, edge, width := m.Ink, Paper, 0.6
	if m.Outlined {
		fill, edge, width = Paper, m.Ink, 1.3
	}
	p.on.fill(fill, 1, [][]point{outline})
	p.on.stroke(edge, width, nil, append(outline, outline[0], outline[1]))
}

// Symbol is a marker alone, beside words that say what it stands for.
func Symbol(m Marker) Figure {
	const side = 3.2 * MarkerRadius
	return Figure{Width: side, Height: side, Bare: true, Draw: func(p *Pen) { p.Marker(m, side/2, side/2, MarkerRadius) }}
}
