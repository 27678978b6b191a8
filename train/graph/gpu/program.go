package gpu

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/distillmesh/distillmesh/train/graph"
)

// program is a lane's part of a compiled program.
type program struct {
	engine   *Engine
	compiled *compiled
	bound    []binding
	key      string // of the bindings; empty when they have changed
	stepped  []int  // for how many runs SetSteps has set each input; 0: Set did
	closed   bool
}

// binding is the variable that is an input's memory; no slot: the arena's.
type binding struct {
	slot *slot
	at   int
}

var _ graph.Sequence = (*program)(nil)

// bindingKey identifies the bindings: equal ones have equal arguments.
func (p *program) bindingKey(steps int) string {
	if p.key == "" {
		b := []byte{'b'}
		for _, runs := range p.stepped {
			b = strconv.AppendBool(b, runs > 0)
		}
		for _, x := range p.bound {
			id := -1
			if x.slot != nil {
				id = x.slot.id
			}
			b = binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(b, uint64(id)), uint64(x.at))
		}
		p.key = string(b)
	}
	return p.key + strconv.Itoa(steps)
}

// input is where input i is in the lane, and its number of values.
func (p *program) input(i int) (o operand, n int) {
	c := p.compiled
	o = c.operand(p, c.plan.home[c.plan.Inputs[i]])
	o.at += p.engine.lane * o.step
	return o, c.plan.shape(c.plan.Inputs[i]).TotalSize()
}

// Set implements graph.Program.
func (p *program) Set(i int, values []float32) error {
	p.engine.group.host.mu.Lock()
	defer p.engine.group.host.mu.Unlock()
	o, n := p.input(i)
	if len(values) != n {
		return fmt.Errorf("set input %d: %w: %d values for shape %v", i, graph.ErrSize, len(values), p.inputShape(i))
	}
	return o.buffer.Write(o.at, values)
}

func (p *program) inputShape(i int) []int { return p.compiled.plan.shape(p.compiled.plan.Inputs[i]) }

// Bind implements graph.Program.
func (p *program) Bind(i int, v graph.Variable) error {
	own, ok := v.(*variable)
	if !ok || own.engine != p.engine {
		return fmt.Errorf("bind input %d: %w", i, graph.ErrForeign)
	}
	if n := p.compiled.plan.shape(p.compiled.plan.Inputs[i]).TotalSize(); own.n != n {
		return fmt.Errorf("bind input %d: %w: %d values for shape %v", i, graph.ErrSize, own.n, p.inputShape(i))
	}
	if to := (binding{own.slot, own.at}); to != p.bound[i] {
		p.bound[i], p.key = to, ""
	}
	return nil
}

// Run implements graph.Program.
func (p *program) Run() error {
	p.engine.group.host.mu.Lock()
	defer p.engine.group.host.mu.Unlock()
	return p.engine.group.run(p, 0)
}

// SetSteps implements graph.Sequence.
func (p *program) SetSteps(i int, values []float32) error {
	p.engine.group.host.mu.Lock()
	defer p.engine.group.host.mu.Unlock()
	n := p.compiled.plan.shape(p.compiled.plan.Inputs[i]).TotalSize()
	if n == 0 || len(values) == 0 || len(values)%n != 0 {
		return fmt.Errorf("set steps of input %d: %w: %d values for shape %v", i, graph.ErrSize, len(values), p.inputShape(i))
	}
	b, err := p.compiled.hold(i, len(values)/n, n)
	if err != nil {
		return err
	}
	if p.stepped[i] == 0 {
		p.key = ""
	}
	p.stepped[i] = len(values) / n
	return b.Write(p.engine.lane*len(values), values)
}

// RunSteps implements graph.Sequence.
func (p *program) RunSteps(steps int) error {
	p.engine.group.host.mu.Lock()
	defer p.engine.group.host.mu.Unlock()
	for i, runs := range p.stepped {
		if runs != 0 && runs != steps {
			return fmt.Errorf("run %d steps: %w: input %d has values for %d", steps, graph.ErrSize, i, runs)
		}
	}
	if steps < 1 {
		return fmt.Errorf("run %d steps: %w", steps, graph.ErrSize)
	}
	return p.engine.group.run(p, steps)
}

// Get implements graph.Program.
func (p *program) Get(i int, into []float32) error {
	c := p.compiled
	at := c.plan.Outputs[:len(c.plan.spec.Outputs)][i]
	if n := c.plan.shape(at).TotalSize(); len(into) != n {
		return fmt.Errorf("get output %d: %w: %d values for shape %v", i, graph.ErrSize, len(into), c.plan.shape(at))
	}
	p.engine.group.host.mu.Lock()
	defer p.engine.group.host.mu.Unlock()
	o := c.operand(p, c.plan.home[at])
	return o.buffer.Read(o.at+p.engine.lane*o.step, into)
}

// Bytes implements graph.Program.
func (p *program) Bytes() int { return 4 * p.compiled.size }

// Close implements graph.Program.
func (p *program) Close() {
	p.engine.group.host.mu.Lock()
	defer p.engine.group.host.mu.Unlock()
	p.release()
}

// release gives the program back; the host is locked.
func (p *program) release() {
	if p.closed {
		return
	}
	p.closed = true
	e := p.engine
	e.programs = slices.DeleteFunc(e.programs, func(o *program) bool { return o == p })
	p.compiled.users[e.lane] = false
	p.compiled.release()
}

// String lists the launches in order.
func (p *program) String() string {
	var b strings.Builder
	for i, c := range p.compiled.plan.calls {
		fmt.Fprintf(&b, "%3d %s %v:", i, p.compiled.kernels[i].Name(), c.groups)
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
