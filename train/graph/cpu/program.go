package cpu

import (
	"fmt"
	"strings"

	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/kernel"
)

// program is a compiled set of expressions. It owns its memory.
type program struct {
	pool    *kernel.Pool
	values  []value
	steps   []step
	inputs  []int // place in values
	outputs []int // then what updates read
	results int   // of the outputs, those that Get returns
	updates []update
	arena   []float32
	moved   bool // the memory of an input has changed since the steps were resolved
}

var _ graph.Program = (*program)(nil)

// Set implements graph.Program.
func (p *program) Set(i int, values []float32) error {
	at := p.inputs[i]
	if n := p.values[at].shape.TotalSize(); len(values) != n {
		return fmt.Errorf("set input %d: %w: %d values for shape %v", i, graph.ErrSize, len(values), p.values[at].shape)
	}
	if p.values[at].data == nil {
		p.point(at, make([]float32, len(values)))
	}
	copy(p.values[at].data, values)
	return nil
}

// Get implements graph.Program.
func (p *program) Get(i int, into []float32) error {
	from := p.values[p.outputs[:p.results][i]].data
	if len(into) != len(from) {
		return fmt.Errorf("get output %d: %w: %d values for shape %v", i, graph.ErrSize, len(into),
			p.values[p.outputs[i]].shape)
	}
	copy(into, from)
	return nil
}

// Bind implements graph.Program.
func (p *program) Bind(i int, v graph.Variable) error {
	own, ok := v.(variable)
	at := p.inputs[i]
	switch {
	case !ok:
		return fmt.Errorf("bind input %d: %w", i, graph.ErrForeign)
	case len(own) != p.values[at].shape.TotalSize():
		return fmt.Errorf("bind input %d: %w: %d values for shape %v", i, graph.ErrSize, len(own), p.values[at].shape)
	case len(own) == 0 || p.values[at].data != nil && &own[0] == &p.values[at].data[0]:
		return nil
	}
	p.point(at, own)
	return nil
}

// point makes data the memory of an input and of the values that share it.
func (p *program) point(at int, data []float32) {
	for j := range p.values {
		if p.values[j].kept && p.values[j].storage == p.values[at].storage {
			p.values[j].data = data
		}
	}
	p.moved = true
}

// resolve gives every step and update the current memory of its inputs.
func (p *program) resolve() {
	for _, at := range p.inputs {
		if p.values[at].data == nil {
			p.point(at, make([]float32, p.values[at].shape.TotalSize()))
		}
	}
	for _, s := range p.steps {
		for i := range s.in {
			s.in[i] = p.values[p.values[s.values[0]].in[i]].data
		}
	}
	for _, u := range p.updates {
		for i, at := range u.values {
			u.in[i] = p.values[at].data
		}
	}
	p.moved = false
}

// Run implements graph.Program.
func (p *program) Run() error {
	if p.moved {
		p.resolve()
	}
	for i := range p.steps {
		s := &p.steps[i]
		if s.fused != nil {
			s.fused.run(p.pool)
			continue
		}
		s.run(p.pool, s.in, p.values[s.values[0]].data)
	}
	for i := range p.updates {
		p.updates[i].run(p.updates[i].in)
	}
	return nil
}

// Bytes implements graph.Program.
func (p *program) Bytes() int { return 4 * len(p.arena) }

// Close implements graph.Program.
func (p *program) Close() { p.arena = nil }

// String lists the program's values in the order of their steps, one per line;
// those of one row program are grouped, and those local to it have no memory.
// Updates follow.
func (p *program) String() string {
	var b strings.Builder
	for _, at := range p.inputs {
		fmt.Fprintf(&b, "%%%d = input %v @%d\n", at, p.values[at].shape, p.values[at].storage)
	}
	for i, s := range p.steps {
		for _, at := range s.values {
			v, where := p.values[at], "-"
			if v.kept {
				where = fmt.Sprintf("@%d", v.storage)
			}
			fmt.Fprintf(&b, "%3d %%%d = %s %v %v %s\n", i, at, v.op, v.in, v.shape, where)
		}
	}
	for _, u := range p.updates {
		fmt.Fprintf(&b, "    %s %v\n", u.rule, u.values)
	}
	return b.String()
}

// variable is resident memory: for this engine, host memory.
type variable []float32

var _ graph.Variable = variable(nil)

// Len implements graph.Variable.
func (v variable) Len() int { return len(v) }

// Set implements graph.Variable.
func (v variable) Set(values []float32) error { return v.copy(v, values) }

// Get implements graph.Variable.
func (v variable) Get(into []float32) error { return v.copy(into, v) }

func (v variable) copy(to, from []float32) error {
	if len(to) != len(from) {
		return fmt.Errorf("%w: %d values, the variable and its copy have %d", graph.ErrSize, len(from), len(to))
	}
	copy(to, from)
	return nil
}

// Part implements graph.Variable.
func (v variable) Part(from, n int) graph.Variable { return v[from : from+n : from+n] }

// Close implements graph.Variable.
func (variable) Close() {}
