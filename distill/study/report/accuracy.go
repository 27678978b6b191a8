package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/distillmesh/distillmesh/distill/figure"
	"github.com/distillmesh/distillmesh/distill/study"
	"github.com/distillmesh/distillmesh/distill/text"
)

// accuracyFigure is accuracy against uplink bytes, a panel per consumer.
func accuracyFigure(doc *study.Document) *figure.Figure {
	markers, consumers := markersOf(doc), consumersOf(doc)
	x, y := accuracyScales(doc)
	g := figure.NewGrid(len(consumers))
	methods := slices.DeleteFunc(methodsOf(doc), func(m string) bool { return kindOf(m) == bound })
	key := legendOf(methods, markers, g, false)
	return &figure.Figure{Name: "accuracy", Title: "Test accuracy against what all clients send", Alt: accuracyText(doc),
		Width: figure.PageWidth, Height: key.Bottom() + 6,
		Draw: func(p *figure.Pen) {
			p.Text("Test accuracy against what all clients send: "+setting(doc), 14, 14, figure.Title)
			for i, c := range consumers {
				a := panel{figure.NewPanel(g.At(i), x, y)}
				ticks := figure.LogTicks(a.X, int((a.Right-a.Left)/52), figure.SizeTick)
				a.Frame(p, c, "accuracy, %", "bytes sent by all clients, logarithmic", ticks, figure.ShareTicks(a.Y))
				a.points(p, doc, c, markers)
			}
			key.Draw(p)
		}}
}

// legendOf names methods below a grid of panels.
func legendOf(methods []string, markers map[string]figure.Marker, g figure.Grid, lines bool) figure.Legend {
	l := figure.Legend{Left: figure.MarginLeft, Right: figure.PageWidth - figure.MarginRight, Top: g.Height(),
		Lines: lines}
	for _, m := range methods {
		l.Entries = append(l.Entries, figure.Entry{Name: m, Marker: markers[m]})
	}
	return l
}

// panel is the diagram of one consumer.
type panel struct{ figure.Panel }

// accuracyScales are the same for all panels, so that they can be compared.
func accuracyScales(doc *study.Document) (x, y figure.Scale) {
	var bytes, shares []float64
	for _, s := range doc.Summary {
		shares = append(shares, s.Accuracy.Mean-s.Accuracy.Std, s.Accuracy.Mean+s.Accuracy.Std)
		if kindOf(s.Method) != bound {
			bytes = append(bytes, float64(s.BytesUp))
		}
	}
	for _, r := range doc.Rows {
		shares = append(shares, r.Accuracy)
	}
	return figure.LogScale(bytes), figure.ShareScale(shares)
}

// spot is a method's point in a panel, with the box of its bar.
type spot struct {
	study.Summary
	x, y float64
	box  figure.Box
}

// spots finds the points of one consumer's methods, distilled ones first;
// those that would cover each other stand a little aside.
func (a panel) spots(doc *study.Document, consumer string) (out []spot) {
	group := summaryOf(doc, consumer)
	slices.SortStableFunc(group, func(s, o study.Summary) int { return int(kindOf(s.Method)) - int(kindOf(o.Method)) })
	var taken []figure.Box
	for _, s := range group {
		if kindOf(s.Method) == bound {
			continue
		}
		o := spot{Summary: s, x: a.X.At(float64(s.BytesUp)), y: a.Y.At(s.Accuracy.Mean)}
		top, bottom := a.Y.At(s.Accuracy.Mean+s.Accuracy.Std), a.Y.At(s.Accuracy.Mean-s.Accuracy.Std)
		const half = figure.MarkerRadius + 1
		o.box = figure.Box{Left: o.x - half, Top: max(min(top, o.y-half), a.Top), Right: o.x + half,
			Bottom: min(max(bottom, o.y+half), a.Bottom)}
		dx := figure.Aside(o.box, taken)
		o.box, o.x = o.box.Shift(dx), o.x+dx
		out, taken = append(out, o), append(taken, o.box)
	}
	return out
}

// points draws one consumer's methods, their names beside them.
func (a panel) points(p *figure.Pen, doc *study.Document, consumer string, markers map[string]figure.Marker) {
	spots := a.spots(doc, consumer)
	var taken []figure.Box
	var labels []figure.Label
	for _, s := range spots {
		taken = append(taken, s.box)
		labels = append(labels, figure.NewLabel(s.Method, s.x, s.y, 0.45*(a.Right-a.Left)))
	}
	taken = append(taken, a.levels(p, doc, consumer, taken)...)
	for _, s := range spots {
		a.bar(p, doc, s, markers[s.Method].Ink)
	}
	p.Labels(labels, taken, figure.Box{Left: a.Left + 2, Top: a.Top - 8, Right: a.Right + 2, Bottom: a.Bottom - 2})
	for _, s := range spots {
		p.Marker(markers[s.Method], s.x, s.y, figure.MarkerRadius)
	}
}

// bar draws the sample deviation, and each seed as a faint point.
func (a panel) bar(p *figure.Pen, doc *study.Document, s spot, ink figure.Ink) {
	if s.Accuracy.N < 2 {
		return
	}
	top := a.Y.At(min(s.Accuracy.Mean+s.Accuracy.Std, a.Y.High))
	bottom := a.Y.At(max(s.Accuracy.Mean-s.Accuracy.Std, a.Y.Low))
	p.Line(ink, 1.1, nil, s.x, top, s.x, bottom)
	p.Line(ink, 1.1, nil, s.x-2.5, top, s.x+2.5, top)
	p.Line(ink, 1.1, nil, s.x-2.5, bottom, s.x+2.5, bottom)
	for _, r := range rowsOf(doc, s.Method, s.Consumer) {
		y := a.Y.At(r.Accuracy)
		p.Faint(ink, s.x-2.2, y, s.x, y-2.2, s.x+2.2, y, s.x, y+2.2)
	}
}

// levels draws the line of all data, and that of guessing if it is on the axis;
// it returns the boxes that names must not cover.
func (a panel) levels(p *figure.Pen, doc *study.Document, consumer string, spots []figure.Box) (taken []figure.Box) {
	level := func(v float64, name string) {
		taken = append(taken, a.Level(p, v, name, append(slices.Clone(taken), spots...))...)
	}
	for _, s := range summaryOf(doc, consumer) {
		if kindOf(s.Method) == bound {
			level(s.Accuracy.Mean, boundName(doc, s)+": "+figure.Percent(s.Accuracy.Mean))
		}
	}
	if n := len(doc.Classes); n > 1 && 1/float64(n) >= a.Y.Low {
		level(1/float64(n), "guessing: "+figure.Percent(1/float64(n)))
	}
	return taken
}

// boundName names the bound, and the number of samples if not all were used.
func boundName(doc *study.Document, s study.Summary) string {
	if s.Images < doc.Train {
		return fmt.Sprintf("%s of %s samples", figure.Count(s.Images), figure.Count(doc.Train))
	}
	return "all data"
}

// accuracyText describes the figure in words.
func accuracyText(doc *study.Document) string {
	var out []string
	for _, c := range consumersOf(doc) {
		var points []string
		for _, s := range summaryOf(doc, c) {
			points = append(points, fmt.Sprintf("%s %s at %s", s.Method, spreadText(s.Accuracy),
				text.Bytes(s.BytesUp)))
		}
		out = append(out, c+": "+strings.Join(points, ", "))
	}
	return strings.Join(out, ". ") + "."
}
