package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"strings"

	"github.com/distillmesh/distillmesh/distill/figure"
	"github.com/distillmesh/distillmesh/distill/study"
	"github.com/distillmesh/distillmesh/distill/text"
)

//go:embed page.html
var pageHTML string

var pageTemplate = figure.PageTemplate(pageHTML, template.FuncMap{"breakable": breakable})

// breakable allows a line break after each colon of a long method name.
func breakable(name string) template.HTML {
	// escaped but for our own tags
	return template.HTML(strings.ReplaceAll(template.HTMLEscapeString(name), ":", ":<wbr>"))
}

// view is what the page's template sees.
type view struct {
	figure.Page
	Findings []finding
	Groups   []group
	Controls bool
	Accuracy template.HTML
	Curves   template.HTML // empty for none
	Split    template.HTML // empty for none
	Says     string        // of the split
	Sheets   []sheet
	Real     bool // some sheet shows real samples
	Tests    string
}

// group is the table's lines of one consumer.
type group struct {
	Consumer string
	Lines    []line
}

// line is one line of the table, ready to print.
type line struct {
	Symbol                                               template.HTML
	Method, Accuracy, Minus, Control                     string
	Images, Up, Down, Bytes8, Bytes32, GCE, Seconds, MiB string
	Best                                                 bool
}

// page writes the whole page.
func page(dir string, doc *study.Document, opt Options, accuracy, curves, split *figure.Figure) ([]byte, error) {
	v := view{Page: figure.Page{Verb: "simulate", Brand: "study", Title: question(doc), Answer: Answer(doc),
		Facts: facts(doc), Command: opt.Command}, Findings: findings(doc), Tests: figure.Count(doc.Test)}
	for part, f := range map[*template.HTML]*figure.Figure{&v.Accuracy: accuracy, &v.Curves: curves, &v.Split: split} {
		if f == nil {
			continue
		}
		var err error
		if *part, err = f.Inline(); err != nil {
			return nil, err
		}
	}
	if split != nil {
		v.Says = split.Alt
	}
	symbols, err := symbolsOf(doc)
	if err != nil {
		return nil, err
	}
	for _, c := range consumersOf(doc) {
		v.Groups = append(v.Groups, groupOf(doc, c, symbols))
	}
	v.Sheets = sheetsOf(dir, doc, opt.Task)
	for i := range v.Sheets {
		v.Sheets[i].Symbol = symbols[v.Sheets[i].Method]
		v.Real = v.Real || v.Sheets[i].Real
	}
	var out bytes.Buffer
	err = pageTemplate.Execute(text.NewWriter(&out), v)
	return out.Bytes(), err
}

func question(doc *study.Document) string {
	return fmt.Sprintf("What would %s gain by sending distilled %s?", figure.Plural(doc.Split.Clients, "device"), doc.Data)
}

// symbolsOf are the markers of the figures, for the table.
func symbolsOf(doc *study.Document) (map[string]template.HTML, error) {
	out := map[string]template.HTML{}
	for method, m := range markersOf(doc) {
		drawn, err := figure.Symbol(m).Inline()
		if err != nil {
			return nil, err
		}
		out[method] = drawn
	}
	return out, nil
}

func groupOf(doc *study.Document, consumer string, symbols map[string]template.HTML) group {
	out := group{Consumer: consumer}
	lines := summaryOf(doc, consumer)
	best := bestOf(lines, distilled)
	for _, s := range lines {
		l := lineOf(s)
		l.Symbol, l.Best = symbols[s.Method], best != nil && best.Method == s.Method
		out.Lines = append(out.Lines, l)
	}
	return out
}

func lineOf(s study.Summary) line {
	l := line{Method: s.Method, Accuracy: strings.Replace(spreadText(s.Accuracy), " %", "", 1), Minus: "–",
		Control: s.Control, Images: "–",
		Up: text.Bytes(s.BytesUp), Down: text.Bytes(s.BytesDown), Bytes8: "–", Bytes32: "–", GCE: "–",
		Seconds: fmt.Sprintf("%.1f", s.Seconds), MiB: fmt.Sprintf("%.0f", s.PeakRSS)}
	if s.Images > 0 {
		l.Images = figure.Count(s.Images)
	}
	if s.MinusRandom != nil {
		l.Minus = intervalText(s.MinusRandom)
	}
	if s.Payload != nil {
		l.Bytes8, l.Bytes32 = text.Bytes(s.Payload.Images8), text.Bytes(s.Payload.ImagesF32)
	}
	if s.GCE != nil {
		l.GCE = fmt.Sprintf("%.3f", *s.GCE)
	}
	return l
}

// facts are the plan.
func facts(doc *study.Document) [][2]string {
	formation := "each method's own"
	if doc.Formation > 0 {
		formation = fmt.Sprintf("%d × %d", doc.Formation, doc.Formation)
	}
	steps := "as the sets recommend"
	if doc.Steps > 0 {
		steps = figure.Count(doc.Steps)
	}
	return [][2]string{
		{"Data", fmt.Sprintf("%s: %s to train, %s to test, %s", doc.Data, figure.Count(doc.Train), figure.Count(doc.Test),
			pluralClasses(len(doc.Classes)))},
		{"Task", doc.Task},
		{"Split", fmt.Sprintf("%s, seed %d", splitText(doc.Split), doc.Split.Seed)},
		{"Stored images", stored(doc)},
		{"Sub-images per stored image", formation},
		{"Training steps", steps},
		{"Methods", strings.Join(methodsOf(doc), ", ")},
		{"Models", strings.Join(consumersOf(doc), ", ")},
		{"Seeds", fmt.Sprintf("%d; each decides the split, the distillation, the first weights and the order of batches",
			doc.Seeds)},
		{"Processor", doc.Engine},
	}
}

func pluralClasses(n int) string {
	if n == 1 {
		return "1 class"
	}
	return figure.Count(n) + " classes"
}

// stored says how many images clients send, or the limit of their size.
func stored(doc *study.Document) string {
	if doc.Budget > 0 {
		return fmt.Sprintf("what fits into %d bytes per client, pixels as %s", doc.Budget, doc.Pixels)
	}
	return fmt.Sprintf("%d per class and client, pixels as %s", doc.IPC, doc.Pixels)
}
