package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/distillmesh/distillmesh/distill/study"
	"github.com/distillmesh/distillmesh/distill/trial"
)

// curve is the mean over seeds of one method's accuracy along a training, with
// the lowest and the highest seed.
type curve struct {
	method          string
	steps           []float64
	mean, low, high []float64
}

// course is the curves of one consumer that share an axis: steps of a training
// on gathered data, or rounds of federated learning.
type course struct {
	consumer string
	rounds   bool
	curves   []curve
}

// coursesOf lists what has curves: closed-form predictors have none, nor has
// learning of one round.
func coursesOf(doc *study.Document) (out []course) {
	for _, rounds := range []bool{false, true} {
		for _, c := range consumersOf(doc) {
			k := course{consumer: c, rounds: rounds}
			for _, s := range summaryOf(doc, c) {
				if (kindOf(s.Method) == fed) != rounds {
					continue
				}
				if v := curveOf(rowsOf(doc, s.Method, c)); len(v.steps) > 1 {
					v.method = s.Method
					k.curves = append(k.curves, v)
				}
			}
			if len(k.curves) > 0 {
				out = append(out, k)
			}
		}
	}
	return out
}

// curveOf joins the curves of seeds at the steps of the shortest.
func curveOf(rows []study.Row) (c curve) {
	rows = slices.DeleteFunc(slices.Clone(rows), func(r study.Row) bool { return len(r.Curve) == 0 })
	if len(rows) == 0 {
		return c
	}
	last := func(r study.Row) int { return r.Curve[len(r.Curve)-1].Step }
	shortest := slices.MinFunc(rows, func(a, b study.Row) int { return last(a) - last(b) })
	for _, at := range shortest.Curve {
		sum, low, high := 0.0, math.Inf(1), math.Inf(-1)
		for _, r := range rows {
			v := between(r.Curve, at.Step)
			sum, low, high = sum+v, math.Min(low, v), math.Max(high, v)
		}
		c.steps, c.mean = append(c.steps, math.Max(float64(at.Step), 1)), append(c.mean, sum/float64(len(rows)))
		c.low, c.high = append(c.low, low), append(c.high, high)
	}
	return c
}

// between is a curve's value at a step, on the straight line between its
// neighbours.
func between(c []trial.Point, step int) float64 {
	for i, p := range c {
		if p.Step >= step {
			if i == 0 || p.Step == step {
				return p.Accuracy
			}
			q := c[i-1]
			return q.Accuracy + (p.Accuracy-q.Accuracy)*float64(step-q.Step)/float64(p.Step-q.Step)
		}
	}
	return c[len(c)-1].Accuracy
}

// curvesFigure is a panel a course; nil when there is none.
func curvesFigure(doc *study.Document) *figure {
	courses, looks := coursesOf(doc), looksOf(doc)
	if len(courses) == 0 {
		return nil
	}
	var shares []float64
	var drawn, says []string
	for _, k := range courses {
		for _, c := range k.curves {
			shares = append(append(shares, c.low...), c.high...)
			if !slices.Contains(drawn, c.method) {
				drawn = append(drawn, c.method)
			}
			says = append(says, fmt.Sprintf("%s on %s ends at %s", c.method, k.consumer, percent(c.mean[len(c.mean)-1])))
		}
	}
	y, g := shareScale(shares), gridOf(len(courses))
	return &figure{name: "curves", title: "Test accuracy along the training", says: strings.Join(says, "; ") + ".",
		w: figureWidth, h: key(nil, drawn, looks, marginLeft, figureWidth-marginRight, g.height(), true) + 6,
		draw: func(p *pen) {
			p.text("Test accuracy along the training: "+setting(doc)+"; bands reach from the lowest to the highest seed", 14, 14, words{size: 10, ink: grey})
			for i, k := range courses {
				left, top, right, bottom := g.at(i)
				k.draw(p, newPanel(left, top, right, bottom, k.scale(), y), looks)
			}
			key(p, drawn, looks, marginLeft, figureWidth-marginRight, g.height(), true)
		}}
}

func (k course) scale() scale {
	lo, hi := math.Inf(1), 0.0
	for _, c := range k.curves {
		lo, hi = math.Min(lo, c.steps[0]), math.Max(hi, c.steps[len(c.steps)-1])
	}
	return scale{lo: lo, hi: math.Max(hi, lo+1), log: !k.rounds && hi/lo > 8}
}

func (k course) draw(p *pen, a panel, looks map[string]look) {
	name, ticks := "training steps", linearTicks(a.x, 6)
	if a.x.log {
		name, ticks = name+", logarithmic", logTicks(a.x, 7, countTick)
	}
	title := k.consumer
	if k.rounds {
		name, title = "rounds", title+", federated"
	}
	a.frame(p, title, "accuracy, %", name, ticks, shareTicks(a.y))
	for _, c := range k.curves {
		var band []float64
		for i, s := range c.steps {
			band = append(band, a.x.at(s), a.y.at(c.high[i]))
		}
		for i := len(c.steps) - 1; i >= 0; i-- {
			band = append(band, a.x.at(c.steps[i]), a.y.at(c.low[i]))
		}
		p.fill(looks[c.method].ink.faint(), band...)
	}
	for i, c := range k.curves {
		var xy []float64
		for j, s := range c.steps {
			xy = append(xy, a.x.at(s), a.y.at(c.mean[j]))
		}
		l := looks[c.method]
		p.line(l.ink.color(), lineWidth, l.dashes, xy...)
		markers(p, l, xy, i)
	}
}

// markersApart is the least distance between a curve's glyphs.
const markersApart = 52

// markers sets glyphs along a curve, the last at its end; each curve begins
// elsewhere, so that they do not stand in a column.
func markers(p *pen, l look, xy []float64, number int) {
	next := xy[0] + float64(number%4)*markersApart/4
	end := len(xy) - 2
	for i := 0; i < end; i += 2 {
		if xy[i] >= next && xy[end]-xy[i] > markersApart/2 {
			p.glyph(l, xy[i], xy[i+1], 0.7*glyphRadius)
			next = xy[i] + markersApart
		}
	}
	p.glyph(l, xy[end], xy[end+1], 0.9*glyphRadius)
}

// linearTicks marks at most so many round whole values.
func linearTicks(s scale, most int) (out []tick) {
	step := roundStep((s.hi - s.lo) / float64(most))
	for v := math.Ceil(s.lo/step) * step; v <= s.hi; v += step {
		out = append(out, tick{v, countTick(v)})
	}
	return out
}

// roundStep is the least of 1, 2, 5, 10, 20, ... that is not below a number.
func roundStep(least float64) float64 {
	for e := 1.0; ; e *= 10 {
		for _, d := range []float64{1, 2, 5} {
			if d*e >= least {
				return d * e
			}
		}
	}
}
