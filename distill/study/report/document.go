package report

import (
	"fmt"
	"slices"
	"strconv"

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

// setting is what was split how, in a few words.
func setting(doc *study.Document) string {
	return fmt.Sprintf("%s, %s, %s", doc.Data, splitText(doc.Split), plural(doc.Seeds, "seed"))
}

func splitText(s data.Split) string {
	clients := plural(s.Clients, "client")
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

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return count(n) + " " + what + "s"
}

// count writes an integer with a comma every three digits.
func count[T int | int64](n T) string {
	s := strconv.FormatInt(int64(n), 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// percent writes a fraction to a tenth of a point.
func percent(share float64) string { return fmt.Sprintf("%.1f %%", 100*share) }

// points writes a difference of fractions, its sign always.
func points(share float64) string {
	s := fmt.Sprintf("%+.1f", 100*share)
	if s == "-0.0" || s == "+0.0" {
		return "0.0"
	}
	if s[0] == '-' {
		return "−" + s[1:]
	}
	return s
}

// spreadText writes mean, deviation and number of a spread.
func spreadText(s trial.Spread) string {
	if s.N < 2 {
		return percent(s.Mean) + " [1]"
	}
	return fmt.Sprintf("%.1f ± %.1f %% [%d]", 100*s.Mean, 100*s.Std, s.N)
}

// intervalText writes a difference in points with its interval.
func intervalText(i *trial.Interval) string {
	if i.Low == nil {
		return points(i.Mean)
	}
	return fmt.Sprintf("%s [%s, %s]", points(i.Mean), points(*i.Low), points(*i.High))
}
