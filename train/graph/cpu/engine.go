// Package cpu is the engine of expressions on the processor: a compiled program
// with equal parts shared, element-wise chains fused into row programs, products
// contracted and all memory planned before the first run, on the kernels of
// package kernel. A steady run allocates nothing, and its results do not depend
// on the number of workers.
package cpu

import (
	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/kernel"
)

// Engine computes on a number of workers.
type Engine struct{ pool *kernel.Pool }

var _ graph.Engine = (*Engine)(nil)

// New starts an engine with a number of workers, the caller included; 0 for one per
// core. Close ends them.
func New(workers int) *Engine { return &Engine{kernel.NewPool(workers)} }

// Name implements graph.Engine.
func (*Engine) Name() string { return "cpu " + kernel.Name() }

// Compile implements graph.Engine.
func (e *Engine) Compile(s graph.Spec) (graph.Program, error) {
	p, err := compile(e.pool, s)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// Variable implements graph.Engine.
func (*Engine) Variable(n int) (graph.Variable, error) { return make(variable, n), nil }

// Close implements graph.Engine.
func (e *Engine) Close() { e.pool.Close() }
