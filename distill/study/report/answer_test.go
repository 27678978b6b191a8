package report

import (
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/distill/study"
	"github.com/distillmesh/distillmesh/distill/trial"
)

// verdict makes a study of dm, its control and one federated run up, with these
// accuracies of seeds 0 and 1 and these bytes.
func verdict(dm, fedavg [2]float64, low, high float64, up, fedUp int64) *study.Document {
	d := &study.Document{Data: "made-up", Classes: make([]string, 10), Seeds: 2, Train: 1000}
	add := func(method string, accuracy [2]float64, s study.Summary) {
		s.Method, s.Consumer = method, "lenet"
		s.Accuracy = trial.Spread{Mean: (accuracy[0] + accuracy[1]) / 2, Std: 0.01, N: 2}
		d.Summary = append(d.Summary, s)
		for seed, a := range accuracy {
			d.Rows = append(d.Rows, study.Row{Method: method, Consumer: "lenet", Seed: seed, Result: trial.Result{Accuracy: a}})
		}
	}
	add("random", [2]float64{0.4, 0.4}, study.Summary{})
	add("dm", dm, study.Summary{Images: 20, BytesUp: up, Control: "random",
		MinusRandom: &trial.Interval{Mean: (low + high) / 2, Low: &low, High: &high, N: 2}})
	add("fedavg:rounds=3", fedavg, study.Summary{BytesUp: fedUp})
	return d
}

func TestTheAnswerClaimsWhatWasMeasured(t *testing.T) {
	steady := [2]float64{0.8, 0.8}
	for name, c := range map[string]struct {
		doc         *study.Document
		want, never []string
	}{
		"ahead of both": {verdict(steady, [2]float64{0.6, 0.6}, 0.1, 0.2, 50_000, 2_500_000),
			[]string{"Best: dm on lenet, 80.0 ± 1.0 % from 20 stored images, 50.0 kB up", "Better than random",
				"98.0 % less uplink than FedAvg of lenet in 3 rounds (fedavg:rounds=3, 2.50 MB up)",
				"a higher accuracy than its 60.0 %: +20.0 [+20.0, +20.0] points"}, []string{"hardly learned"}},
		"less accurate than the baseline": {verdict(steady, [2]float64{0.9, 0.9}, 0.1, 0.2, 50_000, 2_500_000),
			[]string{"a lower accuracy than its 90.0 %: −10.0 [−10.0, −10.0] points"}, []string{"higher accuracy"}},
		"as accurate as the baseline": {verdict([2]float64{0.7, 0.9}, steady, 0.1, 0.2, 50_000, 2_500_000),
			[]string{"at the same accuracy, 80.0 %"}, []string{"higher", "lower"}},
		"a little ahead by chance": {verdict([2]float64{0.7, 0.92}, steady, 0.1, 0.2, 50_000, 2_500_000),
			[]string{"does not differ significantly from its 80.0 %: +1.0 ["}, []string{"a higher", "a lower"}},
		"a control as good": {verdict(steady, steady, -0.1, 0.2, 50_000, 2_500_000),
			[]string{"No significant difference from random"}, []string{"Better than"}},
		"a better control": {verdict(steady, steady, -0.2, -0.1, 50_000, 2_500_000), []string{"Worse than random"},
			[]string{"Better than"}},
		"more bytes": {verdict(steady, steady, 0.1, 0.2, 2_600_000, 1_000_000),
			[]string{"2.6 times the uplink of FedAvg"}, []string{"less uplink"}},
		"nearly nothing": {verdict(steady, steady, 0.1, 0.2, 1, 1_000_000), []string{"99.99 % less uplink"},
			[]string{"100"}},
		"a baseline that guesses": {verdict(steady, [2]float64{0.1, 0.1}, 0.1, 0.2, 50_000, 2_500_000),
			[]string{"hardly learned here, so the saving says little"}, nil},
	} {
		got := strings.Join(Answer(c.doc), "\n")
		for _, w := range c.want {
			if !strings.Contains(got, w) {
				t.Errorf("%s: no %q in:\n%s", name, w, got)
			}
		}
		for _, w := range c.never {
			if strings.Contains(got, w) {
				t.Errorf("%s: %q in:\n%s", name, w, got)
			}
		}
	}
}

func TestTheAnswerWithoutBaselines(t *testing.T) {
	one := usual()
	one.seeds, one.methods = 1, []string{"random", "gmm"}
	if got := strings.Join(Answer(one.document()), " "); !strings.Contains(got, "single pair of runs") ||
		strings.Contains(got, "uplink") || strings.Contains(got, "±") {
		t.Error(got)
	}
	none := usual()
	none.methods = []string{"random", "fedavg"}
	if got := strings.Join(Answer(none.document()), " "); !strings.Contains(got, "No distillation method") ||
		!strings.Contains(got, "one-shot FedAvg of lenet (fedavg)") {
		t.Error(got)
	}
	alone := usual()
	alone.controls = false
	if got := strings.Join(Answer(alone.document()), " "); !strings.Contains(got, "no control") {
		t.Error(got)
	}
}
