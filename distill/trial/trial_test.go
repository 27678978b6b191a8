package trial

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/distill/distilltest"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/device"
	"github.com/distillmesh/distillmesh/train/kernel"
	"github.com/distillmesh/distillmesh/train/model"
	"github.com/distillmesh/distillmesh/train/recipe"
)

var shape = data.Shape{C: 1, H: 8, W: 8}

// samples are of three classes, n each.
func samples(n int) *data.Samples { return distilltest.Samples(shape, 3, []int{0, 1, 2}, n) }

// bench measures on one core.
func bench() *Bench { return &Bench{Test: samples(30), Device: device.Choice{Workers: 1}} }

// short is a run of 120 steps.
func short() Run {
	r := recipe.Default()
	r.MinSteps, r.MaxSteps = 120, 120
	return Run{Label: "real", Consumer: "mlp", Samples: samples(20), Print: "p", Recipe: r, Seed: 3, Points: 4}
}

func TestACurveHasItsPointsAndEndsWithTheLastIterate(t *testing.T) {
	for points, want := range map[int][]int{0: {120}, 1: {120}, 4: {30, 60, 90, 120}, 7: {18, 35, 52, 69, 86, 103, 120}} {
		run := short()
		run.Points = points
		got, err := bench().Measure(t.Context(), run)
		if err != nil {
			t.Fatal(err)
		}
		var steps []int
		best := 0.0
		for _, p := range got.Curve {
			steps, best = append(steps, p.Step), max(best, p.Accuracy)
		}
		if !slices.Equal(steps, want) || got.Steps != 120 {
			t.Errorf("%d points at %v of %d, want %v", points, steps, got.Steps, want)
		}
		if last := got.Curve[len(got.Curve)-1].Accuracy; got.Accuracy != last || got.BestAccuracy != best ||
			got.Accuracy < 0.5 {
			t.Errorf("%d points: %+v", points, got)
		}
	}
}

func TestAClosedFormHasOnePointAndNoSteps(t *testing.T) {
	run := short()
	run.Consumer, run.Recipe = "ntk:1", recipe.Recipe{}
	got, err := bench().Measure(t.Context(), run)
	if err != nil || len(got.Curve) != 1 || got.Steps != 0 || got.Accuracy < 0.4 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestProgressIsToldEveryFiftyStepsAndAtTheLast(t *testing.T) {
	var steps []int
	run := short()
	run.Progress = func(step int) { steps = append(steps, step) }
	if _, err := bench().Measure(t.Context(), run); err != nil || !slices.Equal(steps, []int{50, 100, 120}) {
		t.Errorf("told %v, %v", steps, err)
	}
}

func TestAResultIsThatOfItsSeedWhateverTheWorkers(t *testing.T) {
	measure := func(seed uint64, workers int) []Point {
		b, run := bench(), short()
		b.Device.Workers, run.Seed = workers, seed
		got, err := b.Measure(t.Context(), run)
		if err != nil {
			t.Fatal(err)
		}
		return got.Curve
	}
	if one, three := measure(1, 1), measure(1, 3); !slices.Equal(one, three) {
		t.Errorf("%v on one core, %v on three", one, three)
	}
	if slices.Equal(measure(1, 1), measure(2, 1)) {
		t.Error("two seeds give one curve")
	}
}

// A finished run is read: there are no samples to train on again.
func TestAFinishedRunIsNotRepeated(t *testing.T) {
	s, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	b := bench()
	b.Store, b.Identity = s, []any{"task", "test set"}
	quick := short()
	quick.Recipe.MinSteps, quick.Recipe.MaxSteps = 3, 3
	first, err := b.Measure(t.Context(), quick)
	if err != nil {
		t.Fatal(err)
	}
	again := quick
	again.Samples = nil
	second, err := b.Measure(t.Context(), again)
	if err != nil || !reflect.DeepEqual(first, second) {
		t.Errorf("%+v, then %+v, %v", first, second, err)
	}
	for name, change := range map[string]func(*Bench, *Run){
		"another identity": func(b *Bench, _ *Run) { b.Identity = []any{"task", "another test set"} },
		"other samples":    func(_ *Bench, r *Run) { r.Print = "q" },
		"another consumer": func(_ *Bench, r *Run) { r.Consumer = "ntk:1" },
		"another recipe":   func(_ *Bench, r *Run) { r.Recipe.LR /= 2 },
		"another seed":     func(_ *Bench, r *Run) { r.Seed++ },
		"another curve":    func(_ *Bench, r *Run) { r.Points++ },
	} {
		other, run := *b, quick
		change(&other, &run)
		before := records(t, s)
		if _, err := other.Measure(t.Context(), run); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if records(t, s) != before+1 {
			t.Errorf("%s is taken for the run that was finished", name)
		}
	}
}

// records counts the files of a store.
func records(t *testing.T, s *Store) int {
	t.Helper()
	entries, err := os.ReadDir(s.Path(runsFolder))
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestARunThatFailsLeavesNoResult(t *testing.T) {
	s, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	b := bench()
	b.Store = s
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := b.Measure(ended, short()); !errors.Is(err, context.Canceled) ||
		!strings.Contains(err.Error(), "train mlp on real, seed 3") {
		t.Errorf("interrupted: %v", err)
	}
	unknown := short()
	unknown.Consumer = "transformer"
	if _, err := b.Measure(t.Context(), unknown); !errors.Is(err, model.ErrUnknown) {
		t.Errorf("unknown model: %v", err)
	}
	absent := short()
	b.Device.Name = "cuda:0"
	if _, err := b.Measure(t.Context(), absent); !errors.Is(err, device.ErrUnavailable) {
		t.Errorf("unavailable device: %v", err)
	}
	if _, err := os.ReadDir(s.Path(runsFolder)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("something was kept: %v", err)
	}
}

// Documents of studies and records in their folders have these names.
func TestAResultKeepsItsKeys(t *testing.T) {
	doc, err := json.Marshal(Result{Steps: 5, Curve: []Point{{5, 0.5}}})
	want := `{"steps":5,"accuracy":0,"best_accuracy":0,"curve":[{"step":5,"accuracy":0.5}],` +
		`"train_seconds":0,"peak_rss_mib":0}`
	if err != nil || string(doc) != want {
		t.Errorf("%s, want %s", doc, want)
	}
}

func TestTheEngineIsNamedByWhatResultsDependOn(t *testing.T) {
	for name, want := range map[string]string{"": kernel.Name(), device.CPU: kernel.Name(),
		device.Gorgonia: "gorgonia, " + kernel.Name()} {
		if got, err := Engine(device.Choice{Name: name}); err != nil || got != want {
			t.Errorf("%q: %q, %v, want %q", name, got, err, want)
		}
	}
	if _, err := Engine(device.Choice{Name: "cuda:0"}); !errors.Is(err, device.ErrUnavailable) {
		t.Errorf("%v", err)
	}
}

func TestAWatchKeepsTheLargest(t *testing.T) {
	m := &Memory{open: map[*Watch]bool{}}
	early := m.Watch()
	m.sample(1e9)
	late := m.Watch()
	m.sample(1e8)
	early.Stop()
	m.sample(1e10)
	if early.MiB() != 1e9 || late.MiB() != 1e10 {
		t.Errorf("%v and %v", early.MiB(), late.MiB())
	}
	var none *Memory
	if w := none.Watch(); w.MiB() != 0 {
		t.Errorf("without a measurement %v", w.MiB())
	} else {
		w.Stop()
	}
	sampling := NewMemory()
	if got := sampling.Watch().MiB(); got < 1 {
		t.Errorf("this process has %v MiB", got)
	}
	sampling.Stop()
}
