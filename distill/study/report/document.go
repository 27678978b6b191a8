package report

import (
	"fmt"
	"slices"

	"github.com/distillmesh/distillmesh/distill/figure"
	"github.com/distillmesh/distillmesh/distill/study"
	"github.com/distillmesh/distillmesh/distill/trial"
	"github.com/distillmesh/distillmesh/train/data"
)

// consumersOf lists consumers in the document's order.
func consumersOf(doc *study.Document) (out []string) {
	for _, s := range doc.Summary {
		if !slices.Contains(out, s.Consumer) {
			out = append(out, s.Consumer)
		}
	}
	return out
}

// methodsOf lists methods in the document's order.
func methodsOf(doc *study.Document) (out []string) {
	for _, s := range doc.Summary {
		if !slices.Contains(out, s.Method) {
			out = append(out, s.Method)
		}
	}
	return out
}

// summaryOf are the lines of one consumer.
func summaryOf(doc *study.Document, consumer string) (out []study.Summary) {
	for _, s := range doc.Summary {
		if s.Consumer == consumer {
			out = append(out, s)
		}
	}
	return out
}

// rowsOf are the runs of a method on a consumer.
func rowsOf(doc *study.Document, method, consumer string) (out []study.Row) {
	for _, r := range doc.Rows {
		if r.Method == method && r.Consumer == consumer {
			out = append(out, r)
		}
	}
	return out
}

// setting describes the data and the split in a few words.
func setting(doc *study.Document) string {
	return fmt.Sprintf("%s, %s, %s", doc.Data, splitText(doc.Split), figure.Plural(doc.Seeds, "seed"))
}

func splitText(s data.Split) string {
	clients := figure.Plural(s.Clients, "client")
	switch s.Kind {
	case data.Ring:
		return fmt.Sprintf("%s of %s", clients, pluralEach(s.PerClient))
	case data.Dirichlet:
		return fmt.Sprintf("%s, Dirichlet %g", clients, s.Alpha)
	}
	return clients + ", " + string(s.Kind)
}

func pluralEach(classes int) string {
	if classes == 1 {
		return "1 class each"
	}
	return fmt.Sprintf("%d classes each", classes)
}

// spreadText writes mean, deviation and number of a spread.
func spreadText(s trial.Spread) string {
	if s.N < 2 {
		return figure.Percent(s.Mean) + " [1]"
	}
	return fmt.Sprintf("%.1f ± %.1f %% [%d]", 100*s.Mean, 100*s.Std, s.N)
}

// intervalText writes a difference in points with its interval.
func intervalText(i *trial.Interval) string {
	if i.Low == nil {
		return figure.Points(i.Mean)
	}
	return fmt.Sprintf("%s [%s, %s]", figure.Points(i.Mean), figure.Points(*i.Low), figure.Points(*i.High))
}
