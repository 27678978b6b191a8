// Package report renders a ranking as one self-contained page. It computes nothing that the
// document does not hold, and the same document always gives the same bytes.
package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"strings"
	"time"

	"github.com/distillmesh/distillmesh/distill/figure"
	"github.com/distillmesh/distillmesh/distill/rank"
	"github.com/distillmesh/distillmesh/distill/text"
	"github.com/distillmesh/distillmesh/distill/trial"
)

//go:embed page.html
var pageHTML string

var pageTemplate = figure.PageTemplate(pageHTML, nil)

// view is what the page's template sees.
type view struct {
	figure.Page
	Figure template.HTML
	Groups []group
	Notes  []string
	Costs  bool // the lines say what they took
}

// group is the table's lines of one model.
type group struct {
	Model string
	Lines []line
}

// line is one line of the table.
type line struct {
	Set, Images, Bytes                             string
	Own, Hard, Random, Same, Real                  string
	HLR, IOR, LRS, ARS, Best                       string
	SynAug, SynPlain, RandomAug, RandomPlain, Rate string
	Seconds, MiB                                   string
}

// Page writes the page of a document; command is what made it.
func Page(doc *rank.Document, command string) ([]byte, error) {
	drawn, err := gains(doc).Inline()
	if err != nil {
		return nil, err
	}
	v := view{Page: figure.Page{Verb: "rank", Brand: "ranking", Title: "How good are these sets for " + doc.Data + "?",
		Answer: Answer(doc), Command: command, Facts: facts(doc)}, Figure: drawn, Notes: doc.Notes, Costs: doc.Costs != nil}
	for _, model := range models(doc) {
		g := group{Model: model}
		for i, r := range doc.Rows {
			if r.Model == model {
				g.Lines = append(g.Lines, lineOf(r))
				if doc.Costs != nil {
					c := doc.Costs.Rows[i]
					last := &g.Lines[len(g.Lines)-1]
					last.Seconds, last.MiB = fmt.Sprintf("%.0f", c.TrainSeconds), fmt.Sprintf("%.0f", c.PeakRSS)
				}
			}
		}
		v.Groups = append(v.Groups, g)
	}
	var out bytes.Buffer
	err = pageTemplate.Execute(text.NewWriter(&out), v)
	return out.Bytes(), err
}

// models are those of the document, in order.
func models(doc *rank.Document) (out []string) {
	for _, r := range doc.Rows {
		if len(out) == 0 || out[len(out)-1] != r.Model {
			out = append(out, r.Model)
		}
	}
	return out
}

// Answer says for each model which set has the best score, and whether any gains over random
// real images of the same bytes.
func Answer(doc *rank.Document) (out []string) {
	for _, model := range models(doc) {
		var best *rank.Row
		ahead, compared := 0, 0
		for i, r := range doc.Rows {
			if r.Model != model || r.LRS == nil {
				continue
			}
			if best == nil || r.LRS.Mean > best.LRS.Mean {
				best = &doc.Rows[i]
			}
			if r.AccRandomBytes != nil {
				compared++
				if r.AccSynOwn.Mean > r.AccRandomBytes.Mean+r.AccRandomBytes.Std+r.AccSynOwn.Std {
					ahead++
				}
			}
		}
		if best == nil {
			continue
		}
		s := fmt.Sprintf("On %s %s has the best LRS, %s: it gives %s, of %s with all data.", model, best.Set,
			percent(best.LRS), percent(best.AccSynOwn), percent(best.AccReal))
		if compared > 0 {
			s += fmt.Sprintf(" %d of %d sets are ahead of random real images of the same bytes by more than both deviations.",
				ahead, compared)
		}
		out = append(out, s)
	}
	for _, t := range doc.Tau {
		out = append(out, fmt.Sprintf("%s and %s order %d sets by LRS with Kendall's tau %.2f.", t.Models[0], t.Models[1],
			t.Sets, t.Tau))
	}
	return out
}

func lineOf(r rank.Row) line {
	l := line{Set: r.Set, Images: figure.Count(r.Images), Bytes: text.Bytes(r.Bytes), Own: percent(r.AccSynOwn),
		Hard: percent(r.AccSynHard), Random: percent(r.AccRandomOwn), Same: percent(r.AccRandomBytes),
		Real: percent(r.AccReal), HLR: percent(r.HLR), IOR: percent(r.IOR), LRS: percent(r.LRS), ARS: percent(r.ARS),
		SynAug: percent(r.AccSynAug), SynPlain: percent(r.AccSynNoAug), RandomAug: percent(r.AccRandomAug),
		RandomPlain: percent(r.AccRandomNoAug), Best: "–", Rate: "–"}
	if r.RandomImages > 0 {
		l.Same += fmt.Sprintf(" (%d)", r.RandomImages)
	}
	if r.Best != nil {
		l.Best = percent(r.Best.LRS)
	}
	if rate, ok := r.Rates["syn_own"]; ok {
		l.Rate = fmt.Sprintf("%g", rate)
	}
	return l
}

// percent writes an accuracy or score.
func percent(s *trial.Spread) string {
	switch {
	case s == nil:
		return "–"
	case s.N < 2:
		return fmt.Sprintf("%.1f", 100*s.Mean)
	}
	return fmt.Sprintf("%.1f ± %.1f", 100*s.Mean, 100*s.Std)
}

func facts(doc *rank.Document) [][2]string {
	seeds := 0
	recipes := map[string]bool{}
	var names []string
	for _, r := range doc.Rows {
		seeds = max(seeds, len(r.Seeds))
		if !recipes[r.Recipe.Name] {
			recipes[r.Recipe.Name] = true
			names = append(names, fmt.Sprintf("%s (labels %s, %s, %d epochs, batch %d, augmentation %q)", r.Recipe.Name,
				r.Recipe.Labels, r.Recipe.Train.Optimizer, r.Recipe.Train.Epochs, r.Recipe.Train.Batch, r.Recipe.Train.Augment))
		}
	}
	out := [][2]string{{"data", doc.Data}, {"task", doc.Task},
		{"samples", fmt.Sprintf("%s to draw from, %s held out to choose learning rates, %s to test", figure.Count(doc.Train),
			figure.Count(doc.Validation), figure.Count(doc.Test))},
		{"trials", fmt.Sprintf("%d seeds, the same for sets and controls", seeds)},
		{"all data", fmt.Sprintf("%s of %d epochs", figure.Plural(doc.References, "training"), doc.Epochs)},
		{"recipes", strings.Join(names, "; ")}, {"engine", doc.Engine}}
	if c := doc.Costs; c != nil {
		out = append(out, [2]string{"took", fmt.Sprintf("%s, and at most %.0f MiB of memory; what was kept took nothing",
			(time.Duration(c.WallSeconds * float64(time.Second))).Round(time.Second), c.PeakRSS)})
	}
	return out
}
