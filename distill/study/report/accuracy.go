package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/distillmesh/distillmesh/distill/study"
)

// The layout of figures of panels, in points.
const (
	figureWidth  = 920
	panelColumns = 3
	panelHeight  = 220
	marginLeft   = 42
	marginRight  = 14
	betweenX     = 50
	aboveRow     = 50
	belowRow     = 44
)

// grid is the places of n panels under a title line.
type grid struct{ columns, rows int }

func gridOf(n int) grid {
	columns := min(n, panelColumns)
	if n == 4 {
		columns = 2
	}
	columns = max(columns, 1)
	return grid{columns, (n + columns - 1) / columns}
}

func (g grid) at(i int) (left, top, right, bottom float64) {
	w := (figureWidth - marginLeft - marginRight - betweenX*float64(g.columns-1)) / float64(g.columns)
	left = marginLeft + float64(i%g.columns)*(w+betweenX)
	top = 24 + aboveRow + float64(i/g.columns)*(panelHeight+aboveRow+belowRow)
	return left, top, left + w, top + panelHeight
}

// height is where the key begins.
func (g grid) height() float64 {
	return 24 + float64(g.rows)*(panelHeight+aboveRow+belowRow) + 10
}

// accuracyFigure is accuracy against uplink bytes, a panel a consumer.
func accuracyFigure(doc *study.Document) figure {
	looks, consumers := looksOf(doc), consumersOf(doc)
	x, y := accuracyScales(doc)
	g := gridOf(len(consumers))
	methods := slices.DeleteFunc(methodsOf(doc), func(m string) bool { return kindOf(m) == bound })
	return figure{name: "accuracy", title: "Test accuracy against what all clients send", says: accuracySays(doc),
		w: figureWidth, h: key(nil, methods, looks, marginLeft, figureWidth-marginRight, g.height(), false) + 6,
		draw: func(p *pen) {
			p.text("Test accuracy against what all clients send: "+setting(doc), 14, 14, words{size: 10, ink: grey})
			for i, c := range consumers {
				left, top, right, bottom := g.at(i)
				a := newPanel(left, top, right, bottom, x, y)
				a.frame(p, c, "accuracy, %", "bytes sent by all clients, logarithmic", logTicks(a.x, int((right-left)/52), sizeTick), shareTicks(a.y))
				a.points(p, doc, c, looks)
			}
			key(p, methods, looks, marginLeft, figureWidth-marginRight, g.height(), false)
		}}
}

// accuracyScales are the same for all panels, so that they can be compared.
func accuracyScales(doc *study.Document) (x, y scale) {
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
	return logScale(bytes), shareScale(shares)
}

// spot is a method's point in a panel, with the box of its bar.
type spot struct {
	study.Summary
	x, y float64
	box  box
}

// spots finds the points of one consumer's methods, distilled ones first;
// those that would cover each other stand a little aside.
func (a panel) spots(doc *study.Document, consumer string) (out []spot) {
	group := summaryOf(doc, consumer)
	slices.SortStableFunc(group, func(s, o study.Summary) int { return int(kindOf(s.Method)) - int(kindOf(o.Method)) })
	var taken []box
	for _, s := range group {
		if kindOf(s.Method) == bound {
			continue
		}
		o := spot{Summary: s, x: a.x.at(float64(s.BytesUp)), y: a.y.at(s.Accuracy.Mean)}
		top, bottom := a.y.at(s.Accuracy.Mean+s.Accuracy.Std), a.y.at(s.Accuracy.Mean-s.Accuracy.Std)
		const half = glyphRadius + 1
		o.box = box{o.x - half, max(min(top, o.y-half), a.top), o.x + half, min(max(bottom, o.y+half), a.bottom)}
		dx := aside(o.box, taken)
		o.box.left, o.box.right, o.x = o.box.left+dx, o.box.right+dx, o.x+dx
		out, taken = append(out, o), append(taken, o.box)
	}
	return out
}

// points draws one consumer's methods, their names beside them.
func (a panel) points(p *pen, doc *study.Document, consumer string, looks map[string]look) {
	spots := a.spots(doc, consumer)
	var taken []box
	var labels []label
	for _, s := range spots {
		taken = append(taken, s.box)
		text := ellipsis(s.Method, 0.45*(a.right-a.left), small)
		labels = append(labels, label{x: s.x, y: s.y, text: text, w: width(text, small) + 2, h: small.size + 2})
	}
	taken = append(taken, a.levels(p, doc, consumer, taken)...)
	for _, s := range spots {
		a.bar(p, doc, s, looks[s.Method])
	}
	place(labels, taken, box{a.left + 2, a.top - 8, a.right + 2, a.bottom - 2})
	for _, l := range labels {
		if !l.placed {
			continue
		}
		if l.far {
			x, y := l.foot()
			p.line(grey.color(), 0.5, nil, l.x, l.y, x, y)
		}
		p.text(l.text, l.box.left+1, (l.box.top+l.box.bottom)/2, words{size: small.size, ink: black})
	}
	for _, s := range spots {
		p.glyph(looks[s.Method], s.x, s.y, glyphRadius)
	}
}

// bar draws the sample deviation, and each seed as a faint point.
func (a panel) bar(p *pen, doc *study.Document, s spot, l look) {
	if s.Accuracy.N < 2 {
		return
	}
	top, bottom := a.y.at(min(s.Accuracy.Mean+s.Accuracy.Std, a.y.hi)), a.y.at(max(s.Accuracy.Mean-s.Accuracy.Std, a.y.lo))
	c := l.ink.color()
	p.line(c, 1.1, nil, s.x, top, s.x, bottom)
	p.line(c, 1.1, nil, s.x-2.5, top, s.x+2.5, top)
	p.line(c, 1.1, nil, s.x-2.5, bottom, s.x+2.5, bottom)
	for _, r := range rowsOf(doc, s.Method, s.Consumer) {
		y := a.y.at(r.Accuracy)
		p.fill(l.ink.faint(), s.x-2.2, y, s.x, y-2.2, s.x+2.2, y, s.x, y+2.2)
	}
}

// levels draws the line of all data, and that of guessing where the axis has
// it; it returns what names must not cover.
func (a panel) levels(p *pen, doc *study.Document, consumer string, spots []box) (taken []box) {
	level := func(v float64, text string) {
		y := a.y.at(v)
		p.line(black.color(), 1, dotted, a.left, y, a.right, y)
		b := a.levelName(y, width(text, small)+4, append(slices.Clone(taken), spots...))
		p.text(text, b.left+2, (b.top+b.bottom)/2, words{size: small.size, ink: black})
		taken = append(taken, b, box{a.left, y - 1, a.right, y + 1})
	}
	for _, s := range summaryOf(doc, consumer) {
		if kindOf(s.Method) == bound {
			level(s.Accuracy.Mean, boundName(doc, s)+": "+percent(s.Accuracy.Mean))
		}
	}
	if n := len(doc.Classes); n > 1 && 1/float64(n) >= a.y.lo {
		level(1/float64(n), "guessing: "+percent(1/float64(n)))
	}
	return taken
}

// levelName is where the name of a level at y stands: at its right end, above,
// unless something is there.
func (a panel) levelName(y, w float64, taken []box) box {
	right := box{a.right - w, y - 12, a.right, y - 2}
	for _, left := range []float64{a.right - w, a.left, (a.left + a.right - w) / 2} {
		for _, top := range []float64{y - 12, y + 2} {
			b := box{left, top, left + w, top + 10}
			if b.free(taken) && b.bottom < a.bottom {
				return b
			}
		}
	}
	return right
}

// boundName says when not all samples were taken.
func boundName(doc *study.Document, s study.Summary) string {
	if s.Images < doc.Train {
		return fmt.Sprintf("%s of %s samples", count(s.Images), count(doc.Train))
	}
	return "all data"
}

// accuracySays puts the figure into words.
func accuracySays(doc *study.Document) string {
	var out []string
	for _, c := range consumersOf(doc) {
		var points []string
		for _, s := range summaryOf(doc, c) {
			points = append(points, fmt.Sprintf("%s %s at %s", s.Method, spreadText(s.Accuracy), sizeOf(float64(s.BytesUp))))
		}
		out = append(out, c+": "+strings.Join(points, ", "))
	}
	return strings.Join(out, ". ") + "."
}
