package kip

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/distilltest"
	"github.com/distillmesh/distillmesh/train"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/device"
	"github.com/distillmesh/distillmesh/train/ntk"
)

func with(t *testing.T, settings map[string]string) distill.Method {
	t.Helper()
	m, err := Default().With(settings)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestEveryVariantConforms(t *testing.T) {
	for name, settings := range map[string]map[string]string{
		"noise, fixed labels": {"start": "noise", "labels": "fixed", "steps": "60"},
		"learned labels":      {"labels": "learned", "steps": "100"},
		"real, small batches": {"start": "real", "targets": "9", "steps": "40", "depth": "3"},
	} {
		t.Run(name, func(t *testing.T) { distilltest.Run(t, with(t, settings)) })
	}
}

func TestOfficialStandsForItsSettings(t *testing.T) {
	got := with(t, map[string]string{"official": "true"}).Settings()
	for name, want := range map[string]string{"depth": "4", "lr": "0.004", "targets": "10", "labels": "fixed",
		"start": "real", "steps": "3000"} {
		if got[name] != want {
			t.Errorf("%s=%s, want %s", name, got[name], want)
		}
	}
	if got := with(t, map[string]string{"official": "true", "targets": "20"}).Settings()["targets"]; got != "20" {
		t.Errorf("targets=20 beside official=true gives %s", got)
	}
	local := distilltest.Samples(data.Shape{C: 1, H: 4, W: 4}, 10, []int{1, 2, 3}, 20)
	if _, err := with(t, map[string]string{"official": "true"}).Distill(context.Background(),
		distill.Request{Samples: local, IPC: 1}); !errors.Is(err, distill.ErrOption) {
		t.Errorf("10 targets for 3 classes: got %v, want ErrOption", err)
	}
}

// On classes that are easy to tell, the official loop stops at its first batch
// and publishes its starting points: real samples, standardized again.
func TestOfficialStopsAtALuckyBatch(t *testing.T) {
	local := distilltest.Samples(data.Shape{C: 1, H: 5, W: 5}, 10, []int{4, 6}, 40)
	last := distill.Progress{}
	var state []byte
	req := distill.Request{Samples: local, IPC: 1, Progress: func(p distill.Progress) { last = p },
		Checkpoint: func(b []byte) error { state = slices.Clone(b); return nil }}
	r, err := Official().Distill(context.Background(), req)
	if err != nil {
		t.Fatal(err)
	}
	d, err := distill.Disclose(context.Background(), r.Images, standardized(local), data.NewFormation(1))
	if err != nil {
		t.Fatal(err)
	}
	if last.Done > 20 || last.Done != last.Total || !d.ContainsReal() || r.SmallestGroup != 1 || r.Images.Soft != nil ||
		r.Consumer != "ntk:4" {
		t.Errorf("stopped at %+v, nearest_real %.3f, consumer %s", last, d.NearestReal(), r.Consumer)
	}
	stopped, reports := last, 0
	req.Resume, req.Progress = state, func(p distill.Progress) { last, reports = p, reports+1 }
	again, err := Official().Distill(context.Background(), req)
	if err != nil || reports != 1 || last != stopped || !slices.Equal(again.Images.X, r.Images.X) {
		t.Errorf("resumed at the end: %d reports, last %+v, want %+v, error %v", reports, last, stopped, err)
	}
}

func TestStepsFallWithTheBudget(t *testing.T) {
	for _, c := range []struct {
		color bool
		ipc   int
		want  int
	}{{false, 1, 1000}, {false, 10, 600}, {false, 50, 250}, {false, 500, 250}, {true, 10, 500}, {true, 50, 150}, {false,
		3, 809}} {
		if got := defaultSteps(c.color, c.ipc); got != c.want {
			t.Errorf("color %t, %d images per class: %d steps, want %d", c.color, c.ipc, got, c.want)
		}
	}
}

func TestLabelsAreLearnedOnlyWithEveryClassAtHand(t *testing.T) {
	all := distilltest.Samples(data.Shape{C: 1, H: 3, W: 3}, 2, []int{0, 1}, 20)
	some := distilltest.Samples(data.Shape{C: 1, H: 3, W: 3}, 3, []int{0, 1}, 20)
	if k := Default().resolved(all, 1); k.Labels != Learned || k.Steps != 1000 || k.LR != .02 {
		t.Errorf("all classes: %+v", k)
	}
	if k := Default().resolved(some, 1); k.Labels != Fixed || k.Steps != 200 {
		t.Errorf("two of three classes: %+v", k)
	}
	k := Default()
	k.Labels, k.Steps = Learned, 7
	if k = k.resolved(some, 1); k.Labels != Learned || k.Steps != 7 {
		t.Errorf("asked for: %+v", k)
	}
}

func TestStartIsNeverASingleSampleUnlessAsked(t *testing.T) {
	local := distilltest.Samples(data.Shape{C: 1, H: 5, W: 5}, 3, []int{0, 1}, 35)
	few := distilltest.Samples(data.Shape{C: 1, H: 5, W: 5}, 3, []int{2}, 6)
	local, err := data.Merge(local, few)
	if err != nil {
		t.Fatal(err)
	}
	for start, real := range map[string]bool{Centroids: false, Noise: false, Real: true} {
		k := Default()
		k.Start = start
		req := distill.Request{Samples: local, IPC: 5}
		images := &data.Samples{Shape: local.Shape, Classes: 3, X: make([]float32, 15*25),
			Y: []int{0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2}}
		fill(k, req, images.X)
		d, err := distill.Disclose(context.Background(), images, local, data.NewFormation(1))
		if err != nil {
			t.Fatal(err)
		}
		if d.ContainsReal() != real {
			t.Errorf("start=%s: nearest_real %.3f", start, d.NearestReal())
		}
	}
}

// Clusters that are too small dissolve into their neighbors.
func TestCentersAverageAtLeastTen(t *testing.T) {
	var x [][]float32
	for i := range 44 {
		x = append(x, []float32{float32(i), 0})
	}
	uneven := func(_ [][]float32, n int) []int { // 36, 4, 3, 1
		out := make([]int, len(x))
		for i := range out {
			out[i] = map[bool]int{true: 0, false: min(n-1, 1+(i-36)/4)}[i < 36]
		}
		return out
	}
	got := centers(x, 8, uneven)
	if len(got) != 1 || math.Abs(got[0][0]-21.5) > 1e-9 {
		t.Errorf("centers %v, want the mean of all, 21.5", got)
	}
}

// The reason for the method: its images predict held-out samples far better
// than those it started from.
func TestImagesLearnToPredict(t *testing.T) {
	local := hard(600, 1)
	test := hard(600, 2)
	score := func(s *data.Samples) float64 {
		p, err := ntk.Fit(context.Background(), 1, s)
		if err != nil {
			t.Fatal(err)
		}
		a, err := train.Evaluate(context.Background(), p, test)
		if err != nil {
			t.Fatal(err)
		}
		return a.Fraction()
	}
	k := Default()
	k.Steps, k.Start = 300, Noise
	r, err := k.Distill(context.Background(), distill.Request{Samples: local, IPC: 2})
	if err != nil {
		t.Fatal(err)
	}
	start := &data.Samples{Shape: local.Shape, Classes: 2, X: make([]float32, len(r.Images.X)), Y: []int{0, 0, 1, 1}}
	fill(k, distill.Request{Samples: local, IPC: 2}, start.X)
	before, after := score(start), score(r.Images)
	t.Logf("noise %.3f, kip %.3f", before, after)
	if after < .9 || before > .75 {
		t.Errorf("noise %.3f, kip %.3f: want about half, and at least 0.9", before, after)
	}
}

// fill makes the start of a request on one core.
func fill(k KIP, req distill.Request, images []float32) {
	req.Device.Workers = 1
	k.start(context.Background(), req, images)
}

// The pool is as large as was asked for, and its size does not show.
func TestWorkersAreThoseAskedFor(t *testing.T) {
	var want []float32
	for _, workers := range []int{1, 3} {
		k, req := Default(), distill.Request{Samples: hard(200, 1), IPC: 3, Device: device.Choice{Workers: workers}}
		k.Steps = 20
		r, err := newRun(context.Background(), k.resolved(req.Samples, req.IPC), req)
		if err != nil {
			t.Fatal(err)
		}
		defer r.close()
		if r.pool.Workers() != workers {
			t.Errorf("%d workers, asked for %d", r.pool.Workers(), workers)
		}
		if err := r.all(context.Background()); err != nil {
			t.Fatal(err)
		}
		got := r.result().X
		if want == nil {
			want = got
		}
		if !slices.Equal(got, want) {
			t.Errorf("other bits with %d workers", workers)
		}
	}
}

// hard draws two classes told apart by the sign of a product, which no mean
// shows.
func hard(n int, seed uint64) *data.Samples {
	rng := data.Stream(seed, "hard")
	s := &data.Samples{Shape: data.Shape{C: 1, H: 2, W: 2}, Classes: 2}
	for range n {
		a, b := rng.NormFloat64(), rng.NormFloat64()
		s.X = append(s.X, float32(a), float32(b), float32(.3*rng.NormFloat64()), float32(.3*rng.NormFloat64()))
		y := 0
		if a*b > 0 {
			y = 1
		}
		s.Y = append(s.Y, y)
	}
	return s
}
