package report

import "math"

// box is a rectangle on a figure.
type box struct{ left, top, right, bottom float64 }

func (b box) overlaps(o box) bool {
	return b.left < o.right && o.left < b.right && b.top < o.bottom && o.top < b.bottom
}

func (b box) inside(o box) bool {
	return b.left >= o.left && b.right <= o.right && b.top >= o.top && b.bottom <= o.bottom
}

func (b box) grow(by float64) box { return box{b.left - by, b.top - by, b.right + by, b.bottom + by} }

// free reports whether a box overlaps none of others.
func (b box) free(others []box) bool {
	for _, o := range others {
		if b.overlaps(o) {
			return false
		}
	}
	return true
}

// label is a name beside a point. A label without a place is not drawn: the key
// has all names.
type label struct {
	x, y   float64 // of its point
	text   string
	w, h   float64
	placed bool
	box    box
	far    bool // wants a line to its point
}

// directions are where a label may stand, the best first.
var directions = [][2]float64{{1, 0}, {-1, 0}, {1, -1}, {1, 1}, {-1, -1}, {-1, 1}, {0, -1}, {0, 1}, {1, -2}, {1, 2}, {-1, -2}, {-1, 2}}

// place finds a place for each label inside an area, so that none covers
// another or an obstacle: near its point, or else further away.
func place(labels []label, obstacles []box, area box) {
	for i := range labels {
		l := &labels[i]
		for _, distance := range []float64{glyphRadius + 3, glyphRadius + 11, glyphRadius + 22, glyphRadius + 34, glyphRadius + 48} {
			for _, d := range directions {
				b := l.beside(d, distance)
				if !l.placed && b.inside(area) && b.free(obstacles) && l.clear(b, obstacles) {
					l.placed, l.box, l.far = true, b, distance > glyphRadius+4
					obstacles = append(obstacles, b)
				}
			}
		}
	}
}

// clear reports whether the line from a box to the label's point leaves alone
// all that does not hold the point itself.
func (l *label) clear(b box, obstacles []box) bool {
	at := *l
	at.box = b
	x, y := at.foot()
	const steps = 16
	for i := range steps {
		t := float64(i) / steps
		spot := box{x + t*(l.x-x), y + t*(l.y-y), x + t*(l.x-x), y + t*(l.y-y)}.grow(0.5)
		for _, o := range obstacles {
			if own := (box{l.x, l.y, l.x, l.y}).grow(0.1); spot.overlaps(o) && !own.overlaps(o) {
				return false
			}
		}
	}
	return true
}

// beside is the label's box at a distance from its point in a direction.
func (l *label) beside(d [2]float64, distance float64) box {
	n := math.Hypot(d[0], d[1])
	x, y := l.x+d[0]/n*distance, l.y+d[1]/n*distance
	left := x
	switch {
	case d[0] < 0:
		left = x - l.w
	case d[0] == 0:
		left = x - l.w/2
	}
	top := y - l.h/2 + l.h/2*d[1]/n
	return box{left, top, left + l.w, top + l.h}
}

// foot is the point of the label's box that is next to its point.
func (l *label) foot() (x, y float64) {
	return math.Min(math.Max(l.x, l.box.left), l.box.right), math.Min(math.Max(l.y, l.box.top), l.box.bottom)
}

// asideBy is how far a point moves aside at a time, and asideMost how often.
const (
	asideBy   = 5.2
	asideMost = 6
)

// aside moves a bar sideways, as little as possible, until it covers none of
// those that stand: distilled sets of one study weigh about the same.
func aside(b box, others []box) float64 {
	for i := range 2*asideMost + 1 {
		dx := asideBy * float64((i+1)/2)
		if i%2 == 0 {
			dx = -dx
		}
		moved := b
		moved.left, moved.right = b.left+dx, b.right+dx
		if moved.free(others) {
			return dx
		}
	}
	return 0
}
