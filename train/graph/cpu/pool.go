package cpu

import (
	"gorgonia.org/tensor"

	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/kernel"
)

type pick graph.PickOp
type scatter graph.ScatterOp

func (o pick) onRows(in []rowOperand, shapes []tensor.Shape, _ tensor.Shape) rowRun {
	w := windowsOf(shapes[0], o.Size, o.Stride)
	return func(rows int, out []float32, in [3][]float32) { w.Pick(rows, in[0], in[1], out) }
}

func (o pick) bind(in []tensor.Shape, out tensor.Shape) run { return onAllRows(o, in, out) }

func (o scatter) onRows(in []rowOperand, shapes []tensor.Shape, _ tensor.Shape) rowRun {
	w := windowsOf(shapes[0], o.Size, o.Stride)
	return func(rows int, out []float32, in [3][]float32) { w.Scatter(rows, in[0], in[1], out) }
}

func (o scatter) bind(in []tensor.Shape, out tensor.Shape) run { return onAllRows(o, in, out) }

// windowsOf are the windows on maps whose shape has been accepted before.
func windowsOf(maps tensor.Shape, size, stride int) kernel.Windows {
	w, err := graph.WindowsOf(maps, size, stride)
	if err != nil {
		panic(&graph.ShapeError{Op: "windows", Cause: err})
	}
	return kernel.Windows(w)
}
