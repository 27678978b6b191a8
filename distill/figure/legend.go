package figure

// Entry is a line of a legend.
type Entry struct {
	Name   string
	Marker Marker
}

// Legend names series in rows between two sides.
type Legend struct {
	Entries          []Entry
	Left, Right, Top float64
	Lines            bool // series are lines with markers, not points
}

// swatch is the space for a marker before its name.
func (l Legend) swatch() float64 {
	if l.Lines {
		return 34
	}
	return 14
}

// Bottom is where the legend ends.
func (l Legend) Bottom() float64 { return l.each(func(Entry, float64, float64) {}) }

// Draw draws it.
func (l Legend) Draw(p *Pen) {
	l.each(func(e Entry, x, y float64) {
		if l.Lines {
			end := x + l.swatch() - 6
			p.Line(e.Marker.Ink, LineWidth, e.Marker.Dashes, x, y, end, y)
			p.Marker(e.Marker, (x+end)/2, y, 0.8*MarkerRadius)
		} else {
			p.Marker(e.Marker, x+5, y, MarkerRadius)
		}
		p.Text(l.name(e), x+l.swatch(), y, Medium)
	})
}

func (l Legend) name(e Entry) string { return Ellipsis(e.Name, l.Right-l.Left-l.swatch(), Medium) }

// each finds the position of every entry, and returns where the last row ends.
func (l Legend) each(put func(e Entry, x, y float64)) float64 {
	x, y := l.Left, l.Top
	for _, e := range l.Entries {
		w := l.swatch() + Width(l.name(e), Medium)
		if x > l.Left && x+w > l.Right {
			x, y = l.Left, y+17
		}
		put(e, x, y)
		x += w + 18
	}
	return y + 10
}
