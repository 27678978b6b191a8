package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/distillmesh/distillmesh/distill/figure"
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

// coursesOf lists the consumers that have curves: closed-form predictors and
// one-round learning have none.
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
// neighbors.
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

// curvesFigure is a panel per course; nil when there is none.
func curvesFigure(doc *study.Document) *figure.Figure {
	courses, markers := coursesOf(doc), markersOf(doc)
	if len(courses) == 0 {
		return nil
	}
	var shares []float64
	var drawn, text []string
	for _, k := range courses {
		for _, c := range k.curves {
			shares = append(append(shares, c.low...), c.high...)
			if !slices.Contains(drawn, c.method) {
				drawn = append(drawn, c.method)
			}
			text = append(text, fmt.Sprintf("%s on %s ends at %s", c.method, k.consumer, figure.Percent(c.mean[len(c.mean)-1])))
		}
	}
	y, g := figure.ShareScale(shares), figure.NewGrid(len(courses))
	key := legendOf(drawn, markers, g, true)
	return &figure.Figure{Name: "curves", Title: "Test accuracy along the training", Alt: strings.Join(text, "; ") + ".",
		Width: figure.PageWidth, Height: key.Bottom() + 6,
		Draw: func(p *figure.Pen) {
			p.Text("Test accuracy along the training: "+setting(doc)+
				"; bands reach from the lowest to the highest seed", 14, 14, figure.Title)
			for i, k := range courses {
				k.draw(p, figure.NewPanel(g.At(i), k.scale(), y), markers)
			}
			key.Draw(p)
		}}
}

func (k course) scale() figure.Scale {
	lo, hi := math.Inf(1), 0.0
	for _, c := range k.curves {
		lo, hi = math.Min(lo, c.steps[0]), math.Max(hi, c.steps[len(c.steps)-1])
	}
	return figure.Scale{Low: lo, High: math.Max(hi, lo+1), Log: !k.rounds && hi/lo > 8}
}

func (k course) draw(p *figure.Pen, a figure.Panel, markers map[string]figure.Marker) {
	name, ticks := "training steps", figure.LinearTicks(a.X, 6)
	if a.X.Log {
		name, ticks = name+", logarithmic", figure.LogTicks(a.X, 7, figure.CountTick)
	}
	title := k.consumer
	if k.rounds {
		name, title = "rounds", title+", federated"
	}
	a.Frame(p, title, "accuracy, %", name, ticks, figure.ShareTicks(a.Y))
	for _, c := range k.curves {
		var band []float64
		for i, s := range c.steps {
			band = append(band, a.X.At(s), a.Y.At(c.high[i]))
		}
		for i := len(c.steps) - 1; i >= 0; i-- {
			band = append(band, a.X.At(c.steps[i]), a.Y.At(c.low[i]))
		}
		p.Faint(markers[c.method].Ink, band...)
	}
	for i, c := range k.curves {
		var xy []float64
		for j, s := range c.steps {
			xy = append(xy, a.X.At(s), a.Y.At(c.mean[j]))
		}
		m := markers[c.method]
		p.Line(m.Ink, figure.LineWidth, m.Dashes, xy...)
		p.Markers(m, i, xy...)
	}
}
