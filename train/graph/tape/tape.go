// Package tape is the engine of expressions that checks the others: Gorgonia's own
// tape machine orders and runs the operations, each by its float64 reference. It
// shares no compiler, memory plan or kernels with package cpu, and is slower by
// orders of magnitude.
package tape

import (
	"fmt"
	"slices"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/distillmesh/distillmesh/train/graph"
)

// Engine runs programs on tape machines.
type Engine struct{}

var _ graph.Engine = Engine{}

// Name implements graph.Engine.
func (Engine) Name() string { return "gorgonia" }

// Variable implements graph.Engine.
func (Engine) Variable(n int) (graph.Variable, error) { return make(variable, n), nil }

// Close implements graph.Engine.
func (Engine) Close() {}

// Compile implements graph.Engine.
func (Engine) Compile(s graph.Spec) (graph.Program, error) {
	if err := graph.CheckSpec(s); err != nil {
		return nil, err
	}
	p := &program{spec: s}
	for _, n := range s.Inputs {
		p.memory = append(p.memory, make(variable, n.Shape().TotalSize()))
	}
	var roots gorgonia.Nodes
	for _, n := range p.read() {
		if op, _ := graph.OperationOf(n); op != nil {
			roots = append(roots, n)
		} else if !slices.Contains(s.Inputs, n) {
			return nil, fmt.Errorf("compile: %w: %s", graph.ErrUnfed, n.Name())
		}
	}
	seen := make(map[*graph.Node]bool)
	var err error
	for _, n := range roots {
		graph.Walk(n, seen, func(n *graph.Node) {
			if op, _ := graph.OperationOf(n); op == nil && !slices.Contains(s.Inputs, n) {
				err = fmt.Errorf("compile: %w: %s", graph.ErrUnfed, n.Name())
			}
		})
	}
	if err != nil || len(roots) == 0 {
		return p, err
	}
	p.machine = gorgonia.NewTapeMachine(roots[0].Graph().SubgraphRoots(roots...))
	return p, nil
}

// program is a tape machine with memory for its inputs.
type program struct {
	spec    graph.Spec
	memory  []variable // of each input
	machine gorgonia.VM
}

// read is every expression that outputs and updates read.
func (p *program) read() []*graph.Node {
	nodes := slices.Clone(p.spec.Outputs)
	for _, u := range p.spec.Updates {
		nodes = append(nodes, u.In...)
	}
	return nodes
}

// Set implements graph.Program.
func (p *program) Set(i int, values []float32) error { return p.memory[i].Set(values) }

// Bind implements graph.Program.
func (p *program) Bind(i int, v graph.Variable) error {
	own, ok := v.(variable)
	switch {
	case !ok:
		return fmt.Errorf("bind input %d: %w", i, graph.ErrForeign)
	case len(own) != len(p.memory[i]):
		return fmt.Errorf("bind input %d: %w: %d values for shape %v", i, graph.ErrSize, len(own), p.spec.Inputs[i].Shape())
	}
	p.memory[i] = own
	return nil
}

// Run implements graph.Program.
func (p *program) Run() error {
	for i, n := range p.spec.Inputs {
		value := tensor.New(tensor.WithShape(n.Shape().Clone()...), tensor.WithBacking(slices.Clone(p.memory[i])))
		if err := gorgonia.Let(n, value); err != nil {
			return fmt.Errorf("input %s: %w", n.Name(), err)
		}
	}
	if p.machine != nil {
		p.machine.Reset()
		if err := p.machine.RunAll(); err != nil {
			return fmt.Errorf("tape machine: %w", err)
		}
	}
	for _, u := range p.spec.Updates {
		if err := p.update(u); err != nil {
			return err
		}
	}
	return nil
}

// update runs a rule in float64, on copies.
func (p *program) update(u graph.Update) error {
	arrays := make([]graph.Array, len(u.In))
	places := make([]int, len(u.In)) // among the inputs
	for i, n := range u.In {
		arrays[i] = graph.Array{Shape: n.Shape(), Data: make([]float64, n.Shape().TotalSize())}
		from, err := p.value(n)
		if err != nil {
			return err
		}
		for j, v := range from {
			arrays[i].Data[j] = float64(v)
		}
		places[i] = slices.Index(p.spec.Inputs, n)
		// An array that occurs twice, as in w = w - rate g, is copied once.
		if first := slices.Index(u.In, n); first < i {
			arrays[i] = arrays[first]
		}
	}
	u.Rule.Reference(arrays)
	for _, i := range u.Rule.Writes() {
		for j, v := range arrays[i].Data {
			p.memory[places[i]][j] = float32(v)
		}
	}
	return nil
}

// value is that of an input or of an expression after the machine ran.
func (p *program) value(n *graph.Node) ([]float32, error) {
	if i := slices.Index(p.spec.Inputs, n); i >= 0 {
		return p.memory[i], nil
	}
	if n.Value() == nil {
		return nil, fmt.Errorf("%s has not been computed", n.Name())
	}
	v, ok := n.Value().Data().([]float32)
	if !ok {
		return nil, fmt.Errorf("%s holds %T", n.Name(), n.Value())
	}
	return v, nil
}

// Get implements graph.Program.
func (p *program) Get(i int, into []float32) error {
	if n := p.spec.Outputs[i].Shape().TotalSize(); n != len(into) {
		return fmt.Errorf("get output %d: %w: %d values for shape %v", i, graph.ErrSize, len(into), p.spec.Outputs[i].Shape())
	}
	v, err := p.value(p.spec.Outputs[i])
	if err != nil {
		return err
	}
	return variable(v).Get(into)
}

// Bytes implements graph.Program: the inputs; the machine's are not known.
func (p *program) Bytes() (n int) {
	for _, m := range p.memory {
		n += 4 * len(m)
	}
	return n
}

// String implements graph.Program.
func (p *program) String() string { return fmt.Sprint(p.machine) }

// Close implements graph.Program.
func (p *program) Close() {
	if p.machine != nil {
		p.machine.Close()
	}
}

// variable is memory on the host.
type variable []float32

// Len implements graph.Variable.
func (v variable) Len() int { return len(v) }

// Set implements graph.Variable.
func (v variable) Set(values []float32) error { return copyAll(v, values) }

// Get implements graph.Variable.
func (v variable) Get(into []float32) error { return copyAll(into, v) }

// Part implements graph.Variable.
func (v variable) Part(from, n int) graph.Variable { return v[from : from+n : from+n] }

// Close implements graph.Variable.
func (variable) Close() {}

func copyAll(to, from []float32) error {
	if len(to) != len(from) {
		return fmt.Errorf("%w: %d values for %d", graph.ErrSize, len(from), len(to))
	}
	copy(to, from)
	return nil
}
