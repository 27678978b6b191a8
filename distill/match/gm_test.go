package match

import (
	"bytes"
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/distilltest"
	"github.com/distillmesh/distillmesh/distill/tiling"
	"github.com/distillmesh/distillmesh/train/checkpoint"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/graph/cpu"
	"github.com/distillmesh/distillmesh/train/nn"
	"github.com/distillmesh/distillmesh/train/recipe"
)

// quickGM is a few iterations in narrow networks.
func quickGM(siamese bool) GM {
	m := DefaultDC()
	if siamese {
		m = DefaultDSA()
	}
	m.Iterations, m.Batch, m.Width = 12, 20, 4
	return m
}

func started(t testing.TB, m matcher, local *data.Samples) *run {
	t.Helper()
	return startedOn(t, 1, m, local)
}

func startedOn(t testing.TB, workers int, m matcher, local *data.Samples) *run {
	t.Helper()
	e := cpu.New(workers)
	t.Cleanup(e.Close)
	r, err := newRun(context.Background(), e, m, distill.Request{Samples: local, IPC: 1})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// get is a variable's values.
func get(t testing.TB, v graph.Variable) []float32 {
	t.Helper()
	out := make([]float32, v.Len())
	if err := v.Get(out); err != nil {
		t.Fatal(err)
	}
	return out
}

// matched is the loss and the gradient of the tiles of the k-th class held, at the
// tiles of the run's state.
func (r *run) matched(t *testing.T, k int) (loss float64, grad []float32) {
	t.Helper()
	of, class := r.adam.classes[k], r.held[k]
	err := errors.Join(r.adam.upload(r.state), r.pair.match(r.rng, r.req.Samples, class, r.members[class], 20,
		r.perClass, of.tiles, of.loss, of.grad))
	if err != nil {
		t.Fatal(err)
	}
	return float64(get(t, of.loss)[0]), get(t, of.grad)
}

// feeds are what the program of the k-th class's tiles reads.
func (r *run) feeds(t *testing.T, c comparison, k int) map[*graph.Node][]float64 {
	t.Helper()
	feeds := map[*graph.Node][]float64{}
	feed := func(n *graph.Node, values []float32) {
		for _, v := range values {
			feeds[n] = append(feeds[n], float64(v))
		}
	}
	feed(c.tiles, get(t, r.adam.classes[k].tiles))
	for i, v := range r.form.ConstantValues(r.perClass) {
		feed(c.constants[i], v)
	}
	feed(c.label, r.pair.label)
	for i, n := range c.targets {
		feed(n, get(t, r.pair.targets[i]))
	}
	for i, n := range c.draws {
		feed(n, r.pair.tiles.drawn[i])
	}
	for i, n := range c.params {
		feed(n, get(t, r.pair.params[i]))
	}
	return feeds
}

func TestTheCosineDistanceComparesRowByRow(t *testing.T) {
	for _, c := range []struct {
		name  string
		shape []int
		a, b  []float64
		want  float64
	}{
		{"equal rows", []int{2, 2}, []float64{1, 2, 3, -4}, []float64{1, 2, 3, -4}, 0},
		{"rows of other lengths", []int{2, 2}, []float64{1, 2, 3, -4}, []float64{5, 10, .3, -.4}, 0},
		{"one row turned round", []int{2, 2}, []float64{1, 2, 3, -4}, []float64{1, 2, -3, 4}, 2},
		{"one row at a right angle", []int{2, 1, 1, 2}, []float64{1, 0, 3, -4}, []float64{0, 1, 3, -4}, 1},
		{"a vector is one row", []int{4}, []float64{1, 0, 0, 1}, []float64{1, 0, 0, -1}, 1},
		{"a row of zeros counts as one", []int{2, 2}, []float64{0, 0, 1, 1}, []float64{0, 0, 1, 1}, 1},
	} {
		g := graph.New()
		a, b := graph.Input(g, "a", c.shape...), graph.Input(g, "b", c.shape...)
		d := cosineDistance(a, b)
		grads, err := graph.Grad(d, a)
		if err != nil {
			t.Fatal(err)
		}
		out, err := graph.Reference(map[*graph.Node][]float64{a: c.a, b: c.b}, d, grads[0])
		if err != nil || math.Abs(out[0][0]-c.want) > 1e-9 {
			t.Errorf("%s: %v (%v), want %v", c.name, out[0], err, c.want)
		}
		if slices.ContainsFunc(out[1], func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) }) {
			t.Errorf("%s: gradient %v", c.name, out[1])
		}
	}
}

// In float64, every value of the gradient in the tiles: a second derivative of
// the network through decoding and augmentation. The compiled program must give
// the same in float32.
func TestTheSecondOrderGradientIsThatOfTheLoss(t *testing.T) {
	for _, augmentation := range []string{tiling.None, recipe.Affine, recipe.DSA} {
		m := quickGM(false)
		m.Width, m.Augment = 2, augmentation
		local := distilltest.Samples(data.Shape{C: 1, H: 8, W: 8}, 3, []int{0, 2}, 20)
		r := started(t, m, local)
		if err := r.pair.renew(4); err != nil {
			t.Fatal(err)
		}
		loss, grad := r.matched(t, 1)
		c, err := r.pair.compare(r.perClass)
		if err != nil {
			t.Fatal(err)
		}
		feeds := r.feeds(t, c, 1)
		evaluate := func(n *graph.Node) []float64 {
			out, err := graph.Reference(feeds, n)
			if err != nil {
				t.Fatal(err)
			}
			return out[0]
		}
		if want := evaluate(c.loss)[0]; math.Abs(loss-want) > 1e-4*want {
			t.Errorf("%s: the program's loss is %v, want %v", augmentation, loss, want)
		}
		exact, most := evaluate(c.grad), 0.0
		for _, v := range exact {
			most = max(most, math.Abs(v))
		}
		const h = 1e-6
		for i := range exact {
			at := feeds[c.tiles][i]
			feeds[c.tiles][i] = at + h
			up := evaluate(c.loss)[0]
			feeds[c.tiles][i] = at - h
			down := evaluate(c.loss)[0]
			feeds[c.tiles][i] = at
			if want := (up - down) / (2 * h); math.Abs(exact[i]-want) > 1e-6*most {
				t.Errorf("%s: derivative %d is %v, by differences %v", augmentation, i, exact[i], want)
			}
			if math.Abs(float64(grad[i])-exact[i]) > 1e-3*most {
				t.Errorf("%s: derivative %d of the program is %v, want %v", augmentation, i, grad[i], exact[i])
			}
		}
		if most < 1e-4 {
			t.Errorf("%s: no gradient to check", augmentation)
		}
	}
}

// A tile that is the only real sample of its class is matched already, whatever
// is drawn: if both sides are given the same draw.
func TestBothSidesGetTheSameDraw(t *testing.T) {
	for _, augmentation := range []string{recipe.Affine, recipe.DSA} {
		m := quickGM(true)
		m.Formation, m.Augment = 1, augmentation
		local := small().Subset([]int{0, 45})
		r := started(t, m, local)
		copy(r.state.tiles, local.X)
		for seed := range uint64(12) {
			if err := r.pair.renew(seed); err != nil {
				t.Fatal(err)
			}
			data.Restart(&r.pcg, seed, "test")
			loss, _ := r.matched(t, 0)
			dead := 0 // rows of zeros count 1 each
			for i, p := range matchedParams(r.pair.net.Params) {
				dead += zeroRows(get(t, r.pair.targets[i]), p.Shape)
			}
			if math.Abs(loss-float64(dead)) > 1e-3 {
				t.Errorf("%s, draw %d: loss %v, want %d", augmentation, seed, loss, dead)
			}
		}
	}
}

// matchedParams are those whose gradients are compared.
func matchedParams(all []nn.Param) (out []nn.Param) {
	for _, p := range all {
		if !strings.HasSuffix(p.Name, ".conv.bias") {
			out = append(out, p)
		}
	}
	return out
}

// zeroRows counts the rows of zeros of an array.
func zeroRows(values []float32, shape []int) (n int) {
	size := len(values) / shape[0]
	if len(shape) == 1 {
		size = len(values)
	}
	for row := range slices.Chunk(values, size) {
		if !slices.ContainsFunc(row, func(v float32) bool { return v != 0 }) {
			n++
		}
	}
	return n
}

func TestGradientMatchingResumesToTheSameBits(t *testing.T) {
	local, m := small(), quickGM(true)
	m.Inner, m.InnerRate = 2, 0.1
	req := distill.Request{Samples: local, IPC: 1, Seed: 3}
	whole, err := m.Distill(context.Background(), req)
	if err != nil {
		t.Fatal(err)
	}
	var kept []byte
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stopped := req
	stopped.Checkpoint = func(state []byte) error { kept = bytes.Clone(state); return nil }
	stopped.Progress = func(p distill.Progress) {
		if p.Done == 5 {
			cancel()
		}
	}
	if _, err = m.Distill(ctx, stopped); !errors.Is(err, context.Canceled) || kept == nil {
		t.Fatalf("interrupted run: %v, state of %d bytes", err, len(kept))
	}
	req.Resume, req.Device.Workers = kept, 3
	rest, err := m.Distill(context.Background(), req)
	if err != nil || !slices.Equal(rest.Images.X, whole.Images.X) {
		t.Errorf("resumed: other bits (%v)", err)
	}
	plain := quickGM(false)
	plain.Inner, plain.InnerRate, plain.Augment = m.Inner, m.InnerRate, m.Augment
	if _, err := plain.Distill(context.Background(), req); !errors.Is(err, checkpoint.ErrState) {
		t.Errorf("dc on a state of dsa: %v", err)
	}
}

// A class's tiles are the same whatever other classes the device holds.
func TestAClassNeedsNothingOfTheOthers(t *testing.T) {
	local := small()
	var alone []int
	for i, y := range local.Y {
		if y == 3 {
			alone = append(alone, i)
		}
	}
	for _, m := range []matcher{quickGM(true), quick()} {
		both, one := started(t, m, local), started(t, m, local.Subset(alone))
		err := one.adam.keepWithin(tiling.RangeOf(local)) // the range is the device's
		for range 3 {
			err = errors.Join(err, both.iterate(), one.iterate())
		}
		if err = errors.Join(err, both.adam.fetch(both.state), one.adam.fetch(one.state)); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(both.state.tiles[len(one.state.tiles):], one.state.tiles) {
			t.Errorf("%s: other tiles of a class alone", m.Name())
		}
	}
}

func TestGradientMatchingLowersTheDistance(t *testing.T) {
	m := quickGM(false)
	m.Iterations, m.Start, m.Batch, m.Width = distilltest.Fewer(30, 60), tiling.Noise, 40, 8
	local := digits(t, 40)
	for _, inner := range distilltest.Fewer([]int{3}, []int{0, 3}) {
		m.Inner, m.InnerRate = inner, 0.05
		var first, last float64
		r, err := m.Distill(context.Background(), distill.Request{Samples: local, IPC: 1, Progress: func(p distill.Progress) {
			switch {
			case p.Done <= 10:
				first += p.Loss
			case p.Done > m.Iterations-10:
				last += p.Loss
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		if !(last < 0.9*first) {
			t.Errorf("%d inner steps: the distance goes from %v to %v", inner, first/10, last/10)
		}
		if low, high := slices.Min(local.X), slices.Max(local.X); slices.Min(r.Images.X) < low ||
			slices.Max(r.Images.X) > high {
			t.Errorf("values outside the real range %v to %v", low, high)
		}
	}
}

func TestInnerTrainingLowersTheLossOnTheTiles(t *testing.T) {
	m := quickGM(false)
	m.Inner, m.InnerRate = 1, 0.05
	r := started(t, m, small())
	if err := r.pair.renew(2); err != nil {
		t.Fatal(err)
	}
	bias := r.pair.params[len(r.pair.params)-1] // moves by the mean of p - y
	var lengths []float64
	for range 60 {
		before, length := get(t, bias), 0.0
		if err := r.trainer.train(r.rng, r.req.Samples.Shape, r.adam.tiles); err != nil {
			t.Fatal(err)
		}
		for i, v := range get(t, bias) {
			length += math.Abs(float64(v-before[i])) / m.InnerRate
		}
		lengths = append(lengths, length)
	}
	if !(lengths[59] < 0.5*lengths[0]) {
		t.Errorf("the error of the network on the tiles goes from %v to %v", lengths[0], lengths[59])
	}
}

func BenchmarkDSAIteration(b *testing.B) {
	r := started(b, DefaultDSA(), client(b))
	b.ReportAllocs()
	for b.Loop() {
		if err := r.iterate(); err != nil {
			b.Fatal(err)
		}
	}
}
