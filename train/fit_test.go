package train

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/distillmesh/distillmesh/train/checkpoint"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/device"
	"github.com/distillmesh/distillmesh/train/kernel"
	"github.com/distillmesh/distillmesh/train/nn"
	"github.com/distillmesh/distillmesh/train/recipe"
)

// blobs are samples that a network can learn: each class has a pattern of its
// own, under noise.
func blobs(n int, shape data.Shape, classes int, soft bool) *data.Samples {
	rng := rand.New(rand.NewPCG(uint64(n), 3))
	patterns := make([][]float32, classes)
	for c := range patterns {
		patterns[c] = make([]float32, shape.Size())
		for i := range patterns[c] {
			patterns[c][i] = float32(rng.NormFloat64())
		}
	}
	s := &data.Samples{Shape: shape, Classes: classes}
	for i := range n {
		c := i % classes
		s.Y = append(s.Y, c)
		for _, v := range patterns[c] {
			s.X = append(s.X, v+0.5*float32(rng.NormFloat64()))
		}
		if soft {
			for k := range classes {
				p := float32(0.1) / float32(classes)
				if k == c {
					p += 0.9
				}
				s.Soft = append(s.Soft, p)
			}
		}
	}
	return s
}

func network(t testing.TB, name string, s *data.Samples) *nn.Network {
	t.Helper()
	n, err := nn.Parse(name, s.Shape, s.Classes)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

var digit = data.Shape{C: 1, H: 28, W: 28}

// fewer is few with -short, as under emulation, and many otherwise.
func fewer[T any](few, many T) T {
	if testing.Short() {
		return few
	}
	return many
}

func TestFitLearns(t *testing.T) {
	for name, c := range map[string]struct {
		network string
		soft    bool
		recipe  recipe.Recipe
	}{
		"lenet with adam": {"lenet", false, recipe.Recipe{Optimizer: recipe.Adam, LR: 1e-3, WeightDecay: 1e-4, Batch: 20,
			MinSteps: 40}},
		"mlp with sgd": {"mlp", false, recipe.Recipe{Optimizer: recipe.SGD, LR: 0.02, Momentum: 0.9, Batch: 32,
			MinSteps: 40}},
		"soft labels": {"mlp", true, recipe.Recipe{Optimizer: recipe.Adam, LR: 1e-3, Batch: 32, MinSteps: 40}},
	} {
		t.Run(name, func(t *testing.T) {
			s := blobs(100, fewer(data.Shape{C: 1, H: 20, W: 20}, digit), 10, c.soft)
			var losses []float64
			m, err := Fit(context.Background(), network(t, c.network, s), s, c.recipe,
				Options{Device: device.Choice{Workers: 2}, Hook: func(p Progress) error {
					losses = append(losses, p.Loss)
					return nil
				}})
			if err != nil {
				t.Fatal(err)
			}
			a, err := Evaluate(context.Background(), m, s)
			if err != nil || a.Fraction() < 0.95 {
				t.Errorf("accuracy on the training samples %v (%v), losses %v", a, err, losses)
			}
			if math.Abs(losses[0]-math.Log(10)) > 0.6 || len(losses) != 40 {
				t.Errorf("%d losses, the first %v", len(losses), losses[0])
			}
		})
	}
}

func sameBits(t *testing.T, a, b [][]float32) {
	t.Helper()
	for i := range a {
		for j := range a[i] {
			if math.Float32bits(a[i][j]) != math.Float32bits(b[i][j]) {
				t.Fatalf("parameter %d, value %d: %v and %v", i, j, a[i][j], b[i][j])
			}
		}
	}
}

func TestFitGivesTheSameBitsForAnyWorkerCount(t *testing.T) {
	s := blobs(90, fewer(data.Shape{C: 1, H: 12, W: 12}, digit), 10, false) // batches of 50 and 40
	r := recipe.Recipe{Optimizer: recipe.Adam, LR: 1e-3, WeightDecay: 1e-4, Batch: 50, MinSteps: fewer(8, 200),
		Augment: "dsa"}
	var first [][]float32
	for _, workers := range []int{1, 2, 4} {
		m, err := Fit(context.Background(), network(t, "lenet", s), s, r,
			Options{Seed: 4, Device: device.Choice{Workers: workers}})
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = m.Params
		}
		sameBits(t, first, m.Params)
	}
	other, err := Fit(context.Background(), network(t, "lenet", s), s, r, Options{Seed: 5})
	if err != nil {
		t.Fatal(err)
	}
	if other.Params[0][0] == first[0][0] {
		t.Error("another seed gives the same values")
	}
}

func TestAugmentationChangesTheTraining(t *testing.T) {
	s := blobs(20, data.Shape{C: 1, H: 12, W: 12}, 4, false)
	r := recipe.Recipe{Optimizer: recipe.Adam, LR: 1e-3, Batch: 16, MinSteps: fewer(12, 20)}
	first := map[float32]string{}
	for _, augment := range []string{"", "affine", "dsa", "dsa-noflip"} {
		r.Augment = augment
		m, err := Fit(context.Background(), network(t, "lenet", s), s, r, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if other, ok := first[m.Params[0][0]]; ok {
			t.Errorf("%q and %q give the same", augment, other)
		}
		first[m.Params[0][0]] = augment
	}
	for what, change := range map[string]func(r *recipe.Recipe){"cutmix": func(r *recipe.Recipe) { r.CutMix = 0.5 },
		"elastic": func(r *recipe.Recipe) { r.Elastic = 1 }, "smooth": func(r *recipe.Recipe) { r.Smooth = 0.1 }} {
		r := r
		change(&r)
		if m, err := Fit(context.Background(), network(t, "lenet", s), s, r,
			Options{}); err != nil || first[m.Params[0][0]] != "" {
			t.Errorf("%s changes nothing: %v", what, err)
		}
	}
}

func TestResumeGivesTheBitsOfAnUninterruptedRun(t *testing.T) {
	steps := fewer(18, 30)
	for name, r := range map[string]recipe.Recipe{
		"adam":      {Optimizer: recipe.Adam, LR: 1e-3, WeightDecay: 1e-4, Batch: 16, MinSteps: steps},
		"sgd":       {Optimizer: recipe.SGD, LR: 1e-2, Momentum: 0.9, Batch: 16, MinSteps: steps},
		"augmented": {Optimizer: recipe.Adam, LR: 1e-3, Batch: 16, MinSteps: steps, Augment: "affine"},
		"mixed":     {Optimizer: recipe.Adam, LR: 1e-3, Batch: 16, MinSteps: steps, CutMix: 0.7},
		"elastic":   {Optimizer: recipe.Adam, LR: 1e-3, Batch: 16, MinSteps: steps, Elastic: 1.5, Smooth: 0.2},
	} {
		t.Run(name, func(t *testing.T) {
			s := blobs(40, data.Shape{C: 1, H: 12, W: 12}, 4, false)
			net := network(t, "lenet", s)
			whole, err := Fit(context.Background(), net, s, r, Options{Seed: 1})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(context.Background())
			_, err = Fit(ctx, net, s, r, Options{Seed: 1, Hook: func(p Progress) error {
				if p.Step == 13 {
					cancel()
				}
				return nil
			}})
			var stopped *Interrupted
			if !errors.As(err, &stopped) || !errors.Is(err, context.Canceled) || stopped.Step != 13 {
				t.Fatalf("interrupted run gave %v", err)
			}
			rest, err := Fit(context.Background(), net, s, r, Options{Seed: 1, Resume: stopped.State})
			if err != nil {
				t.Fatal(err)
			}
			sameBits(t, whole.Params, rest.Params)
			if _, err := Fit(context.Background(), net, s, r, Options{Seed: 2, Resume: stopped.State}); !errors.Is(err,
				checkpoint.ErrState) {
				t.Errorf("a state of another seed gave %v", err)
			}
			other := Options{Seed: 1, Resume: stopped.State, Device: device.Choice{Name: device.Gorgonia}}
			if _, err := Fit(context.Background(), net, s, r, other); !errors.Is(err, checkpoint.ErrState) {
				t.Errorf("a state of another engine gave %v", err)
			}
		})
	}
}

func TestCheckpointsResumeAndHooksSeeTheClock(t *testing.T) {
	s := blobs(20, data.Shape{C: 1, H: 1, W: 9}, 3, false)
	net, r := network(t, "mlp", s), recipe.Recipe{Optimizer: recipe.Adam, LR: 1e-3, Batch: 50, Epochs: 9}
	var states [][]byte
	now, elapsed := time.Unix(0, 0), time.Duration(0)
	whole, err := Fit(context.Background(), net, s, r, Options{CheckpointEvery: 4, HookEvery: 4,
		Checkpoint: func(state []byte) error { states = append(states, state); return nil },
		Hook:       func(p Progress) error { elapsed = p.Elapsed; return nil },
		Now:        func() time.Time { now = now.Add(time.Second); return now }})
	if err != nil || len(states) != 2 || elapsed != 3*time.Second {
		t.Fatalf("%d states, %v elapsed, %v", len(states), elapsed, err)
	}
	for _, st := range states {
		rest, err := Fit(context.Background(), net, s, r, Options{Resume: st})
		if err != nil {
			t.Fatal(err)
		}
		sameBits(t, whole.Params, rest.Params)
	}
	failed := errors.New("disk full")
	if _, err := Fit(context.Background(), net, s, r, Options{CheckpointEvery: 1,
		Checkpoint: func([]byte) error { return failed }}); !errors.Is(err, failed) {
		t.Errorf("a failing checkpoint gave %v", err)
	}
}

func TestFitRefusesSamplesThatDoNotFit(t *testing.T) {
	good := blobs(6, data.Shape{C: 1, H: 1, W: 4}, 3, false)
	net := network(t, "mlp", good)
	for name, spoil := range map[string]func(s *data.Samples){
		"none":                 func(s *data.Samples) { s.X, s.Y = nil, nil },
		"another shape":        func(s *data.Samples) { s.Shape.W = 2 },
		"too few values":       func(s *data.Samples) { s.X = s.X[1:] },
		"a label out of range": func(s *data.Samples) { s.Y = []int{0, 1, 2, 3, 0, 0} },
	} {
		s := *good
		spoil(&s)
		if _, err := Fit(context.Background(), net, &s, recipe.Default(), Options{}); !errors.Is(err, ErrSamples) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// stepper is a loop made ready for steady steps.
func stepper(t testing.TB, batch, workers int, augment string) *loop {
	t.Helper()
	s := blobs(10*batch, digit, 10, false)
	r := recipe.Default()
	r.Batch, r.Augment = batch, augment
	l, err := newLoop(network(t, "lenet", s), s, r, Options{Device: device.Choice{Workers: workers}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.engine.Close)
	if err := l.step(); err != nil {
		t.Fatal(err)
	}
	return l
}

func TestASteadyStepAllocatesNothing(t *testing.T) {
	for augment, workers := range map[string]int{"": 1, "affine": 2, "dsa": 1} {
		l := stepper(t, fewer(4, 50), workers, augment)
		if err := l.step(); err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(fewer(3, 20), func() { l.step() }); n != 0 {
			t.Errorf("%v allocations a step with %d workers, augmentation %q", n, workers, augment)
		}
	}
}

func BenchmarkLeNetStep(b *testing.B) {
	b.Logf("kernels: %s", kernel.Name())
	for _, c := range []struct {
		name           string
		batch, workers int
		augment        string
	}{{"batch=50/workers=1", 50, 1, ""}, {"batch=50/workers=2", 50, 2, ""}, {"batch=20/workers=1", 20, 1,
		""}, {"batch=50/workers=1/affine", 50, 1, "affine"}} {
		b.Run(c.name, func(b *testing.B) {
			l := stepper(b, c.batch, c.workers, c.augment)
			b.ReportAllocs()
			for b.Loop() {
				if err := l.step(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(c.batch*b.N)/b.Elapsed().Seconds(), "samples/s")
		})
	}
}

// BenchmarkTwoFits trains two networks at once, one worker each, as training
// seeds are run on two cores.
func BenchmarkConvNetStep(b *testing.B) {
	s := blobs(100, digit, 10, false)
	r := recipe.Default()
	r.Batch, r.Augment = 40, "affine"
	for _, name := range []string{"convnet3:16", "convnet3:64"} {
		b.Run(name, func(b *testing.B) {
			l, err := newLoop(network(b, name, s), s, r, Options{Device: device.Choice{Workers: 1}})
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(l.engine.Close)
			for b.Loop() {
				if err := l.step(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkTwoFits(b *testing.B) {
	loops := []*loop{stepper(b, 50, 1, ""), stepper(b, 50, 1, "")}
	b.ReportAllocs()
	const steps = 50
	for b.Loop() {
		var wait sync.WaitGroup
		for _, l := range loops {
			wait.Go(func() {
				for range steps {
					if err := l.step(); err != nil {
						b.Error(err)
					}
				}
			})
		}
		wait.Wait()
	}
	b.ReportMetric(float64(len(loops)*steps*50*b.N)/b.Elapsed().Seconds(), "samples/s")
}

func TestDivergedTrainingFails(t *testing.T) {
	net, err := nn.Parse("mlp", data.Shape{C: 1, H: 1, W: 4}, 2)
	if err != nil {
		t.Fatal(err)
	}
	s := &data.Samples{Shape: net.Shape, Classes: 2, X: []float32{3, -2, 5, 1, -4, 2, 1, -1}, Y: []int{0, 1}}
	r := recipe.Recipe{Optimizer: recipe.SGD, LR: 1000, WeightDecay: 1, Batch: 2, Epochs: 200}
	if _, err := Fit(t.Context(), net, s, r, Options{}); !errors.Is(err, ErrDiverged) {
		t.Errorf("%v", err)
	}
	r.Augment, r.LR = "dsa", 0.001
	if _, err := Fit(t.Context(), net, s, r, Options{}); !errors.Is(err, ErrSamples) {
		t.Errorf("a table was augmented: %v", err)
	}
}
