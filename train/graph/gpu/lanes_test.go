package gpu

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/distillmesh/distillmesh/train/gpu/ptxtest"
	"github.com/distillmesh/distillmesh/train/graph"
)

// descend runs steps of a small regression from values that a seed decides, and returns the parameters.
func descend(e graph.Engine, seed, steps int) ([]float32, error) {
	g := graph.New()
	x, w, rate := graph.Input(g, "x", 4, 3), graph.Input(g, "w", 3, 2), graph.Input(g, "rate", 1)
	loss := graph.Mean(graph.Exp(graph.Scale(graph.MatMul(x, w), 0.1)))
	grads, err := graph.Grad(loss, w)
	if err != nil {
		return nil, err
	}
	p, err := e.Compile(graph.Spec{Inputs: []*graph.Node{x, rate, w}, Outputs: []*graph.Node{loss},
		Updates: []graph.Update{graph.Descend(w, w, grads[0], rate)}})
	if err != nil {
		return nil, err
	}
	v, err := e.Variable(6)
	if err != nil {
		return nil, err
	}
	if err := v.Set([]float32{1, float32(seed), 3, 4, 5, 6}); err != nil {
		return nil, err
	}
	if err := p.Bind(2, v); err != nil {
		return nil, err
	}
	for step := range steps {
		batch := make([]float32, 12)
		for i := range batch {
			batch[i] = float32((seed*7+step*3+i*5)%11) / 11
		}
		if err := p.Set(0, batch); err != nil {
			return nil, err
		}
		if err := p.Set(1, []float32{0.1}); err != nil {
			return nil, err
		}
		if err := p.Run(); err != nil {
			return nil, err
		}
	}
	out := make([]float32, 6)
	return out, v.Get(out)
}

func TestLanesComputeWhatSeparateEnginesDo(t *testing.T) {
	const lanes = 5
	h := open(t, ptxtest.New())
	want := make([][]float32, lanes)
	for seed := range lanes {
		var err error
		if want[seed], err = descend(engineOf(t, h), seed, 4+seed%2); err != nil {
			t.Fatal(err)
		}
	}
	group, err := h.Group(lanes)
	if err != nil {
		t.Fatal(err)
	}
	got, errs := make([][]float32, lanes), make([]error, lanes)
	var all sync.WaitGroup
	engines := make([]graph.Engine, lanes)
	for lane := range lanes {
		if engines[lane], err = group.Join(); err != nil {
			t.Fatal(err)
		}
	}
	for lane := range lanes {
		all.Go(func() {
			defer engines[lane].Close()
			got[lane], errs[lane] = descend(engines[lane], lane, 4+lane%2)
		})
	}
	all.Wait()
	for lane := range lanes {
		if errs[lane] != nil {
			t.Fatal(errs[lane])
		}
		if !slices.Equal(got[lane], want[lane]) {
			t.Errorf("lane %d: %v, alone %v", lane, got[lane], want[lane])
		}
	}
	if group.batch > 4*lanes {
		t.Errorf("%d replays for %d lanes of 4 or 5 steps: lanes were not computed together", group.batch, lanes)
	}
	if _, err := group.Join(); err != nil {
		t.Errorf("a lane that was given back: %v", err)
	}
}

func TestAGroupHasNoMoreEnginesThanLanes(t *testing.T) {
	group, err := open(t, ptxtest.New()).Group(1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := group.Join(); err != nil {
		t.Fatal(err)
	}
	if _, err := group.Join(); err == nil {
		t.Error(fmt.Errorf("a second engine in one lane"))
	}
}
