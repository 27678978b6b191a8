package report

import (
	"fmt"
	"math"
	"slices"

	"github.com/distillmesh/distillmesh/distill/figure"
	"github.com/distillmesh/distillmesh/distill/study"
)

// The layout of the picture of a split, in points.
const (
	splitColumns = 800 // more clients than that share columns
	splitStrip   = 34  // the bars of samples per client
	splitTallest = 480
)

// split is the data of the picture of a split.
type split struct {
	classes []string
	counts  [][]float64 // [column][class]; the mean of a column's clients
	totals  []float64   // [column]
	clients int
	share   int // clients per column
	most    float64
	cellW   float64
	cellH   float64
	left    float64
}

// splitFigure is how many samples of each class each client holds, classes
// down and clients across; nil when the document does not say.
func splitFigure(doc *study.Document) *figure.Figure {
	if len(doc.Holdings) == 0 || len(doc.Classes) == 0 {
		return nil
	}
	s := layOutSplit(doc)
	return &figure.Figure{Name: "split", Title: "What each client holds", Alt: splitAlt(doc),
		Width: figure.PageWidth, Height: s.top() + s.cellH*float64(len(s.classes)) + 62, Draw: s.draw}
}

func layOutSplit(doc *study.Document) *split {
	s := &split{classes: doc.Classes, clients: len(doc.Holdings)}
	s.share = (s.clients + splitColumns - 1) / splitColumns
	for i := 0; i < s.clients; i += s.share {
		held := doc.Holdings[i:min(i+s.share, s.clients)]
		column, total := make([]float64, len(s.classes)), 0.0
		for _, h := range held {
			for c, n := range h[:min(len(h), len(column))] {
				column[c] += float64(n) / float64(len(held))
				total += float64(n) / float64(len(held))
			}
		}
		s.counts, s.totals = append(s.counts, column), append(s.totals, total)
		s.most = max(s.most, slices.Max(column))
	}
	for _, name := range s.classes {
		s.left = max(s.left, figure.Width(name, figure.Small))
	}
	s.left = min(max(s.left, 20), 120) + 14 + 14
	s.cellW = min((figure.PageWidth-s.left-figure.MarginRight)/float64(len(s.counts)), 84)
	s.cellH = min(18, splitTallest/float64(len(s.classes)))
	return s
}

func (s *split) top() float64 { return 40 + splitStrip + 8 }

// levelOf is which of heat's inks a count has; -1 for none. Levels grow with
// the square root, so that small parts are visible beside large ones.
func (s *split) levelOf(n float64) int {
	if n <= 0 {
		return -1
	}
	return min(int(math.Sqrt(n/s.most)*float64(len(figure.Heat))), len(figure.Heat)-1)
}

// least is the smallest count of a level.
func (s *split) least(level int) float64 {
	part := float64(level) / float64(len(figure.Heat))
	return math.Max(part*part*s.most, 1)
}

func (s *split) draw(p *figure.Pen) {
	p.Text("Samples of each class that each client holds"+s.sharing(), 14, 14, figure.Title)
	s.strip(p)
	s.cells(p)
	top, right := s.top(), s.left+s.cellW*float64(len(s.counts))
	bottom := top + s.cellH*float64(len(s.classes))
	p.Line(figure.Gray, 0.8, nil, s.left, top, s.left, bottom, right, bottom)
	every := int(figure.RoundStep(10 / s.cellH))
	for c, name := range s.classes {
		if c%every == 0 {
			w := figure.Style{Size: min(figure.Small.Size, max(6.5, s.cellH)), Ink: figure.Gray}
			p.Text(figure.Ellipsis(name, s.left-20, w), s.left-5, top+(float64(c)+0.5)*s.cellH, w.Right())
		}
	}
	step := int(figure.RoundStep(28 / s.cellW * float64(s.share)))
	for client := 0; client < s.clients; client++ {
		if n := client + 1; n == 1 && step < 10 || n%step == 0 {
			p.Text(figure.Count(n), s.left+(float64(client/s.share)+0.5)*s.cellW, bottom+11, figure.Small.Center())
		}
	}
	p.Text("client", s.left, bottom+25, figure.Small)
	s.legend(p, s.left, bottom+46)
}

func (s *split) sharing() string {
	if s.share == 1 {
		return ""
	}
	return fmt.Sprintf("; a column is the mean of %d clients", s.share)
}

// strip draws the samples of each client as bars.
func (s *split) strip(p *figure.Pen) {
	most := math.Max(slices.Max(s.totals), 1)
	base := 40.0 + splitStrip
	gap := 0.0
	if s.cellW > 6 {
		gap = 1
	}
	var bars []figure.Box
	for i, n := range s.totals {
		x := s.left + float64(i)*s.cellW
		top := base - (splitStrip-12)*n/most
		bars = append(bars, figure.Box{Left: x + gap, Top: top, Right: x + s.cellW - gap, Bottom: base})
	}
	p.Boxes(figure.Heat[1], bars...)
	top, right := base-(splitStrip-12), s.left+s.cellW*float64(len(s.totals))
	p.Line(figure.Rule, 0.8, nil, s.left, top, right, top)
	p.Text("samples of each client, at most "+figure.Count(int(math.Round(most))), s.left, 40+2, figure.Small)
}

// cells draws the counts, level by level: a path per level, however many cells.
func (s *split) cells(p *figure.Pen) {
	gap := 0.0
	if s.cellW > 6 && s.cellH > 6 {
		gap = 0.6
	}
	levels := make([][]figure.Box, len(figure.Heat))
	for i, column := range s.counts {
		for c, n := range column {
			if l := s.levelOf(n); l >= 0 {
				x, y := s.left+float64(i)*s.cellW, s.top()+float64(c)*s.cellH
				cell := figure.Box{Left: x + gap, Top: y + gap, Right: x + s.cellW - gap, Bottom: y + s.cellH - gap}
				levels[l] = append(levels[l], cell)
			}
		}
	}
	for l, boxes := range levels {
		p.Boxes(figure.Heat[l], boxes...)
	}
	if s.share > 1 || s.cellH < 12 || s.cellW < figure.Width(figure.Count(int(s.most)), figure.Small)+4 {
		return
	}
	for i, column := range s.counts {
		for c, n := range column {
			if l := s.levelOf(n); l >= 0 {
				w := figure.Small.In(figure.Black).Center()
				if l >= len(figure.Heat)/2 {
					w.Ink = figure.Paper
				}
				p.Text(figure.Count(int(n)), s.left+(float64(i)+0.5)*s.cellW, s.top()+(float64(c)+0.5)*s.cellH, w)
			}
		}
	}
}

// legend names the levels.
func (s *split) legend(p *figure.Pen, x, y float64) {
	for l, i := range figure.Heat {
		lo, hi := int(math.Ceil(s.least(l))), int(math.Ceil(s.least(l+1)))-1
		if l == len(figure.Heat)-1 {
			hi = int(math.Ceil(s.most))
		}
		if hi < lo {
			continue
		}
		text := figure.Count(lo)
		if hi > lo {
			text += "–" + figure.Count(hi)
		}
		p.Rect(i, figure.Box{Left: x, Top: y - 5, Right: x + 16, Bottom: y + 5})
		p.Text(text, x+20, y, figure.Small)
		x += 20 + figure.Width(text, figure.Small) + 14
	}
	p.Text("samples of one class; empty: none", x, y, figure.Small)
}

// splitAlt describes the split in words.
func splitAlt(doc *study.Document) string {
	var totals, held []int
	for _, h := range doc.Holdings {
		total, classes := 0, 0
		for _, n := range h {
			total += n
			if n > 0 {
				classes++
			}
		}
		totals, held = append(totals, total), append(held, classes)
	}
	slices.Sort(totals)
	slices.Sort(held)
	last := len(totals) - 1
	return fmt.Sprintf("%s, at seed 0: each holds %s samples, %s at the median, of %s of %d classes.",
		splitText(doc.Split),
		fromTo(totals[0], totals[last]), figure.Count(totals[len(totals)/2]), fromTo(held[0], held[last]), len(doc.Classes))
}

func fromTo(a, b int) string {
	if a == b {
		return figure.Count(a)
	}
	return figure.Count(a) + " to " + figure.Count(b)
}
