// Package trial trains a consumer on samples by a recipe and a seed, and measures
// it: the single run that studies, demonstrations and rankings consist of, with
// its controls, statistics over seeds, and a folder of finished runs.
package trial

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/distillmesh/distillmesh/train"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/device"
	"github.com/distillmesh/distillmesh/train/engine"
	"github.com/distillmesh/distillmesh/train/kernel"
	"github.com/distillmesh/distillmesh/train/model"
	"github.com/distillmesh/distillmesh/train/recipe"
)

// Bench is the setting in which runs are measured. Several goroutines may use one.
type Bench struct {
	// Test are the samples that accuracy is measured on; to choose a setting by
	// it, they must be held out of the training samples.
	Test   *data.Samples
	Device device.Choice
	// Store keeps finished runs, so that they are read and not repeated; nil for
	// none. Identity is then everything that a result depends on besides its Run:
	// fingerprints of the data, and the Engine.
	Store    *Store
	Identity []any
	// Memory measures the peak of a run; nil for no measurement.
	Memory *Memory
}

// Run is one training.
type Run struct {
	Label    string // what the samples are, in file names and errors
	Consumer string // name of a model: lenet, ntk:1
	Samples  *data.Samples
	// Print is the fingerprint of the samples, for runs that a store keeps.
	Print  string
	Recipe recipe.Recipe // for models in closed form only its resolution is used
	Seed   uint64        // decides first values and the order of samples
	// Teacher labels the samples of a network; nil for their own labels.
	Teacher *train.Teacher
	// Points is how many times a network is evaluated along its training, the last
	// iterate included; 0 means 1.
	Points int
	// Progress, when not nil, is called with the number of steps done, at every
	// 50th step and at the last.
	Progress func(step int)
}

// Point is the test accuracy after some steps, or some rounds.
type Point struct {
	Step     int     `json:"step"`
	Accuracy float64 `json:"accuracy"`
}

// Result is what one training gave. Accuracies are fractions.
type Result struct {
	Steps    int64   `json:"steps,omitempty"` // of a federated run the local steps of all clients
	Accuracy float64 `json:"accuracy"`        // of the last iterate
	// BestAccuracy is the best of the curve: chosen on the test set, so it only
	// compares with results that were chosen in the same way.
	BestAccuracy float64 `json:"best_accuracy"`
	Curve        []Point `json:"curve,omitempty"`
	TrainSeconds float64 `json:"train_seconds"`
	PeakRSS      float64 `json:"peak_rss_mib"` // of the process during the run, parallel runs included
}

// progressEvery is how many steps pass between two calls of Run.Progress.
const progressEvery = 50

// Engine names what computes on a device, as far as results depend on it: the
// instruction set of the processor, and the engine of networks if it is not the
// default. It fails with device.ErrUnavailable.
func Engine(on device.Choice) (string, error) {
	e, err := engine.Open(on)
	if err != nil {
		return "", err
	}
	defer e.Close()
	if name := e.Name(); !strings.HasPrefix(name, device.CPU+" ") {
		return name + ", " + kernel.Name(), nil
	}
	return kernel.Name(), nil
}

// Measure returns the result of a run from the store, or trains, evaluates and
// stores it.
func (b *Bench) Measure(ctx context.Context, r Run) (Result, error) {
	fail := func(err error) (Result, error) {
		return Result{}, fmt.Errorf("train %s on %s, seed %d: %w", r.Consumer, r.Label, r.Seed, err)
	}
	spec, err := model.Parse(r.Consumer, b.Test.Shape, b.Test.Classes)
	if err != nil {
		return fail(err)
	}
	r.Points = max(1, r.Points)
	record := ""
	if b.Store != nil {
		key := Key{Parts: []any{b.Identity, r.Print, r.Consumer, r.Recipe, r.Points, r.Seed},
			Words: []any{r.Label, r.Consumer, fmt.Sprintf("s%d", r.Seed)}}
		if r.Teacher != nil {
			key.Parts = append(key.Parts, r.Teacher.Identity())
		}
		name, err := key.Name()
		if err != nil {
			return fail(err)
		}
		record = b.Store.Run(name)
		if result, done := ReadRecord[Result](record); done {
			return result, nil
		}
	}
	watch := b.Memory.Watch()
	defer watch.Stop()
	began := time.Now()
	result, err := b.train(ctx, spec, r)
	if err != nil {
		return fail(err)
	}
	result.Finish(time.Since(began), watch)
	if record != "" {
		if err := WriteRecord(record, result); err != nil {
			return fail(err)
		}
	}
	return result, nil
}

// train fits the model and evaluates it along a curve.
func (b *Bench) train(ctx context.Context, spec *model.Spec, r Run) (out Result, err error) {
	evaluate := func(step int, m train.Classifier) error {
		a, err := train.Evaluate(ctx, m, b.Test)
		out.Curve = append(out.Curve, Point{step, a.Fraction()})
		return err
	}
	hook := func(p train.Progress) error {
		if r.Progress != nil && (p.Step%progressEvery == 0 || p.Step == p.Steps) {
			r.Progress(p.Step)
		}
		if p.Step == p.Steps || p.Step*r.Points/p.Steps == (p.Step-1)*r.Points/p.Steps {
			return nil
		}
		m, err := p.Model()
		if err != nil {
			return err
		}
		return evaluate(p.Step, m)
	}
	trained, err := spec.Fit(ctx, r.Samples, r.Recipe, train.Options{Seed: r.Seed, Device: b.Device, Hook: hook,
		Teacher: r.Teacher})
	if err != nil {
		return Result{}, err
	}
	if spec.Iterative() {
		out.Steps = int64(r.Recipe.Steps(r.Samples.Len()))
	}
	return out, evaluate(int(out.Steps), trained)
}

// Finish fills in the fields that follow from the curve, which has at least one point, and from the clock.
func (r *Result) Finish(took time.Duration, watch *Watch) {
	r.Accuracy = r.Curve[len(r.Curve)-1].Accuracy
	for _, p := range r.Curve {
		r.BestAccuracy = max(r.BestAccuracy, p.Accuracy)
	}
	r.TrainSeconds, r.PeakRSS = took.Seconds(), watch.MiB()
}
