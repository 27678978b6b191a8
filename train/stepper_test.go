package train

import (
	"slices"
	"testing"

	"github.com/distillmesh/distillmesh/train/data"
)

func TestAStepperDropsProgramsAndComputesTheSame(t *testing.T) {
	s := blobs(40, data.Shape{C: 1, H: 12, W: 12}, 4, false)
	net := network(t, "lenet", s)
	params := net.Init(1)
	all, tight := NewStepper(net, params, 1), NewStepper(net, params, 1)
	defer all.Close()
	defer tight.Close()
	tight.most = 0
	order := NewOrder(3, s.Len(), 11).Batch(0)
	for _, n := range []int{5, 3, 11, 7, 2, 6, 11, 4, 5} {
		want, err := all.Run(s, order[:n])
		if err != nil {
			t.Fatal(err)
		}
		got, err := tight.Run(s, order[:n])
		if err != nil || got != want {
			t.Errorf("loss of %d samples: %v and %v (%v)", n, got, want, err)
		}
		for i := range params {
			if !slices.Equal(all.Gradient(i), tight.Gradient(i)) {
				t.Errorf("gradient %d of %d samples differs", i, n)
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

func TestAWalkVisitsEverySampleInEachEpoch(t *testing.T) {
	o, again := NewOrder(7, 23, 5), NewOrder(7, 23, 5)
	var epochs [][]int
	for step := range 3 * o.PerEpoch() {
		if step%5 == 0 {
			epochs = append(epochs, nil)
		}
		last := &epochs[len(epochs)-1]
		*last = append(*last, o.Batch(step)...)
	}
	for i, e := range epochs {
		if sorted := slices.Sorted(slices.Values(e)); len(e) != 23 || sorted[0] != 0 || sorted[22] != 22 || len(slices.Compact(sorted)) != 23 {
			t.Errorf("epoch %d is %v", i, e)
		}
	}
	if slices.Equal(epochs[0], epochs[1]) || !slices.Equal(again.Batch(14), epochs[2][20:]) {
		t.Error("epochs share an order, or a walk that begins later differs")
	}
}
