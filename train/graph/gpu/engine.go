// Package gpu is the engine of expressions on a GPU. A compiled program is a list of launches, replayed
// as one: products and convolutions by fixed kernels, chains of functions of single values and
// their sums by kernels made for the program. Variables, programs and what they compute
// stay on the device.
package gpu

import (
	"fmt"

	"github.com/distillmesh/distillmesh/train/gpu/driver"
	"github.com/distillmesh/distillmesh/train/graph"
)

// Engine computes on one device.
type Engine struct {
	device driver.Device
	builds *builds
	lanes  driver.Buffer // the numbers of the lanes that are computed: 0
}

var _ graph.Engine = (*Engine)(nil)

// New is an engine on an opened device, which Close closes.
func New(d driver.Device) (*Engine, error) {
	lanes, err := d.Alloc(1)
	if err != nil {
		return nil, err
	}
	return &Engine{device: d, builds: newBuilds(d), lanes: lanes}, nil
}

// Name implements graph.Engine.
func (e *Engine) Name() string { return fmt.Sprintf("%s %s", e.device.Info().ID, e.device.Info().Name) }

// Compile implements graph.Engine.
func (e *Engine) Compile(s graph.Spec) (graph.Program, error) {
	p, err := compile(e, s)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// Variable implements graph.Engine.
func (e *Engine) Variable(n int) (graph.Variable, error) {
	b, err := e.device.Alloc(n)
	if err != nil {
		return nil, fmt.Errorf("variable of %d values: %w", n, err)
	}
	return &variable{engine: e, buffer: b, n: n, owner: true}, nil
}

// Close implements graph.Engine.
func (e *Engine) Close() { e.device.Close() }

// variable is memory of the device, or a part of another variable's.
type variable struct {
	engine *Engine
	buffer driver.Buffer
	at, n  int
	owner  bool
}

var _ graph.Variable = (*variable)(nil)

// Len implements graph.Variable.
func (v *variable) Len() int { return v.n }

// Set implements graph.Variable.
func (v *variable) Set(values []float32) error {
	if len(values) != v.n {
		return fmt.Errorf("%w: %d values, the variable has %d", graph.ErrSize, len(values), v.n)
	}
	return v.buffer.Write(v.at, values)
}

// Get implements graph.Variable.
func (v *variable) Get(into []float32) error {
	if len(into) != v.n {
		return fmt.Errorf("%w: %d values, the variable has %d", graph.ErrSize, len(into), v.n)
	}
	return v.buffer.Read(v.at, into)
}

// Part implements graph.Variable.
func (v *variable) Part(from, n int) graph.Variable {
	if from < 0 || n < 0 || from+n > v.n {
		panic(fmt.Sprintf("part %d to %d of a variable of %d values", from, from+n, v.n))
	}
	return &variable{engine: v.engine, buffer: v.buffer, at: v.at + from, n: n}
}

// Close implements graph.Variable.
func (v *variable) Close() {
	if v.owner {
		v.buffer.Free()
		v.owner = false
	}
}
