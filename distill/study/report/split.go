package report

import (
	"fmt"
	"math"
	"slices"

	"github.com/distillmesh/distillmesh/distill/study"
)

// The layout of the picture of a split, in points.
const (
	splitColumns = 800 // more clients than that share columns
	splitStrip   = 34  // the bars of samples a client
	splitTallest = 480
)

// split is what the picture of a split needs.
type split struct {
	classes []string
	counts  [][]float64 // [column][class]; the mean of a column's clients
	totals  []float64   // [column]
	clients int
	share   int // clients a column
	most    float64
	cellW   float64
	cellH   float64
	left    float64
}

// splitFigure is how many samples of each class each client holds, classes
// down and clients across; nil when the document does not say.
func splitFigure(doc *study.Document) *figure {
	if len(doc.Holdings) == 0 || len(doc.Classes) == 0 {
		return nil
	}
	s := layOutSplit(doc)
	return &figure{name: "split", title: "What each client holds", says: splitSays(doc),
		w: figureWidth, h: s.top() + s.cellH*float64(len(s.classes)) + 62, draw: s.draw}
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
		s.left = max(s.left, width(name, small))
	}
	s.left = min(max(s.left, 20), 120) + 14 + 14
	s.cellW = min((figureWidth-s.left-marginRight)/float64(len(s.counts)), 84)
	s.cellH = min(18, splitTallest/float64(len(s.classes)))
	return s
}

func (s *split) top() float64 { return 40 + splitStrip + 8 }

// levelOf is which of heat's inks a count has; -1 for none. Levels grow with
// the square root, so that small parts show beside large ones.
func (s *split) levelOf(n float64) int {
	if n <= 0 {
		return -1
	}
	return min(int(math.Sqrt(n/s.most)*float64(len(heat))), len(heat)-1)
}

// least is the smallest count of a level.
func (s *split) least(level int) float64 {
	part := float64(level) / float64(len(heat))
	return math.Max(part*part*s.most, 1)
}

func (s *split) draw(p *pen) {
	p.text("Samples of each class that each client holds"+s.sharing(), 14, 14, words{size: 10, ink: grey})
	s.strip(p)
	s.cells(p)
	top, right := s.top(), s.left+s.cellW*float64(len(s.counts))
	bottom := top + s.cellH*float64(len(s.classes))
	p.line(grey.color(), 0.8, nil, s.left, top, s.left, bottom, right, bottom)
	every := int(roundStep(10 / s.cellH))
	for c, name := range s.classes {
		if c%every == 0 {
			w := words{size: min(small.size, max(6.5, s.cellH)), ink: grey}
			p.text(ellipsis(name, s.left-20, w), s.left-5, top+(float64(c)+0.5)*s.cellH, w.right())
		}
	}
	step := int(roundStep(28 / s.cellW * float64(s.share)))
	for client := 0; client < s.clients; client++ {
		if n := client + 1; n == 1 && step < 10 || n%step == 0 {
			p.text(count(n), s.left+(float64(client/s.share)+0.5)*s.cellW, bottom+11, small.centre())
		}
	}
	p.text("client", s.left, bottom+25, small)
	s.legend(p, s.left, bottom+46)
}

func (s *split) sharing() string {
	if s.share == 1 {
		return ""
	}
	return fmt.Sprintf("; a column is the mean of %d clients", s.share)
}

// strip draws the samples of each client as bars.
func (s *split) strip(p *pen) {
	most := math.Max(slices.Max(s.totals), 1)
	base := 40.0 + splitStrip
	gap := 0.0
	if s.cellW > 6 {
		gap = 1
	}
	var bars []box
	for i, n := range s.totals {
		x := s.left + float64(i)*s.cellW
		bars = append(bars, box{x + gap, base - (splitStrip-12)*n/most, x + s.cellW - gap, base})
	}
	p.boxes(heat[1], bars)
	p.line(rule.color(), 0.8, nil, s.left, base-(splitStrip-12), s.left+s.cellW*float64(len(s.totals)), base-(splitStrip-12))
	p.text("samples of each client, at most "+count(int(math.Round(most))), s.left, 40+2, small)
}

// cells draws the counts, level by level: a path a level, however many cells.
func (s *split) cells(p *pen) {
	gap := 0.0
	if s.cellW > 6 && s.cellH > 6 {
		gap = 0.6
	}
	levels := make([][]box, len(heat))
	for i, column := range s.counts {
		for c, n := range column {
			if l := s.levelOf(n); l >= 0 {
				x, y := s.left+float64(i)*s.cellW, s.top()+float64(c)*s.cellH
				levels[l] = append(levels[l], box{x + gap, y + gap, x + s.cellW - gap, y + s.cellH - gap})
			}
		}
	}
	for l, boxes := range levels {
		p.boxes(heat[l], boxes)
	}
	if s.share > 1 || s.cellH < 12 || s.cellW < width(count(int(s.most)), small)+4 {
		return
	}
	for i, column := range s.counts {
		for c, n := range column {
			if l := s.levelOf(n); l >= 0 {
				w := words{size: small.size, ink: black}.centre()
				if l >= len(heat)/2 {
					w.ink = paper
				}
				p.text(count(int(n)), s.left+(float64(i)+0.5)*s.cellW, s.top()+(float64(c)+0.5)*s.cellH, w)
			}
		}
	}
}

// legend names the levels.
func (s *split) legend(p *pen, x, y float64) {
	for l, i := range heat {
		lo, hi := int(math.Ceil(s.least(l))), int(math.Ceil(s.least(l+1)))-1
		if l == len(heat)-1 {
			hi = int(math.Ceil(s.most))
		}
		if hi < lo {
			continue
		}
		text := count(lo)
		if hi > lo {
			text += "–" + count(hi)
		}
		p.rect(i.color(), x, y-5, x+16, y+5)
		p.text(text, x+20, y, small)
		x += 20 + width(text, small) + 14
	}
	p.text("samples of a class; empty: none", x, y, small)
}

// splitSays puts the split into words.
func splitSays(doc *study.Document) string {
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
	return fmt.Sprintf("%s, at seed 0: each holds %s samples, %s at the median, of %s of %d classes.", splitText(doc.Split),
		fromTo(totals[0], totals[last]), count(totals[len(totals)/2]), fromTo(held[0], held[last]), len(doc.Classes))
}

func fromTo(a, b int) string {
	if a == b {
		return count(a)
	}
	return count(a) + " to " + count(b)
}
