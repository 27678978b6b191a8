package gpu

import (
	"fmt"
	"slices"

	"github.com/distillmesh/distillmesh/train/graph"
)

// Engine is a lane of a group.
type Engine struct {
	group    *Group
	lane     int
	held     []*slot
	programs []*program
}

var _ graph.Remote = (*Engine)(nil)

// Name implements graph.Engine.
func (e *Engine) Name() string { return e.group.host.name() }

// Remote implements graph.Remote.
func (*Engine) Remote() bool { return true }

// Compile implements graph.Engine.
func (e *Engine) Compile(s graph.Spec) (graph.Program, error) {
	plan, err := newPlan(s)
	if err != nil {
		return nil, err
	}
	e.group.host.mu.Lock()
	defer e.group.host.mu.Unlock()
	p, err := e.group.program(e, plan)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// Variable implements graph.Engine.
func (e *Engine) Variable(n int) (graph.Variable, error) {
	e.group.host.mu.Lock()
	defer e.group.host.mu.Unlock()
	s, err := e.group.take(e.lane, n)
	if err != nil {
		return nil, err
	}
	e.held = append(e.held, s)
	return &variable{engine: e, slot: s, n: n, owner: true}, nil
}

// Close implements graph.Engine.
func (e *Engine) Close() {
	e.group.host.mu.Lock()
	defer e.group.host.mu.Unlock()
	if e.group.engines[e.lane] == e {
		e.group.leave(e)
	}
}

// drop gives a slot back.
func (e *Engine) drop(s *slot) {
	if at := slices.Index(e.held, s); at >= 0 {
		e.held = slices.Delete(e.held, at, at+1)
		s.users[e.lane] = false
		e.group.release(s)
	}
}

// variable is a lane's part of a slot, or a part of another variable's.
type variable struct {
	engine *Engine
	slot   *slot
	at, n  int // within the lane's part
	owner  bool
}

var _ graph.Variable = (*variable)(nil)

// Len implements graph.Variable.
func (v *variable) Len() int { return v.n }

// place is where the variable starts in its slot's buffer.
func (v *variable) place() int { return v.engine.lane*v.slot.n + v.at }

// Set implements graph.Variable.
func (v *variable) Set(values []float32) error {
	if len(values) != v.n {
		return fmt.Errorf("%w: %d values, the variable has %d", graph.ErrSize, len(values), v.n)
	}
	v.engine.group.host.mu.Lock()
	defer v.engine.group.host.mu.Unlock()
	return v.slot.buffer.Write(v.place(), values)
}

// Get implements graph.Variable.
func (v *variable) Get(into []float32) error {
	if len(into) != v.n {
		return fmt.Errorf("%w: %d values, the variable has %d", graph.ErrSize, len(into), v.n)
	}
	v.engine.group.host.mu.Lock()
	defer v.engine.group.host.mu.Unlock()
	return v.slot.buffer.Read(v.place(), into)
}

// Part implements graph.Variable.
func (v *variable) Part(from, n int) graph.Variable {
	if from < 0 || n < 0 || from > v.n || n > v.n-from {
		panic(fmt.Sprintf("part %d to %d of a variable of %d values", from, from+n, v.n))
	}
	return &variable{engine: v.engine, slot: v.slot, at: v.at + from, n: n}
}

// Close implements graph.Variable.
func (v *variable) Close() {
	v.engine.group.host.mu.Lock()
	defer v.engine.group.host.mu.Unlock()
	if v.owner {
		v.owner = false
		v.engine.drop(v.slot)
	}
}
