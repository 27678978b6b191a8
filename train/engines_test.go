package train

import (
	"errors"
	"math"
	"testing"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/graph/cpu"
	"github.com/distillmesh/distillmesh/train/graph/tape"
	"github.com/distillmesh/distillmesh/train/recipe"
)

// A whole training step, augmentation and optimizer included, on Gorgonia's tape
// machine, by float64 references, is the step on the processor. The ConvNetD3s have
// the sizes of digits and photographs, and channels enough for Winograd's algorithm;
// the published width of 128 would take the references four times as long.
func TestWholeTrainingStepsAgreeOnBothEngines(t *testing.T) {
	for name, c := range map[string]struct {
		shape     data.Shape
		optimizer string
		rate      float64 // such that a step is long beside rounding
	}{"lenet": {digit, recipe.Adam, 1e-3}, "convnet3:32": {digit, recipe.SGD, 0.1},
		"convnet3:64": {data.Shape{C: 3, H: 32, W: 32}, recipe.SGD, 0.1}} {
		t.Run(name, func(t *testing.T) {
			s := blobs(6, c.shape, 10, false)
			r := recipe.Recipe{Optimizer: c.optimizer, LR: c.rate, WeightDecay: 1e-4, Batch: 3, MinSteps: 2, Augment: "dsa"}
			if c.optimizer == recipe.SGD {
				r.Momentum = 0.9
			}
			params := func(e graph.Engine) ([][]float32, float64) {
				l, err := newLoop(network(t, name, s), s, r, Options{Seed: 3})
				if err != nil {
					t.Fatal(err)
				}
				l.engine.Close()
				l.engine = e
				defer e.Close()
				strategy, _ := r.Strategy()
				err = errors.Join(l.upload(network(t, name, s), strategy), l.step(), l.step(), l.fetch())
				if err != nil {
					t.Fatal(err)
				}
				loss, err := l.stepper.Loss()
				if err != nil {
					t.Fatal(err)
				}
				return l.state.params, loss
			}
			got, loss := params(cpu.New(2))
			want, wantLoss := params(tape.Engine{})
			if math.Abs(loss-wantLoss) > 1e-4*wantLoss {
				t.Errorf("loss %v, by references %v", loss, wantLoss)
			}
			// Adam's first steps are as long as the rate wherever a gradient is not
			// zero: where it nearly is, its sign is rounding.
			off, all := 0, 0
			for i := range want {
				for j, w := range want[i] {
					all++
					if math.Abs(float64(got[i][j]-w)) > 1e-5+1e-4*math.Abs(float64(w)) {
						off++
					}
				}
			}
			if off > all/1000 {
				t.Errorf("%d of %d parameters differ", off, all)
			}
		})
	}
}
