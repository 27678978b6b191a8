package main

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/distillmesh/distillmesh/distill/figure"
)

// draw is a panel per model: accuracy over the bytes of a device's set, a line per
// method; bars reach a standard deviation either way.
func draw(points []point) *figure.Figure {
	var models, methods []string
	var bytes, shares []float64
	for _, p := range points {
		if !slices.Contains(models, p.Consumer) {
			models = append(models, p.Consumer)
		}
		if !slices.Contains(methods, p.Method) {
			methods = append(methods, p.Method)
		}
		bytes = append(bytes, float64(p.Budget))
		shares = append(shares, p.Accuracy.Mean-p.Accuracy.Std, p.Accuracy.Mean+p.Accuracy.Std)
	}
	x, y, g := figure.LogScale(bytes), figure.ShareScale(shares), figure.NewGrid(len(models))
	key := figure.Legend{Left: figure.MarginLeft, Right: figure.PageWidth - figure.MarginRight, Top: g.Height(),
		Lines: true}
	markers := map[string]figure.Marker{}
	for i, m := range methods {
		markers[m] = figure.Marker{Ink: figure.Series[i%len(figure.Series)], Shape: i % (figure.Shapes - 1)}
		if strings.HasPrefix(m, "random") {
			k := markers[m]
			k.Outlined, k.Dashes = true, []float64{3, 2.5}
			markers[m] = k
		}
		key.Entries = append(key.Entries, figure.Entry{Name: m, Marker: markers[m]})
	}
	title := fmt.Sprintf("%s: accuracy over the bytes of each device's whole set", points[0].Data)
	return &figure.Figure{Name: "bytes", Title: title, Alt: title, Width: figure.PageWidth, Height: key.Bottom() + 6,
		Draw: func(p *figure.Pen) {
			p.Text(title+"; bars are a standard deviation over seeds", 14, 14, figure.Title)
			for i, model := range models {
				a := figure.NewPanel(g.At(i), x, y)
				a.Frame(p, model, "accuracy, %", "bytes of a set, logarithmic", figure.LogTicks(a.X, 6, figure.SizeTick),
					figure.ShareTicks(a.Y))
				for _, method := range methods {
					curve(p, a, points, model, method, markers[method])
				}
			}
			key.Draw(p)
		}}
}

// curve draws the points of a method on a model.
func curve(p *figure.Pen, a figure.Panel, points []point, model, method string, m figure.Marker) {
	other := func(q point) bool { return q.Consumer != model || q.Method != method }
	mine := slices.DeleteFunc(slices.Clone(points), other)
	slices.SortFunc(mine, func(a, b point) int { return int(a.Budget - b.Budget) })
	var xy []float64
	for _, q := range mine {
		at, mean := a.X.At(float64(q.Budget)), q.Accuracy.Mean
		xy = append(xy, at, a.Y.At(mean))
		if std := q.Accuracy.Std; std > 0 && !math.IsNaN(std) {
			p.Line(m.Ink, 1, nil, at, a.Y.At(mean-std), at, a.Y.At(mean+std))
		}
	}
	if len(xy) > 2 {
		p.Line(m.Ink, figure.LineWidth, m.Dashes, xy...)
	}
	for i := 0; i < len(xy); i += 2 {
		p.Marker(m, xy[i], xy[i+1], 0.8*figure.MarkerRadius)
	}
}
