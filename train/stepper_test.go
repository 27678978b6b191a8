package train

import (
	"errors"
	"slices"
	"testing"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/graph/cpu"
)

func TestAStepperDropsProgramsAndComputesTheSame(t *testing.T) {
	s := blobs(40, data.Shape{C: 1, H: 12, W: 12}, 4, false)
	net := network(t, "lenet", s)
	made := func() *Stepper {
		e := cpu.New(1)
		t.Cleanup(e.Close)
		stepper, err := NewStepper(e, net, &momentum{})
		if err == nil {
			err = graph.SetAll(stepper.Params(), net.Init(1))
		}
		if err != nil {
			t.Fatal(err)
		}
		return stepper
	}
	all, tight := made(), made()
	tight.most = 0
	order, rates := NewOrder(3, s.Len(), 11).Batch(0), []float32{0.1, 0.9, 0}
	for _, n := range []int{5, 3, 11, 7, 2, 6, 11, 4, 5} {
		if err := errors.Join(all.Step(s, order[:n], rates), tight.Step(s, order[:n], rates)); err != nil {
			t.Fatal(err)
		}
		want, _ := all.Loss()
		if got, err := tight.Loss(); err != nil || got != want {
			t.Errorf("loss of %d samples: %v and %v (%v)", n, got, want, err)
		}
		for i := range net.Params {
			if !slices.Equal(valuesOf(t, all.Params()[i]), valuesOf(t, tight.Params()[i])) {
				t.Errorf("parameter %d after %d samples differs", i, n)
			}
		}
		if len(tight.programs) > fewPrograms {
			t.Errorf("%d programs held", len(tight.programs))
		}
	}
	if len(all.programs) != 7 {
		t.Errorf("%d programs for seven sizes", len(all.programs))
	}
}

func valuesOf(t *testing.T, v graph.Variable) []float32 {
	t.Helper()
	out := make([]float32, v.Len())
	if err := v.Get(out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestAWalkVisitsEverySampleInEachEpoch(t *testing.T) {
	o, again := NewOrder(7, 23, 5), NewOrder(7, 23, 5)
	var epochs [][]int
	for step := range 3 * 5 {
		if step%5 == 0 {
			epochs = append(epochs, nil)
		}
		last := &epochs[len(epochs)-1]
		*last = append(*last, o.Batch(step)...)
	}
	for i, e := range epochs {
		if sorted := slices.Sorted(slices.Values(e)); len(e) != 23 || sorted[0] != 0 || sorted[22] != 22 ||
			len(slices.Compact(sorted)) != 23 {
			t.Errorf("epoch %d is %v", i, e)
		}
	}
	if slices.Equal(epochs[0], epochs[1]) || !slices.Equal(again.Batch(14), epochs[2][20:]) {
		t.Error("epochs share an order, or a walk that begins later differs")
	}
}
