package cpu

import (
	"fmt"
	"slices"

	"gorgonia.org/tensor"

	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/graph/lower"
	"github.com/distillmesh/distillmesh/train/kernel"
)

// value is one distinct expression of a program.
type value struct {
	op      graph.Operation // nil for an input
	kernel  binder          // of the operation
	shape   tensor.Shape
	in      []int // the values it is computed from
	storage int   // index of its memory
	data    []float32
	step    int    // index of the step that computes it
	row     rowRun // its kernel in a row program; nil: not part of a row program
	kept    bool   // whether it has memory of its own
}

// step computes one value by a kernel, or several by a row program.
type step struct {
	values []int
	level  int
	rows   int // of a row program
	run    run
	in     [][]float32
	fused  *rowProgram
}

// compile makes a program for the engine's workers. All memory is laid out here: values
// whose lives do not overlap share it.
func compile(pool *kernel.Pool, s graph.Spec) (*program, error) {
	list, err := lower.Lower(s)
	if err != nil {
		return nil, err
	}
	p := &program{pool: pool, results: len(s.Outputs), inputs: list.Inputs, outputs: list.Outputs}
	for _, v := range list.Values {
		own := value{op: v.Op, shape: v.Shape, in: v.In}
		if v.Op == nil {
			own.step, own.kept = -1, true
		} else if own.kernel, err = kernelOf(v.Op); err != nil {
			return nil, fmt.Errorf("compile: %w", err)
		}
		p.values = append(p.values, own)
	}
	p.fuse()
	p.layOut()
	p.bindSteps()
	return p, p.addUpdates(s.Updates)
}

// bindSteps prepares each step's kernel on the memory it was given.
func (p *program) bindSteps() {
	p.steps = slices.DeleteFunc(p.steps, func(s step) bool {
		_, shared := p.values[s.values[0]].op.(graph.ReshapeOp)
		return shared
	})
	for i := range p.steps {
		s := &p.steps[i]
		if s.rows > 0 {
			s.fused = newRowProgram(p, *s)
			continue
		}
		v := p.values[s.values[0]]
		shapes := make([]tensor.Shape, len(v.in))
		for j, from := range v.in {
			shapes[j] = p.values[from].shape
		}
		s.run, s.in = v.kernel.bind(shapes, v.shape), make([][]float32, len(v.in))
	}
}
