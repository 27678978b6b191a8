package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"gonum.org/v1/plot/vg"
)

// scale maps values to places along an axis.
type scale struct {
	lo, hi   float64 // values
	from, to float64 // places
	log      bool
}

func (s scale) at(v float64) float64 {
	lo, hi := s.lo, s.hi
	if s.log {
		lo, hi, v = math.Log(lo), math.Log(hi), math.Log(math.Max(v, math.SmallestNonzeroFloat64))
	}
	return s.from + (v-lo)/(hi-lo)*(s.to-s.from)
}

// logScale is wide enough for all values with room at the ends, and covers at
// least a factor of ten.
func logScale(values []float64) scale {
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, v := range values {
		lo, hi = math.Min(lo, math.Max(v, 1)), math.Max(hi, math.Max(v, 1))
	}
	if len(values) == 0 {
		lo, hi = 1, 10
	}
	room := math.Max(0.09*math.Log(hi/lo), 0.5*(math.Log(10)-math.Log(hi/lo)))
	return scale{lo: lo * math.Exp(-room), hi: hi * math.Exp(room), log: true}
}

// shareScale is an axis of fractions, from and to round percentages.
func shareScale(values []float64) scale {
	lo, hi := 1.0, 0.0
	for _, v := range values {
		lo, hi = math.Min(lo, v), math.Max(hi, v)
	}
	if hi < lo {
		lo, hi = 0, 1
	}
	for _, step := range []float64{0.01, 0.02, 0.05, 0.1, 0.2} {
		a, b := math.Floor(lo/step-0.3)*step, math.Ceil(hi/step+0.3)*step
		if a, b = math.Max(a, 0), math.Min(b, 1); (b-a)/step <= 6 && b-a > 0.05 {
			return scale{lo: a, hi: b}
		}
	}
	return scale{lo: 0, hi: 1}
}

// tick is a marked value.
type tick struct {
	v     float64
	label string
}

// logTicks marks round values of at least 1, as many as fit under so many labels.
func logTicks(s scale, most int, label func(float64) string) []tick {
	for _, digits := range [][]float64{{1, 2, 5}, {1, 3}, {1}} {
		if out := decades(s, digits, 1, label); len(out) <= most && len(out) > 1 {
			return out
		}
	}
	for every := 2; every < 10; every++ {
		if out := decades(s, []float64{1}, every, label); len(out) <= most {
			return out
		}
	}
	return nil
}

func decades(s scale, digits []float64, every int, label func(float64) string) (out []tick) {
	for e := max(int(math.Floor(math.Log10(s.lo))), 0); e <= int(math.Ceil(math.Log10(s.hi))); e++ {
		if e%every != 0 {
			continue
		}
		for _, d := range digits {
			if v := d * math.Pow(10, float64(e)); v >= s.lo && v <= s.hi {
				out = append(out, tick{v, label(v)})
			}
		}
	}
	return out
}

// shareTicks marks percentages.
func shareTicks(s scale) (out []tick) {
	step := 0.2
	for _, try := range []float64{0.1, 0.05, 0.02, 0.01} {
		if (s.hi-s.lo)/try <= 6.01 {
			step = try
		}
	}
	for i := math.Ceil(s.lo/step - 1e-9); i*step <= s.hi+1e-9; i++ {
		out = append(out, tick{i * step, strconv.Itoa(int(math.Round(100 * i * step)))})
	}
	return out
}

// panel is one diagram of a figure.
type panel struct {
	left, top, right, bottom float64
	x, y                     scale
}

func newPanel(left, top, right, bottom float64, x, y scale) panel {
	x.from, x.to = left, right
	y.from, y.to = bottom, top
	return panel{left, top, right, bottom, x, y}
}

var (
	small  = words{size: 8.5, ink: grey}
	medium = words{size: 9.5, ink: black}
	strong = words{size: 11, ink: black, bold: true}
)

func (w words) right() words  { w.align = -1; return w }
func (w words) centre() words { w.align = -0.5; return w }

// frame draws the grid, the ticks and the words around a panel. Its y axis has
// its title above, where it needs no turned letters.
func (a panel) frame(p *pen, title, yTitle, xTitle string, xs, ys []tick) {
	for _, t := range ys {
		y := a.y.at(t.v)
		p.line(rule.color(), 0.7, nil, a.left, y, a.right, y)
		p.text(t.label, a.left-6, y, small.right())
	}
	for _, t := range xs {
		x := a.x.at(t.v)
		p.line(rule.color(), 0.7, nil, x, a.top, x, a.bottom)
		p.line(grey.color(), 0.8, nil, x, a.bottom, x, a.bottom+4)
		p.text(t.label, x, a.bottom+13, small.centre())
	}
	p.line(grey.color(), 0.9, nil, a.left, a.bottom, a.right, a.bottom)
	p.text(ellipsis(title, a.right-a.left, strong), a.left, a.top-27, strong)
	p.text(yTitle, a.left, a.top-11, small)
	p.text(xTitle, (a.left+a.right)/2, a.bottom+28, small.centre())
}

// ellipsis shortens in the middle, where names of methods differ least.
func ellipsis(s string, room float64, w words) string {
	runes := []rune(s)
	for keep := len(runes); keep > 3 && width(s, w) > room; keep-- {
		s = string(runes[:(keep+1)/2]) + "…" + string(runes[len(runes)-keep/2:])
	}
	return s
}

// key draws a legend in lines between two sides, and returns where it ends.
// Without a pen it only measures.
func key(p *pen, methods []string, looks map[string]look, left, right, top float64, lines bool) float64 {
	x, y, swatch := left, top, 14.0
	if lines {
		swatch = 34
	}
	for _, m := range methods {
		label := ellipsis(m, right-left-swatch, medium)
		w := swatch + width(label, medium) + 18
		if x > left && x+w-18 > right {
			x, y = left, y+17
		}
		if p != nil {
			drawSwatch(p, looks[m], x, y, swatch, lines)
			p.text(label, x+swatch, y, medium)
		}
		x += w
	}
	return y + 10
}

func drawSwatch(p *pen, l look, x, y, w float64, lines bool) {
	if lines {
		p.line(l.ink.color(), lineWidth, l.dashes, x, y, x+w-6, y)
		p.glyph(l, x+(w-6)/2, y, 0.8*glyphRadius)
		return
	}
	p.glyph(l, x+5, y, glyphRadius)
}

// lineWidth is the width of curves.
const lineWidth = 1.6

var dotted = []vg.Length{2, 2.5}

// sizeOf writes a number of bytes; ticks leave out what is zero.
func sizeOf(bytes float64) string {
	units := []string{"B", "kB", "MB", "GB", "TB", "PB"}
	i := 0
	for ; i < len(units)-1 && bytes >= 999.95; i++ {
		bytes /= 1000
	}
	if i == 0 {
		return fmt.Sprintf("%.0f B", bytes)
	}
	return fmt.Sprintf("%.1f %s", bytes, units[i])
}

func sizeTick(bytes float64) string { return strings.Replace(sizeOf(bytes), ".0 ", " ", 1) }

// countTick writes steps: 500, 2k.
func countTick(v float64) string {
	if v >= 1000 {
		return strconv.FormatFloat(v/1000, 'g', 4, 64) + "k"
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}
