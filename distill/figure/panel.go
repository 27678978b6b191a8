package figure

// The layout of figures of panels, in points.
const (
	PageWidth    = 920 // of figures as wide as a page
	MarginLeft   = 42
	MarginRight  = 14
	panelColumns = 3
	panelHeight  = 220
	betweenX     = 50
	aboveRow     = 50
	belowRow     = 44
	titleRow     = 24
)

// Grid is the layout of n panels under a title line.
type Grid struct{ columns, rows int }

// NewGrid lays out n panels, at most three side by side.
func NewGrid(n int) Grid {
	columns := min(n, panelColumns)
	if n == 4 {
		columns = 2
	}
	columns = max(columns, 1)
	return Grid{columns, (n + columns - 1) / columns}
}

// At is the area of the i-th panel.
func (g Grid) At(i int) Box {
	w := (PageWidth - MarginLeft - MarginRight - betweenX*float64(g.columns-1)) / float64(g.columns)
	left := MarginLeft + float64(i%g.columns)*(w+betweenX)
	top := titleRow + aboveRow + float64(i/g.columns)*(panelHeight+aboveRow+belowRow)
	return Box{left, top, left + w, top + panelHeight}
}

// Height is where the grid ends, and a legend may begin.
func (g Grid) Height() float64 {
	return titleRow + float64(g.rows)*(panelHeight+aboveRow+belowRow) + 10
}

// Panel is one diagram of a figure.
type Panel struct {
	Box
	X, Y Scale
}

// NewPanel makes a panel whose scales span its area.
func NewPanel(b Box, x, y Scale) Panel {
	x.from, x.to = b.Left, b.Right
	y.from, y.to = b.Bottom, b.Top
	return Panel{b, x, y}
}

// Frame draws the grid, the ticks and the words around a panel. The title of
// the y axis stands above it, so that no text is rotated.
func (a Panel) Frame(p *Pen, title, yTitle, xTitle string, xs, ys []Tick) {
	for _, t := range ys {
		y := a.Y.At(t.Value)
		p.Line(Rule, 0.7, nil, a.Left, y, a.Right, y)
		p.Text(t.Label, a.Left-6, y, Small.Right())
	}
	for _, t := range xs {
		x := a.X.At(t.Value)
		p.Line(Rule, 0.7, nil, x, a.Top, x, a.Bottom)
		p.Line(Gray, 0.8, nil, x, a.Bottom, x, a.Bottom+4)
		p.Text(t.Label, x, a.Bottom+13, Small.Center())
	}
	p.Line(Gray, 0.9, nil, a.Left, a.Bottom, a.Right, a.Bottom)
	p.Text(Ellipsis(title, a.Right-a.Left, Strong), a.Left, a.Top-27, Strong)
	p.Text(yTitle, a.Left, a.Top-11, Small)
	p.Text(xTitle, (a.Left+a.Right)/2, a.Bottom+28, Small.Center())
}

// Dotted is the dash pattern of levels.
var Dotted = []float64{2, 2.5}

// Level draws a horizontal line with its name above its right end, unless that
// place is taken; it returns the boxes that other names must not cover.
func (a Panel) Level(p *Pen, v float64, name string, taken []Box) []Box {
	y := a.Y.At(v)
	p.Line(Black, 1, Dotted, a.Left, y, a.Right, y)
	b := a.levelName(y, Width(name, Small)+4, taken)
	p.Text(name, b.Left+2, (b.Top+b.Bottom)/2, Small.In(Black))
	return []Box{b, {a.Left, y - 1, a.Right, y + 1}}
}

// levelName is the box of the name of a level at y.
func (a Panel) levelName(y, w float64, taken []Box) Box {
	right := Box{a.Right - w, y - 12, a.Right, y - 2}
	for _, left := range []float64{a.Right - w, a.Left, (a.Left + a.Right - w) / 2} {
		for _, top := range []float64{y - 12, y + 2} {
			b := Box{left, top, left + w, top + 10}
			if b.Free(taken) && b.Bottom < a.Bottom {
				return b
			}
		}
	}
	return right
}

// LineWidth is the width of curves.
const LineWidth = 1.6

// markersApart is the least distance between a curve's markers.
const markersApart = 52

// Markers sets markers along a curve through points, given as x, y, x, y, the last
// at its end. Curves of different numbers have them at different places, so that
// they do not line up.
func (p *Pen) Markers(m Marker, number int, xy ...float64) {
	next := xy[0] + float64(number%4)*markersApart/4
	end := len(xy) - 2
	for i := 0; i < end; i += 2 {
		if xy[i] >= next && xy[end]-xy[i] > markersApart/2 {
			p.Marker(m, xy[i], xy[i+1], 0.7*MarkerRadius)
			next = xy[i] + markersApart
		}
	}
	p.Marker(m, xy[end], xy[end+1], 0.9*MarkerRadius)
}
