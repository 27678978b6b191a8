package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/distillmesh/distillmesh/distill/figure"
	"github.com/distillmesh/distillmesh/distill/study"
	"github.com/distillmesh/distillmesh/distill/text"
	"github.com/distillmesh/distillmesh/distill/trial"
)

// Answer is what a study found, in plain sentences: the best distilled sets
// first, against their control, against federated learning by name, and
// against all data. It claims nothing that the document's runs do not show.
func Answer(doc *study.Document) []string {
	best := bestOf(doc.Summary, distilled)
	if best == nil {
		return append(answerWithoutMethods(doc), warnings(doc)...)
	}
	var out []string
	if doc.Auto != "" {
		out = append(out, "auto chose "+doc.Auto+".")
	}
	out = append(out, fmt.Sprintf("Best: %s on %s, %s from %s, %s up in all.", best.Method, best.Consumer,
		spreadWords(best.Accuracy),
		figure.Plural(best.Images, "stored image"), text.Bytes(best.BytesUp)), againstControl(best))
	if f := baselineOf(doc, best.Consumer); f != nil {
		out = append(out, againstFederated(doc, best, f))
	}
	if b := boundOf(doc, best.Consumer); b != nil {
		out = append(out, fmt.Sprintf("With %s in one place: %s.", boundWords(doc, b), figure.Percent(b.Accuracy.Mean)))
	}
	return append(out, warnings(doc)...)
}

// warnings are those of the runs, each once per method.
func warnings(doc *study.Document) (out []string) {
	without := 0
	for _, held := range doc.Holdings {
		if slices.Max(held) == 0 {
			without++
		}
	}
	if without > 0 {
		out = append(out, fmt.Sprintf("Warning: %d of %d clients hold no samples and take no part (seed 0).",
			without, len(doc.Holdings)))
	}
	for _, r := range doc.Rows {
		for _, w := range r.Warnings {
			if s := fmt.Sprintf("Warning, %s: %s.", r.Method, strings.TrimSuffix(w, ".")); !slices.Contains(out, s) {
				out = append(out, s)
			}
		}
	}
	return out
}

// answerWithoutMethods is for studies that distill nothing.
func answerWithoutMethods(doc *study.Document) []string {
	out := []string{"No distillation method took part."}
	if c := bestOf(doc.Summary, control); c != nil {
		out = append(out, fmt.Sprintf("%s real images reach %s on %s with %s up in all.", figure.Count(c.Images)+" random",
			spreadWords(c.Accuracy), c.Consumer, text.Bytes(c.BytesUp)))
	}
	if f := bestOf(doc.Summary, fed); f != nil {
		out = append(out, fmt.Sprintf("%s (%s) reaches %s with %s up.", strategyWords(f), f.Method, spreadWords(f.Accuracy),
			text.Bytes(f.BytesUp)))
	}
	return out
}

// finding is the answer for one consumer, in sentences.
type finding struct {
	Consumer  string
	Sentences []string
}

// findings are those of each consumer, compared with each of its federated
// runs.
func findings(doc *study.Document) (out []finding) {
	for _, c := range consumersOf(doc) {
		group := summaryOf(doc, c)
		best := bestOf(group, distilled)
		if best == nil {
			continue
		}
		f := finding{c, []string{fmt.Sprintf("%s is best with %s at %s.", best.Method, spreadWords(best.Accuracy),
			text.Bytes(best.BytesUp)), againstControl(best)}}
		for i := range group {
			if kindOf(group[i].Method) == fed {
				f.Sentences = append(f.Sentences, againstFederated(doc, best, &group[i]))
			}
		}
		out = append(out, f)
	}
	return out
}

// bestOf is the most accurate line of a kind, the first of equals; nil when
// there is none.
func bestOf(group []study.Summary, k kind) (best *study.Summary) {
	for i := range group {
		if kindOf(group[i].Method) == k && (best == nil || group[i].Accuracy.Mean > best.Accuracy.Mean) {
			best = &group[i]
		}
	}
	return best
}

// baselineOf is the most accurate federated run of the consumer, or of any when
// the consumer has none.
func baselineOf(doc *study.Document, consumer string) *study.Summary {
	if f := bestOf(summaryOf(doc, consumer), fed); f != nil {
		return f
	}
	return bestOf(doc.Summary, fed)
}

func boundOf(doc *study.Document, consumer string) *study.Summary {
	return bestOf(summaryOf(doc, consumer), bound)
}

func boundWords(doc *study.Document, s *study.Summary) string {
	if s.Images < doc.Train {
		return boundName(doc, *s)
	}
	return "all " + figure.Count(s.Images) + " samples"
}

// againstControl says what the interval supports.
func againstControl(s *study.Summary) string {
	d := s.MinusRandom
	if d == nil {
		return "It has no control of random real images."
	}
	what := s.Control + " (random real images treated alike)"
	switch {
	case d.Low == nil:
		return fmt.Sprintf("%s points against %s in a single pair of runs, which proves little.", figure.Points(d.Mean), what)
	case *d.Low > 0:
		return fmt.Sprintf("Better than %s: %s points.", what, intervalText(d))
	case *d.High < 0:
		return fmt.Sprintf("Worse than %s: %s points.", what, intervalText(d))
	}
	return fmt.Sprintf("No significant difference from %s: %s points.", what, intervalText(d))
}

// againstFederated compares uplink and accuracy with a named baseline; the
// difference in bytes is never given without the difference in accuracy.
func againstFederated(doc *study.Document, s, f *study.Summary) string {
	return fmt.Sprintf("%s %s (%s, %s up), at %s.%s", lessUplink(s.BytesUp, f.BytesUp), strategyWords(f), f.Method,
		text.Bytes(f.BytesUp),
		accuracyAgainst(doc, s, f), learnedNothing(doc, f))
}

func lessUplink(mine, theirs int64) string {
	switch {
	case theirs <= 0 || mine == theirs:
		return "As much uplink as"
	case mine > theirs:
		return fmt.Sprintf("%.1f times the uplink of", math.Ceil(10*float64(mine)/float64(theirs))/10)
	}
	return lessText(1-float64(mine)/float64(theirs)) + " less uplink than"
}

// lessText rounds down, and shows as many digits as keep it below 100.
func lessText(share float64) string {
	for digits := 1; ; digits++ {
		p := math.Pow(10, float64(digits))
		if v := math.Floor(100*share*p) / p; v < 100 && (v < 99.9 || math.Floor(v*10) != v*10) || digits > 6 {
			return fmt.Sprintf("%.*f %%", digits, v)
		}
	}
}

func accuracyAgainst(doc *study.Document, s, f *study.Summary) string {
	d := &trial.Interval{Mean: s.Accuracy.Mean - f.Accuracy.Mean}
	if s.Consumer == f.Consumer {
		if paired := doc.Minus(s.Consumer, s.Method, f.Method); paired != nil {
			d = paired
		}
	}
	theirs := figure.Percent(f.Accuracy.Mean)
	switch words := ": " + intervalText(d) + " points"; {
	case figure.Points(d.Mean) == "0.0":
		return "the same accuracy, " + theirs
	case d.Low != nil && *d.Low <= 0 && *d.High >= 0:
		return "an accuracy that does not differ significantly from its " + theirs + words
	case d.Mean < 0:
		return "a lower accuracy than its " + theirs + words
	default:
		return "a higher accuracy than its " + theirs + words
	}
}

// guessing is how far above chance the accuracy of a baseline must be to count as learned.
const guessing = 1.5

// learnedNothing warns of a baseline near chance, which is easily beaten.
func learnedNothing(doc *study.Document, f *study.Summary) string {
	if n := len(doc.Classes); n > 1 && f.Accuracy.Mean < guessing/float64(n) {
		return " That baseline hardly learned here, so the saving says little; give it more epochs, rounds or another rate."
	}
	return ""
}

// strategyWords names a federated run: its strategy, model and number of rounds.
func strategyWords(f *study.Summary) string {
	words := strings.Split(f.Method, ":")
	name := map[string]string{"fedavg": "FedAvg", "fedprox": "FedProx", "fednova": "FedNova",
		"scaffold": "SCAFFOLD"}[words[0]]
	if name == "" {
		name = words[0]
	}
	for _, w := range words[1:] {
		if n, ok := strings.CutPrefix(w, "rounds="); ok && n != "1" {
			return name + " of " + f.Consumer + " in " + n + " rounds"
		}
	}
	return "one-shot " + name + " of " + f.Consumer
}

// spreadWords is a spread within a sentence.
func spreadWords(s trial.Spread) string {
	if s.N < 2 {
		return figure.Percent(s.Mean) + " in one run"
	}
	return fmt.Sprintf("%.1f ± %.1f %%", 100*s.Mean, 100*s.Std)
}
