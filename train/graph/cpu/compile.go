package cpu

import (
	"errors"
	"fmt"
	"slices"

	"gorgonia.org/tensor"

	"github.com/distillmesh/distillmesh/train/graph"
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

// compile makes a program for the engine's workers. Equal expressions are computed
// once, unneeded ones not at all, and all memory is laid out here: values whose
// lives do not overlap share it.
func compile(pool *kernel.Pool, s graph.Spec) (*program, error) {
	if err := graph.CheckSpec(s); err != nil {
		return nil, err
	}
	p := &program{pool: pool, results: len(s.Outputs)}
	c := compiler{program: p, place: make(map[*graph.Node]int), known: make(map[string]int),
		seen: make(map[*graph.Node]bool)}
	for _, n := range s.Inputs {
		c.seen[n] = true
		c.place[n] = c.add(value{shape: n.Shape(), step: -1, kept: true})
		p.inputs = append(p.inputs, c.place[n])
	}
	wanted := slices.Clone(s.Outputs)
	for _, u := range s.Updates {
		wanted = append(wanted, u.In...)
	}
	for _, n := range wanted {
		graph.Walk(n, c.seen, c.visit)
		if c.err != nil {
			return nil, fmt.Errorf("compile: %w", c.err)
		}
		p.outputs = append(p.outputs, c.place[n])
	}
	c.prune()
	p.fuse()
	p.layOut()
	p.bindSteps()
	return p, p.addUpdates(s.Updates)
}

// compiler turns nodes into distinct values.
type compiler struct {
	program *program
	place   map[*graph.Node]int
	known   map[string]int // by operation and inputs
	seen    map[*graph.Node]bool
	err     error
}

func (c *compiler) add(v value) int {
	c.program.values = append(c.program.values, v)
	return len(c.program.values) - 1
}

func (c *compiler) visit(n *graph.Node) {
	op, in := graph.OperationOf(n)
	if op == nil {
		c.err = errors.Join(c.err, fmt.Errorf("%w: %s", graph.ErrUnfed, n.Name()))
		return
	}
	if c.err != nil {
		return
	}
	v := value{op: op, shape: n.Shape()}
	if v.kernel, c.err = kernelOf(op); c.err != nil {
		return
	}
	for _, child := range children(op, in) {
		v.in = append(v.in, c.place[child])
	}
	c.place[n] = c.distinct(c.splitReduction(v))
}

// distinct is the index of a value, which is added unless it exists.
func (c *compiler) distinct(v value) int {
	key := fmt.Sprint(v.op.String(), v.shape, v.in)
	at, ok := c.known[key]
	if !ok {
		at = c.add(v)
		c.known[key] = at
	}
	return at
}

// splitReduction splits a sum within rows and over rows into two: the first can
// then join a row program.
func (c *compiler) splitReduction(v value) value {
	if _, ok := v.op.(graph.SumOp); !ok {
		return v
	}
	in := c.program.values[v.in[0]].shape
	within := in.Clone()
	for i := range within {
		if i > 0 && (len(in) != 4 || i > 1) {
			within[i] = v.shape[i]
		}
	}
	if sameShape(within, in) || sameShape(within, v.shape) || rowSize(within) != 1 {
		return v
	}
	inner := graph.SumOp{To: within}
	first := c.distinct(value{op: inner, kernel: sum(inner), shape: within, in: v.in})
	return value{op: v.op, kernel: v.kernel, shape: v.shape, in: []int{first}}
}

// children are the nodes whose values an operation reads. A constant reads
// none, and arithmetic broadcasts its operands itself.
func children(op graph.Operation, in []*graph.Node) []*graph.Node {
	switch o := op.(type) {
	case graph.MapOp:
		if o.Function == graph.FillWith {
			return nil
		}
	case graph.ArithmeticOp:
		out := make([]*graph.Node, len(in))
		for i, child := range in {
			out[i] = child
			if b, of := graph.OperationOf(child); b != nil && stretchesAlone(b, in[1-i]) {
				out[i] = of[0]
			}
		}
		return out
	}
	return in
}

// stretchesAlone reports whether op is a broadcast that an arithmetic operation
// with that other operand does itself.
func stretchesAlone(op graph.Operation, other *graph.Node) bool {
	b, ok := op.(graph.BroadcastOp)
	if !ok || !sameShape(b.To, other.Shape()) {
		return false
	}
	o, _ := graph.OperationOf(other)
	_, both := o.(graph.BroadcastOp)
	return !both
}

// prune drops values that no output needs.
func (c *compiler) prune() {
	p := c.program
	needed := make([]bool, len(p.values))
	for _, at := range p.outputs {
		needed[at] = true
	}
	for at := len(p.values) - 1; at >= 0; at-- {
		if needed[at] {
			for _, in := range p.values[at].in {
				needed[in] = true
			}
		}
	}
	moved, kept := make([]int, len(p.values)), p.values[:0]
	for at, v := range p.values {
		if !needed[at] && v.op != nil {
			continue
		}
		for i, in := range v.in {
			v.in[i] = moved[in]
		}
		moved[at] = len(kept)
		kept = append(kept, v)
	}
	p.values = kept
	for i, at := range p.outputs {
		p.outputs[i] = moved[at]
	}
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
