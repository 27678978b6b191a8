package figure

import "math"

// Box is a rectangle on a figure.
type Box struct{ Left, Top, Right, Bottom float64 }

func (b Box) overlaps(o Box) bool {
	return b.Left < o.Right && o.Left < b.Right && b.Top < o.Bottom && o.Top < b.Bottom
}

func (b Box) inside(o Box) bool {
	return b.Left >= o.Left && b.Right <= o.Right && b.Top >= o.Top && b.Bottom <= o.Bottom
}

// Grow is the box with so much more on every side.
func (b Box) Grow(by float64) Box { return Box{b.Left - by, b.Top - by, b.Right + by, b.Bottom + by} }

// Shift is the box moved to the right.
func (b Box) Shift(by float64) Box {
	b.Left, b.Right = b.Left+by, b.Right+by
	return b
}

// Free reports whether a box overlaps none of the others.
func (b Box) Free(others []Box) bool {
	for _, o := range others {
		if b.overlaps(o) {
			return false
		}
	}
	return true
}

// Label is a name beside a point.
type Label struct {
	Text   string
	X, Y   float64 // of its point
	w, h   float64
	placed bool
	box    Box
	far    bool // wants a line to its point
}

// NewLabel is the name of a point, shortened to a width.
func NewLabel(name string, x, y, room float64) Label {
	text := Ellipsis(name, room, Small)
	return Label{Text: text, X: x, Y: y, w: Width(text, Small) + 2, h: Small.Size + 2}
}

// Labels writes names inside an area so that none covers another or an obstacle. A
// name that does not fit is left out: the legend has all names.
func (p *Pen) Labels(labels []Label, obstacles []Box, area Box) {
	place(labels, obstacles, area)
	for _, l := range labels {
		if !l.placed {
			continue
		}
		if l.far {
			x, y := l.foot()
			p.Line(Gray, 0.5, nil, l.X, l.Y, x, y)
		}
		p.Text(l.Text, l.box.Left+1, (l.box.Top+l.box.Bottom)/2, Small.In(Black))
	}
}

// directions are where a label may stand, the best first.
var directions = [][2]float64{{1, 0}, {-1, 0}, {1, -1}, {1, 1}, {-1, -1}, {-1, 1}, {0, -1}, {0, 1}, {1, -2}, {1, 2},
	{-1, -2}, {-1, 2}}

// distances are how far from its point a label may stand, the best first.
var distances = []float64{MarkerRadius + 3, MarkerRadius + 11, MarkerRadius + 22, MarkerRadius + 34, MarkerRadius + 48}

// place finds a place for each label: near its point, or else further away.
func place(labels []Label, obstacles []Box, area Box) {
	for i := range labels {
		l := &labels[i]
		for _, distance := range distances {
			for _, d := range directions {
				b := l.beside(d, distance)
				if !l.placed && b.inside(area) && b.Free(obstacles) && l.clear(b, obstacles) {
					l.placed, l.box, l.far = true, b, distance > distances[0]
					obstacles = append(obstacles, b)
				}
			}
		}
	}
}

// clear reports whether the line from a box to the label's point leaves alone
// all that does not hold the point itself.
func (l *Label) clear(b Box, obstacles []Box) bool {
	at := *l
	at.box = b
	x, y := at.foot()
	const steps = 16
	for i := range steps {
		t := float64(i) / steps
		spot := Box{x + t*(l.X-x), y + t*(l.Y-y), x + t*(l.X-x), y + t*(l.Y-y)}.Grow(0.5)
		for _, o := range obstacles {
			if own := (Box{l.X, l.Y, l.X, l.Y}).Grow(0.1); spot.overlaps(o) && !own.overlaps(o) {
				return false
			}
		}
	}
	return true
}

// beside is the label's box at a distance from its point in a direction.
func (l *Label) beside(d [2]float64, distance float64) Box {
	n := math.Hypot(d[0], d[1])
	x, y := l.X+d[0]/n*distance, l.Y+d[1]/n*distance
	left := x
	switch {
	case d[0] < 0:
		left = x - l.w
	case d[0] == 0:
		left = x - l.w/2
	}
	top := y - l.h/2 + l.h/2*d[1]/n
	return Box{left, top, left + l.w, top + l.h}
}

// foot is the point of the label's box that is next to its point.
func (l *Label) foot() (x, y float64) {
	return math.Min(math.Max(l.X, l.box.Left), l.box.Right), math.Min(math.Max(l.Y, l.box.Top), l.box.Bottom)
}

// asideBy is the step by which a point moves aside, and asideMost the largest number of steps.
const (
	asideBy   = 5.2
	asideMost = 6
)

// Aside is how far a box has to move sideways, as little as possible, to cover none
// of others; 0 where that takes too far.
func Aside(b Box, others []Box) float64 {
	for i := range 2*asideMost + 1 {
		dx := asideBy * float64((i+1)/2)
		if i%2 == 0 {
			dx = -dx
		}
		if b.Shift(dx).Free(others) {
			return dx
		}
	}
	return 0
}
