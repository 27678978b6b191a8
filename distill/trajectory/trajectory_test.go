package trajectory

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/distilltest"
	"github.com/distillmesh/distillmesh/distill/tiling"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/graph/cpu"
	"github.com/distillmesh/distillmesh/train/nn"
	"github.com/distillmesh/distillmesh/train/unroll"
)

// tiny is a method that takes a moment, on local.
func tiny(m Method) Method {
	m.Iterations, m.Cap, m.MaxStart, m.Experts, m.Width, m.Formation, m.StepSize = 4, 5, 2, 2, 4, 1, 0.02
	m.ExpertRate, m.ExpertBatch = 0.1, 10
	return m
}

func local() distill.Request {
	shape := distilltest.Fewer(data.Shape{C: 1, H: 8, W: 8}, data.Shape{C: 1, H: 16, W: 16})
	return distill.Request{Samples: distilltest.Samples(shape, 3, []int{0, 2}, distilltest.Fewer(20, 40)), IPC: 2, Seed: 3}
}

// begun is a run after its beginning.
func begun(t *testing.T, m Method) *run {
	t.Helper()
	r, err := newRun(m, local())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.engine.Close)
	if err := r.begin(context.Background()); err != nil {
		t.Fatal(err)
	}
	return r
}

// distilled is a method's images and what it recorded.
func distilled(t *testing.T, m Method) ([]float32, []Record) {
	t.Helper()
	var records []Record
	m.Watch = func(r Record) { records = append(records, r) }
	result, err := m.Distill(context.Background(), local())
	if err != nil {
		t.Fatal(err)
	}
	return result.Images.X, records
}

func TestTablesAreRefused(t *testing.T) {
	table := distilltest.Samples(data.Shape{C: 1, H: 1, W: 30}, 3, []int{0, 1}, 20)
	for _, m := range []Method{DefaultATT(), DefaultMTT(), DefaultTESLA()} {
		if _, err := m.Distill(context.Background(), distill.Request{Samples: table, IPC: 1}); !errors.Is(err,
			nn.ErrShape) || !strings.Contains(err.Error(), m.Name()+": ") || !strings.Contains(err.Error(), "needs images") {
			t.Errorf("%s of a table: %v", m.Name(), err)
		}
	}
}

// att.md 2, check 1.
func TestATTWithTheLastStepAndWithOneStepIsMTT(t *testing.T) {
	att, mtt := tiny(DefaultATT()), tiny(DefaultMTT())
	att.Choice = Last
	a, _ := distilled(t, att)
	m, _ := distilled(t, mtt)
	if !slices.Equal(a, m) {
		t.Error("the last step chosen gives other images than MTT")
	}
	att = tiny(DefaultATT())
	att.Cap, mtt.Cap = 1, 1
	a, records := distilled(t, att)
	m, _ = distilled(t, mtt)
	if !slices.Equal(a, m) {
		t.Error("a cap of one gives other images than matching one step")
	}
	if x, _ := distilled(t, tiny(DefaultATT())); slices.Equal(a, x) {
		t.Error("the cap changes nothing")
	}
	for _, r := range records {
		if r.Steps != 1 || len(r.Distances) != 1 {
			t.Errorf("%+v with a cap of one", r)
		}
	}
}

// lossAt is L of iteration 0 at the n-th step, recomputed from the run's present
// pixels and step size.
func lossAt(t *testing.T, r *run, start, target []float32, n int) float64 {
	t.Helper()
	theta := make([]float32, len(start))
	err := errors.Join(r.student.renew(r, 0), r.student.walk.Forward(start, n, float32(r.state.stepSize)),
		r.student.walk.Theta(n, theta))
	if err != nil {
		t.Fatal(err)
	}
	return squared(theta, target) / squared(start, target)
}

// att.md 2, check 2: with the chosen step frozen, without augmentation and with
// one, of all tiles and of minibatches.
func TestTheGradientMatchesFiniteDifferences(t *testing.T) {
	for name, change := range map[string]func(*Method){
		"plain":       func(m *Method) { m.Augment = tiling.None },
		"augmented":   func(*Method) {},
		"minibatches": func(m *Method) { m.Batch = 3 },
		"labels":      func(m *Method) { m.Labels = Learned },
		"tiles":       func(m *Method) { m.Formation = 2 },
	} {
		t.Run(name, func(t *testing.T) {
			m := tiny(DefaultATT())
			change(&m)
			r := begun(t, m)
			expert, at := r.pick(0)
			start, target := expert[at], expert[at+m.Span]
			if err := r.student.renew(r, 0); err != nil {
				t.Fatal(err)
			}
			out, err := r.student.train(r, start, target)
			if err != nil {
				t.Fatal(err)
			}
			dAlpha, err := r.student.differentiate(r, start, out.n)
			if err != nil {
				t.Fatal(err)
			}
			tiles, labels := slices.Clone(r.student.tileGrad), slices.Clone(r.student.labelGrad)
			// L jumps where the derivative of a ReLU does: the median of slopes
			// over short ways leaves the jumps out.
			check := func(what string, got, h float64, move func(by float64)) {
				t.Helper()
				const ways = 9
				move(-ways * h / 2)
				var slopes []float64
				for last := lossAt(t, r, start, target, out.n); len(slopes) < ways; {
					move(h)
					now := lossAt(t, r, start, target, out.n)
					slopes, last = append(slopes, (now-last)/h), now
				}
				move(-ways * h / 2)
				slices.Sort(slopes)
				const noise = 2e-7 // of float32 in L
				if want := slopes[ways/2]; math.Abs(got-want) > 0.15*math.Abs(want)+noise/h {
					t.Errorf("%s: %v, want %v of %v", what, got, want, slopes)
				}
			}
			length := math.Sqrt(squared(tiles, make([]float32, len(tiles))))
			check("along the gradient", length, 1e-3, func(by float64) {
				for i, g := range tiles {
					r.state.tiles.values[i] += float32(by / length * float64(g))
				}
			})
			for _, i := range largest(tiles, 3) {
				check("pixel", float64(tiles[i]), 2e-3, func(by float64) { r.state.tiles.values[i] += float32(by) })
			}
			check("alpha", dAlpha, 5e-5, func(by float64) { r.state.stepSize += by })
			if m.Labels == Learned {
				i := largest(labels, 1)[0]
				check("label", float64(labels[i]), 0.005, func(by float64) { r.state.labels.values[i] += float32(by) })
			}
		})
	}
}

// largest are the indices of the n values of the greatest size.
func largest(values []float32, n int) []int {
	index := make([]int, len(values))
	for i := range index {
		index[i] = i
	}
	slices.SortFunc(index, func(a, b int) int {
		return int(math.Copysign(1, math.Abs(float64(values[b]))-math.Abs(float64(values[a]))))
	})
	return index[:n]
}

// att.md 2, check 3.
func TestAStudentThatStandsStillIsComparedAtItsLastStep(t *testing.T) {
	for _, metric := range []string{L1, L2} {
		m := tiny(DefaultATT())
		m.Metric = metric
		r := begun(t, m)
		r.state.stepSize = 0
		expert, at := r.pick(0)
		if err := r.student.renew(r, 0); err != nil {
			t.Fatal(err)
		}
		out, err := r.student.train(r, expert[at], expert[at+m.Span])
		if err != nil || out.n != m.Cap || out.loss != 1 {
			t.Errorf("%s: step %d of %d, L = %v (%v), want the last and 1", metric, out.n, m.Cap, out.loss, err)
		}
	}
}

// toyRun is att.md 2, check 4: one parameter with the loss (theta - x)^2 / 2.
func toyRun(t *testing.T, m Method) *run {
	t.Helper()
	engine := cpu.New(1)
	t.Cleanup(engine.Close)
	walk, err := unroll.New(engine, unroll.Problem{Params: [][]int{{1}}, X: []int{1}, Labels: []int{1},
		Squared: m.Metric == L2,
		Loss: func(params []*graph.Node, x, _ *graph.Node, _ []*graph.Node) *graph.Node {
			d := graph.Sub(params[0], x)
			return graph.Scale(graph.Mul(d, d), 0.5)
		}}, m.Cap)
	if err == nil {
		err = walk.X.Set([]float32{1})
	}
	if err != nil {
		t.Fatal(err)
	}
	s := &student{walk: walk, best: []float32{0}, direction: []float32{0}, tileGrad: []float32{0}}
	return &run{Method: m, student: s, state: state{stepSize: 0.1}}
}

func TestTheToyVectorThroughTheChoice(t *testing.T) {
	none := math.NaN()
	for _, c := range []struct {
		choice           string
		cap, n           int
		loss, dX, dAlpha float64
	}{
		{Closest, 4, 4, 0.0196700625, none, none},
		{Closest, 5, 5, 5.65250625e-4, 0.0486805, 0.3899694},
		{Closest, 6, 5, 5.65250625e-4, 0.0486805, 0.3899694},
		{Closest, 40, 5, 5.65250625e-4, 0.0486805, 0.3899694},
		{Last, 6, 6, 0.0293771, none, none},
		{Last, 10, 10, 0.3947658, 2.0461394, 12.1708902},
		{Last, 40, 40, 2.1405088, none, none},
	} {
		for _, metric := range []string{L1, L2} {
			m := DefaultATT()
			m.Choice, m.Cap, m.Metric = c.choice, c.cap, metric
			r := toyRun(t, m)
			out, err := r.student.train(r, []float32{0}, []float32{0.4})
			if err != nil {
				t.Fatal(err)
			}
			dAlpha, err := r.student.differentiate(r, []float32{0}, out.n)
			if err != nil {
				t.Fatal(err)
			}
			near := func(got, want float64) bool {
				return math.IsNaN(want) || math.Abs(got-want) < 2e-5*(1+math.Abs(want))
			}
			if out.n != c.n || math.Abs(out.loss-c.loss) > 1e-6*(1+c.loss) || !near(float64(r.student.tileGrad[0]),
				c.dX) || !near(dAlpha, c.dAlpha) {
				t.Errorf("%s of %d, %s: step %d, L %v, dL/dx %v, dL/dalpha %v, want %+v", c.choice, c.cap, metric, out.n,
					out.loss, r.student.tileGrad[0], dAlpha, c)
			}
		}
	}
}

// The memory of a student is the activations of a step and one vector of
// parameters a step of the cap; TESLA's does not grow at all.
func TestMemoryGrowsByOneVectorAStep(t *testing.T) {
	held := func(m Method, cap int) (bytes, vector int) {
		m = tiny(m)
		m.Cap = cap
		r := begun(t, m)
		if _, err := r.iterate(); err != nil {
			t.Fatal(err)
		}
		return r.student.walk.Bytes(), 4 * r.student.walk.Size()
	}
	few, vector := held(DefaultATT(), 5)
	more := distilltest.Fewer(15, 75)
	many, _ := held(DefaultATT(), 5+more)
	if many-few != more*vector {
		t.Errorf("%d more steps take %d bytes more, want %d", more, many-few, more*vector)
	}
	few, _ = held(DefaultTESLA(), 5)
	if many, _ = held(DefaultTESLA(), 5+more); many != few {
		t.Errorf("TESLA takes %d bytes more for %d more steps", many-few, more)
	}
}

func TestAnIterationThatIsNotFiniteIsLeftOutAndSaid(t *testing.T) {
	m := tiny(DefaultATT())
	r := begun(t, m)
	before := slices.Clone(r.state.tiles.values)
	r.state.stepSize = math.MaxFloat32
	record, err := r.iterate()
	if err != nil || !record.Skipped || r.state.skipped != 1 || r.state.step != 1 || !slices.Equal(before,
		r.state.tiles.values) {
		t.Errorf("%+v, %v; %v left out", record, err, r.state.skipped)
	}
	if w := r.warnings(); len(w) != 1 {
		t.Errorf("warnings %q", w)
	}
}

func TestAStepSizeAtItsBoundIsSaid(t *testing.T) {
	m := tiny(DefaultATT())
	m.StepRate = 1000
	r := begun(t, m)
	for range 4 {
		if _, err := r.iterate(); err != nil {
			t.Fatal(err)
		}
	}
	if a := r.state.stepSize; r.state.clamped == 0 || a < leastStepSize || a > mostStepSize || len(r.warnings()) == 0 {
		t.Errorf("step size %v, met its bound %v times, warnings %q", a, r.state.clamped, r.warnings())
	}
}
