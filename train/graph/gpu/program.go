package gpu

import (
	"fmt"
	"strings"

	"github.com/distillmesh/distillmesh/train/gpu/driver"
	"github.com/distillmesh/distillmesh/train/gpu/fused"
	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/graph/lower"
)

// program is a planned program with its memory on the device.
type program struct {
	engine    *Engine
	plan      *plan
	kernels   []driver.Kernel // of each call
	arena     driver.Buffer   // everything but bound inputs
	size      int             // values of the arena
	inputs    []operand
	recording driver.Recording
}

// operand is where an array is.
type operand struct {
	buffer driver.Buffer
	at, n  int
}

var _ graph.Program = (*program)(nil)

// compile makes a program. Inputs have memory in its arena until they are bound.
func compile(e *Engine, s graph.Spec) (*program, error) {
	plan, err := newPlan(s)
	if err != nil {
		return nil, err
	}
	p := &program{engine: e, plan: plan}
	if err := p.build(); err != nil {
		return nil, err
	}
	var pieces []*lower.Piece
	for _, a := range plan.arrays {
		if a.piece != nil {
			pieces = append(pieces, a.piece)
		}
	}
	p.size = lower.Arrange(pieces)
	starts := make([]int, len(plan.Inputs))
	for i, at := range plan.Inputs {
		starts[i] = p.size
		p.size += lower.Aligned(plan.shape(at).TotalSize())
	}
	if p.arena, err = e.device.Alloc(p.size); err != nil {
		return nil, fmt.Errorf("program of %d bytes: %w", 4*p.size, err)
	}
	for i, at := range plan.Inputs {
		p.inputs = append(p.inputs, operand{p.arena, starts[i], plan.shape(at).TotalSize()})
	}
	return p, nil
}

// build finds the kernels of all calls.
func (p *program) build() error {
	var list []*fused.Kernel
	for _, c := range p.plan.calls {
		if c.fused != nil {
			list = append(list, c.fused)
		}
	}
	made, err := p.engine.builds.fusedKernels(list)
	if err != nil {
		return err
	}
	for i := range p.plan.calls {
		c := &p.plan.calls[i]
		if c.fused != nil {
			p.kernels, made, c.groups = append(p.kernels, made[0]), made[1:], c.fused.Groups()
			continue
		}
		k, err := p.engine.builds.fixedKernel(c.name)
		if err != nil {
			return err
		}
		p.kernels = append(p.kernels, k)
	}
	return nil
}

// place is where an array of the plan is.
func (p *program) place(a int) operand {
	if x := p.plan.arrays[a]; x.input >= 0 {
		return p.inputs[x.input]
	}
	piece := p.plan.arrays[a].piece
	return operand{p.arena, piece.Offset, piece.Size}
}

// record makes the launches with the arrays where they are now.
func (p *program) record() (err error) {
	launches := make([]driver.Launch, len(p.plan.calls))
	for i, c := range p.plan.calls {
		l := driver.Launch{Kernel: p.kernels[i], Groups: [3]int{c.groups[0], c.groups[1], 1},
			Args: []driver.Arg{driver.Pointer(p.engine.lanes)}}
		for _, a := range c.args {
			if a.array < 0 {
				l.Args = append(l.Args, driver.Arg{Bytes: a.bytes})
				continue
			}
			o := p.place(a.array)
			l.Args = append(l.Args, driver.Pointer(o.buffer), driver.Long(o.at), driver.Long(0))
		}
		launches[i] = l
	}
	p.recording, err = p.engine.device.Record(launches)
	return err
}

// forget drops the recording: arrays have moved.
func (p *program) forget() {
	if p.recording != nil {
		p.recording.Free()
		p.recording = nil
	}
}

// Set implements graph.Program.
func (p *program) Set(i int, values []float32) error {
	if o := p.inputs[i]; len(values) != o.n {
		return fmt.Errorf("set input %d: %w: %d values for shape %v", i, graph.ErrSize, len(values),
			p.plan.shape(p.plan.Inputs[i]))
	}
	return p.inputs[i].buffer.Write(p.inputs[i].at, values)
}

// Bind implements graph.Program.
func (p *program) Bind(i int, v graph.Variable) error {
	own, ok := v.(*variable)
	switch {
	case !ok || own.engine != p.engine:
		return fmt.Errorf("bind input %d: %w", i, graph.ErrForeign)
	case own.n != p.inputs[i].n:
		return fmt.Errorf("bind input %d: %w: %d values for shape %v", i, graph.ErrSize, own.n,
			p.plan.shape(p.plan.Inputs[i]))
	}
	if to := (operand{own.buffer, own.at, own.n}); to != p.inputs[i] {
		p.inputs[i] = to
		p.forget()
	}
	return nil
}

// Run implements graph.Program.
func (p *program) Run() error {
	if p.recording == nil {
		if err := p.record(); err != nil {
			return err
		}
	}
	return p.recording.Run()
}

// Get implements graph.Program.
func (p *program) Get(i int, into []float32) error {
	at := p.plan.Outputs[:len(p.plan.spec.Outputs)][i]
	if n := p.plan.shape(at).TotalSize(); len(into) != n {
		return fmt.Errorf("get output %d: %w: %d values for shape %v", i, graph.ErrSize, len(into), p.plan.shape(at))
	}
	o := p.place(p.plan.home[at])
	return o.buffer.Read(o.at, into)
}

// Bytes implements graph.Program.
func (p *program) Bytes() int { return 4 * p.size }

// Close implements graph.Program.
func (p *program) Close() {
	p.forget()
	p.arena.Free()
}

// String lists the launches in order.
func (p *program) String() string {
	var b strings.Builder
	for i, c := range p.plan.calls {
		fmt.Fprintf(&b, "%3d %s %v:", i, p.kernels[i].Name(), c.groups)
		for n, a := range c.args {
			if n == c.reads {
				b.WriteString(" ->")
			}
			if a.array >= 0 {
				fmt.Fprintf(&b, " %%%d", a.array)
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}
