// Package distilltest is the conformance suite that every distillation method
// passes.
package distilltest

import (
	"context"
	"errors"
	"maps"
	"math"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"testing"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/train/checkpoint"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/device"
)

// Samples draws a small labeled data set: n samples of each held class, each
// class a noisy cluster.
func Samples(shape data.Shape, classes int, held []int, n int) *data.Samples {
	rng := rand.New(rand.NewPCG(11, 17))
	s := &data.Samples{Shape: shape, Classes: classes}
	for _, c := range held {
		center := make([]float32, shape.Size())
		for j := range center {
			center[j] = float32(rng.NormFloat64())
		}
		for range n {
			for _, v := range center {
				s.X = append(s.X, v+0.5*float32(rng.NormFloat64()))
			}
			s.Y = append(s.Y, c)
		}
	}
	return s
}

// Fewer returns few with -short, as under emulation, and many otherwise.
func Fewer[T any](few, many T) T {
	if testing.Short() {
		return few
	}
	return many
}

// Run checks what holds for every method, with -short on fewer samples and in
// fewer combinations.
func Run(t *testing.T, m distill.Method) {
	t.Helper()
	local := Samples(data.Shape{C: 1, H: 10, W: 8}, 10, Fewer([]int{3, 7}, []int{2, 3, 7}), 30)
	do := func(t *testing.T, ipc int, seed uint64) *distill.Result {
		t.Helper()
		r, err := m.Distill(context.Background(), distill.Request{Samples: local, IPC: ipc, Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	t.Run("names itself", func(t *testing.T) {
		if m.Name() == "" || m.Version() < 1 || m.Summary() == "" || m.Settings() == nil {
			t.Errorf("name %q, version %d, summary %q, settings %v", m.Name(), m.Version(), m.Summary(), m.Settings())
		}
	})
	t.Run("takes the settings it shows and no others", func(t *testing.T) { checkSettings(t, m) })
	t.Run("gives the asked count of each held class and finite values", func(t *testing.T) {
		for _, ipc := range []int{1, 3} {
			checkImages(t, do(t, ipc, 1), local, ipc)
		}
	})
	t.Run("gives the same bits for the same seed on any number of processors", func(t *testing.T) {
		want := do(t, 2, 5).Images.X
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
		if got := do(t, 2, 5).Images.X; !slices.Equal(got, want) {
			t.Error("other bits with one processor")
		}
	})
	t.Run("gives the same bits for any number of workers", func(t *testing.T) {
		want := do(t, 2, 5).Images
		for _, workers := range Fewer([]int{3}, []int{1, 3}) {
			r, err := m.Distill(context.Background(), distill.Request{Samples: local, IPC: 2, Seed: 5,
				Device: device.Choice{Workers: workers}})
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(r.Images.X, want.X) || !slices.Equal(r.Images.Soft, want.Soft) {
				t.Errorf("other bits with %d workers", workers)
			}
		}
	})
	t.Run("leaves its input alone", func(t *testing.T) {
		before := slices.Clone(local.X)
		do(t, 2, 3)
		if !slices.Equal(before, local.X) {
			t.Error("input changed")
		}
	})
	t.Run("refuses what it cannot do", func(t *testing.T) { checkRefusals(t, m, local) })
	t.Run("stops when told", func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if _, err := m.Distill(ctx, distill.Request{Samples: local, IPC: 2}); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled", err)
		}
	})
	t.Run("goes on where it was interrupted", func(t *testing.T) {
		checkResume(t, m, distill.Request{Samples: local, IPC: 2, Seed: 9})
	})
	t.Run("reports progress to the end", func(t *testing.T) {
		var last distill.Progress
		_, err := m.Distill(context.Background(), distill.Request{Samples: local, IPC: 2,
			Progress: func(p distill.Progress) { last = p }})
		if err != nil || last.Total == 0 || last.Done != last.Total {
			t.Errorf("last progress %+v, error %v", last, err)
		}
	})
	t.Run("makes the formation asked for, or refuses it", func(t *testing.T) { checkFormations(t, m, local) })
	t.Run("says beforehand what its set will be like", func(t *testing.T) {
		checkOutline(t, m, local)
		if testing.Short() {
			return
		}
		checkOutline(t, m, Samples(local.Shape, 3, []int{0, 1, 2}, 30)) // every class of the task
	})
	t.Run("makes images for a code", func(t *testing.T) { checkCoded(t, m, local) })
	t.Run("tells the truth about averaging", func(t *testing.T) {
		r := do(t, 1, 1)
		d, err := distill.Disclose(context.Background(), r.Images, local, r.Formation.OrDefault())
		if err != nil {
			t.Fatal(err)
		}
		if r.SmallestGroup >= 10 && d.ContainsReal() {
			t.Errorf("says it averages %d samples, yet publishes one (nearest_real %.3f)", r.SmallestGroup, d.NearestReal())
		}
	})
}

// checkSettings sets every setting to its present value, then to an invalid one.
func checkSettings(t *testing.T, m distill.Method) {
	t.Helper()
	again, err := m.With(m.Settings())
	if err != nil || !maps.Equal(again.Settings(), m.Settings()) || again.Name() != m.Name() {
		t.Errorf("with its own settings %v: %v, %v", m.Settings(), again, err)
	}
	for name := range m.Settings() {
		before := m.Settings()
		if _, err := m.With(map[string]string{name: "no such value"}); !errors.Is(err, distill.ErrOption) {
			t.Errorf("%s=no such value: got %v, want ErrOption", name, err)
		}
		if !maps.Equal(before, m.Settings()) {
			t.Errorf("setting %s of a copy changed the method", name)
		}
	}
	if _, err := m.With(map[string]string{"no-such-option": "1"}); !errors.Is(err, distill.ErrOption) {
		t.Errorf("an unknown option: got %v, want ErrOption", err)
	}
}

// checkResume interrupts a method half-way, if it keeps a state, and compares
// with a run in one go, which leaves a state too.
func checkResume(t *testing.T, m distill.Method, req distill.Request) {
	t.Helper()
	var final []byte
	kept := req
	kept.Checkpoint = func(b []byte) error { final = slices.Clone(b); return nil }
	whole, err := m.Distill(context.Background(), kept)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var state []byte
	stopped := req
	stopped.Checkpoint = func(b []byte) error { state = slices.Clone(b); return nil }
	stopped.Progress = func(p distill.Progress) {
		if 2*p.Done >= p.Total {
			cancel()
		}
	}
	_, err = m.Distill(ctx, stopped)
	if state == nil {
		t.Skip("keeps no state")
	}
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("interrupted: got %v, want context.Canceled", err)
	}
	again := req
	again.Resume = state
	resumed, err := m.Distill(context.Background(), again)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(resumed.Images.X, whole.Images.X) || !slices.Equal(resumed.Images.Soft, whole.Images.Soft) {
		t.Error("other bits than without the interruption")
	}
	checkResumeAtEnd(t, m, req, final, whole)
	again.Seed++
	if _, err := m.Distill(context.Background(), again); !errors.Is(err, checkpoint.ErrState) {
		t.Errorf("the state of another seed: got %v, want ErrState", err)
	}
	again.Seed--
	checkStateOfAnotherCode(t, m, again)
	again.Resume = []byte("no state at all")
	if _, err := m.Distill(context.Background(), again); !errors.Is(err, checkpoint.ErrState) {
		t.Errorf("a damaged state: got %v, want ErrState", err)
	}
}

// checkResumeAtEnd resumes a finished run, whose last state and result are given:
// no step is done again.
func checkResumeAtEnd(t *testing.T, m distill.Method, req distill.Request, final []byte, whole *distill.Result) {
	t.Helper()
	if final == nil {
		t.Fatal("no state at the end")
	}
	var first distill.Progress
	req.Resume, req.Progress = final, func(p distill.Progress) {
		if first.Total == 0 {
			first = p
		}
	}
	again, err := m.Distill(context.Background(), req)
	if err != nil {
		t.Fatal(err)
	}
	if first.Total == 0 || first.Done != first.Total {
		t.Errorf("resumed at the end, the first report is %+v", first)
	}
	if !slices.Equal(again.Images.X, whole.Images.X) || !slices.Equal(again.Images.Soft,
		whole.Images.Soft) || !slices.Equal(again.Warnings, whole.Warnings) {
		t.Error("other bits when resumed at the end")
	}
}

func checkImages(t *testing.T, r *distill.Result, local *data.Samples, ipc int) {
	t.Helper()
	if r.Images.Shape != local.Shape || r.Images.Classes != local.Classes ||
		len(r.Images.X) != r.Images.Len()*local.Shape.Size() {
		t.Fatalf("%d images of %v with %d classes and %d values", r.Images.Len(), r.Images.Shape, r.Images.Classes,
			len(r.Images.X))
	}
	if r.Images.Len() != ipc*len(local.Held()) {
		t.Errorf("%d images, want %d of each of %d classes", r.Images.Len(), ipc, len(local.Held()))
	}
	for c, index := range r.Images.ByClass() {
		if r.Images.Soft != nil {
			break // a learned label may change sides
		}
		want := 0
		if slices.Contains(local.Held(), c) {
			want = ipc
		}
		if len(index) != want {
			t.Errorf("class %d: %d images, want %d", c, len(index), want)
		}
	}
	for i, v := range r.Images.X {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			t.Fatalf("value %d is %v", i, v)
		}
	}
}

func checkFormations(t *testing.T, m distill.Method, local *data.Samples) {
	t.Helper()
	for _, factor := range []int{1, 2} {
		r, err := m.Distill(context.Background(), distill.Request{Samples: local, IPC: 2, Seed: 1, Formation: factor})
		if factor > 1 && errors.Is(err, data.ErrFormation) {
			continue // plain images alone
		}
		if err != nil {
			t.Fatal(err)
		}
		checkImages(t, r, local, 2)
		f := r.Formation.OrDefault()
		if f.Factor != factor {
			t.Errorf("formation %+v, asked for factor %d", r.Formation, factor)
		}
		if got, want := f.Decode(r.Images).Len(), 2*len(local.Held())*factor*factor; got != want {
			t.Errorf("%d training images, want %d", got, want)
		}
		if factor == 1 {
			continue
		}
		if r, err = m.Distill(context.Background(), distill.Request{Samples: local, IPC: 2, Seed: 1, Formation: factor,
			Single: true}); err != nil {
			t.Fatal(err)
		}
		if f = f.SingleTile(); r.Formation != f || r.Images.Shape != f.StoredShape(local.Shape) ||
			r.Images.Len() != 2*len(local.Held()) {
			t.Errorf("single tiles: %d of %v as %+v", r.Images.Len(), r.Images.Shape, r.Formation)
		}
	}
	for _, factor := range []int{-1, 3, 9} {
		if _, err := m.Distill(context.Background(), distill.Request{Samples: local, IPC: 1,
			Formation: factor}); !errors.Is(err, data.ErrFormation) {
			t.Errorf("factor %d for %v: %v", factor, local.Shape, err)
		}
	}
}

// checkOutline compares the outline that a method gives of a set with the set,
// in every formation that a request can ask for.
func checkOutline(t *testing.T, m distill.Method, local *data.Samples) {
	t.Helper()
	type form struct {
		factor int
		single bool
	}
	all := []form{{0, false}, {0, true}, {1, false}, {2, false}, {2, true}, {3, false}}
	for _, c := range Fewer([]form{{0, false}, {2, true}, {3, false}}, all) {
		req := distill.Request{Samples: local, IPC: 2, Seed: 4, Formation: c.factor, Single: c.single}
		o, err := m.Outline(req)
		r, failed := m.Distill(context.Background(), req)
		if err != nil || failed != nil {
			if !errors.Is(err, data.ErrFormation) || !errors.Is(failed, data.ErrFormation) {
				t.Errorf("%+v: %v beforehand, then %v", c, err, failed)
			}
			continue
		}
		if o.Formation != r.Formation.OrDefault() || o.Consumer != r.Consumer || !reflect.DeepEqual(o.Recipe,
			r.Recipe) || o.Soft != (r.Images.Soft != nil) || !o.Grouped && r.SmallestGroup > 0 {
			t.Errorf("%+v: %+v beforehand; then %+v for %q, recipe %+v, soft %t, smallest group %d", c, o, r.Formation,
				r.Consumer, r.Recipe, r.Images.Soft != nil, r.SmallestGroup)
		}
		if lowest, highest := slices.Min(local.X), slices.Max(local.X); o.InRange && (slices.Min(r.Images.X) < lowest ||
			slices.Max(r.Images.X) > highest) {
			t.Errorf("%+v: values from %g to %g, those of the samples from %g to %g", c, slices.Min(r.Images.X),
				slices.Max(r.Images.X), lowest, highest)
		}
	}
}

func checkRefusals(t *testing.T, m distill.Method, local *data.Samples) {
	t.Helper()
	for name, c := range map[string]struct {
		req  distill.Request
		want error
	}{
		"no samples":           {distill.Request{Samples: local.Subset(nil), IPC: 1}, distill.ErrNoSamples},
		"no budget":            {distill.Request{Samples: local}, distill.ErrBudget},
		"more images than are": {distill.Request{Samples: local, IPC: 31}, distill.ErrTooFew},
	} {
		if _, err := m.Distill(context.Background(), c.req); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
}
