package report

import (
	"fmt"
	"strings"

	"github.com/distillmesh/distillmesh/distill/figure"
	"github.com/distillmesh/distillmesh/distill/rank"
	"github.com/distillmesh/distillmesh/distill/trial"
)

// against is what a row is compared with: random real images of the same bytes, else as many.
func against(r rank.Row) *trial.Spread {
	if r.AccRandomBytes != nil {
		return r.AccRandomBytes
	}
	return r.AccRandomOwn
}

// gains draws the accuracy of each set against that of random real images, a panel per model:
// what is above the diagonal gains.
func gains(doc *rank.Document) figure.Figure {
	names := models(doc)
	grid := figure.NewGrid(len(names))
	key := legend(doc, grid)
	return figure.Figure{Name: "gains", Title: "Accuracy of sets against random real images", Alt: describe(doc),
		Width: figure.PageWidth, Height: key.Bottom() + 6,
		Draw: func(p *figure.Pen) {
			p.Text("Test accuracy of sets against random real images of the same bytes", 14, 14, figure.Title)
			for i, name := range names {
				panel(p, grid.At(i), doc, name)
			}
			key.Draw(p)
		}}
}

// markers gives each set its marker, the same in every panel.
func markers(doc *rank.Document) (map[string]figure.Marker, []string) {
	out, order := map[string]figure.Marker{}, []string{}
	for _, r := range doc.Rows {
		if _, known := out[r.Set]; !known {
			n := len(order)
			out[r.Set] = figure.Marker{Ink: figure.Series[n%len(figure.Series)], Shape: n % (figure.Shapes - 1)}
			order = append(order, r.Set)
		}
	}
	return out, order
}

func legend(doc *rank.Document, g figure.Grid) figure.Legend {
	of, order := markers(doc)
	l := figure.Legend{Left: figure.MarginLeft, Right: figure.PageWidth - figure.MarginRight, Top: g.Height()}
	for _, name := range order {
		l.Entries = append(l.Entries, figure.Entry{Name: name, Marker: of[name]})
	}
	return l
}

// panel draws one model.
func panel(p *figure.Pen, area figure.Box, doc *rank.Document, model string) {
	var values []float64
	for _, r := range doc.Rows {
		if c := against(r); r.Model == model && c != nil && r.AccSynOwn != nil {
			values = append(values, c.Mean-c.Std, c.Mean+c.Std, r.AccSynOwn.Mean-r.AccSynOwn.Std,
				r.AccSynOwn.Mean+r.AccSynOwn.Std)
		}
	}
	scale := figure.ShareScale(values)
	a := figure.NewPanel(area, scale, scale)
	a.Frame(p, model, "set, %", "random real images, %", figure.ShareTicks(a.X), figure.ShareTicks(a.Y))
	p.Line(figure.Gray, 1, figure.Dotted, a.Left, a.Bottom, a.Right, a.Top)
	of, _ := markers(doc)
	for _, r := range doc.Rows {
		c := against(r)
		if r.Model != model || c == nil || r.AccSynOwn == nil {
			continue
		}
		m, x, y := of[r.Set], a.X.At(c.Mean), a.Y.At(r.AccSynOwn.Mean)
		p.Line(m.Ink, 1.1, nil, a.X.At(max(scale.Low, c.Mean-c.Std)), y, a.X.At(min(scale.High, c.Mean+c.Std)), y)
		p.Line(m.Ink, 1.1, nil, x, a.Y.At(max(scale.Low, r.AccSynOwn.Mean-r.AccSynOwn.Std)), x,
			a.Y.At(min(scale.High, r.AccSynOwn.Mean+r.AccSynOwn.Std)))
		p.Marker(m, x, y, figure.MarkerRadius)
	}
}

// describe is the figure in words.
func describe(doc *rank.Document) string {
	var out []string
	for _, r := range doc.Rows {
		if c := against(r); c != nil && r.AccSynOwn != nil {
			out = append(out, fmt.Sprintf("%s on %s: %s, random real images %s", r.Set, r.Model,
				figure.Percent(r.AccSynOwn.Mean), figure.Percent(c.Mean)))
		}
	}
	return strings.Join(out, "; ")
}
