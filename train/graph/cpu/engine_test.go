package cpu

import (
	"slices"
	"testing"

	"gorgonia.org/tensor"

	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/graph/enginetest"
	"github.com/distillmesh/distillmesh/train/kernel"
)

func TestTheEngineDoesWhatAnEngineMust(t *testing.T) {
	enginetest.Run(t, func() graph.Engine { return New(2) })
}

// wrong is this engine with a mistake in one kernel.
type wrong struct {
	*Engine
	mistake func(p *program)
}

// Compile makes the mistake in what the engine compiled.
func (w wrong) Compile(s graph.Spec) (graph.Program, error) {
	p, err := w.Engine.Compile(s)
	if err == nil {
		w.mistake(p.(*program))
	}
	return p, err
}

// A suite that every engine passes must fail one that computes wrongly.
func TestTheSuiteFindsAPlantedMistake(t *testing.T) {
	convolution := func(p *program) {
		for i, s := range p.steps {
			if _, ok := p.values[s.values[0]].op.(graph.ConvOp); ok && s.run != nil {
				good, at := s.run, s.values[0]
				p.steps[i].run = func(pool *kernel.Pool, in [][]float32, out []float32) {
					good(pool, in, out)
					p.values[at].data[0] += 0.01
				}
			}
		}
	}
	updates := func(p *program) {
		for i, u := range p.updates {
			if _, ok := u.rule.(graph.AdamRule); ok {
				good := u.run
				p.updates[i].run = func(in [][]float32) {
					good(in)
					in[3][0] *= 1.01
				}
			}
		}
	}
	for name, c := range map[string]struct {
		mistake func(p *program)
		least   int // failing tests
	}{"a convolution that is off by 0.01": {convolution, 6}, "a second moment that is one percent too large": {updates,
		1}} {
		t.Run(name, func(t *testing.T) {
			e := wrong{New(1), c.mistake}
			defer e.Close()
			failed := 0
			for _, test := range enginetest.Tests() {
				if test.Run(e) != nil {
					failed++
				}
			}
			if failed < c.least {
				t.Errorf("%d tests fail, want at least %d", failed, c.least)
			}
		})
	}
}

func TestASteadyRunAllocatesNothing(t *testing.T) {
	e := New(1)
	defer e.Close()
	g := graph.New()
	x, w, rate := graph.Input(g, "x", 8, 16), graph.Input(g, "w", 16, 16), graph.Input(g, "rate", 1)
	y := graph.Mean(graph.Relu(graph.MatMul(x, w)))
	d, err := graph.Grad(y, w)
	if err != nil {
		t.Fatal(err)
	}
	p, err := e.Compile(graph.Spec{Inputs: []*graph.Node{x, w, rate}, Outputs: []*graph.Node{y},
		Updates: []graph.Update{graph.Descend(w, w, d[0], rate)}})
	if err != nil {
		t.Fatal(err)
	}
	batch, loss := make([]float32, 8*16), make([]float32, 1)
	step := func() {
		if p.Set(0, batch) != nil || p.Run() != nil || p.Get(0, loss) != nil {
			t.Fatal("a step failed")
		}
	}
	step()
	if n := testing.AllocsPerRun(20, step); n != 0 {
		t.Errorf("%v allocations per run", n)
	}
}

func TestResultsDoNotDependOnTheNumberOfWorkers(t *testing.T) {
	run := func(workers int) (out [][]float32) {
		e := New(workers)
		defer e.Close()
		g := graph.New()
		x, w := graph.Input(g, "x", 16, 3, 12, 12), graph.Input(g, "w", 8, 3, 3, 3)
		loss := graph.Mean(graph.MaxPool(graph.Relu(graph.Conv2D(x, w, 1, 1)), 2, 2))
		d, err := graph.Grad(loss, x, w)
		if err != nil {
			t.Fatal(err)
		}
		p, err := e.Compile(graph.Spec{Inputs: []*graph.Node{x, w}, Outputs: append(d, loss)})
		if err != nil {
			t.Fatal(err)
		}
		for i, n := range []*graph.Node{x, w} {
			values := make([]float32, n.Shape().TotalSize())
			for j := range values {
				values[j] = float32((j*7919)%101)/50 - 1
			}
			if err := p.Set(i, values); err != nil {
				t.Fatal(err)
			}
		}
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
		for i, s := range []tensor.Shape{x.Shape(), w.Shape(), loss.Shape()} {
			out = append(out, make([]float32, s.TotalSize()))
			if err := p.Get(i, out[i]); err != nil {
				t.Fatal(err)
			}
		}
		return out
	}
	want := run(1)
	for _, workers := range []int{2, 3, 5} {
		for i, got := range run(workers) {
			if !slices.Equal(got, want[i]) {
				t.Errorf("%d workers: output %d differs", workers, i)
			}
		}
	}
}
