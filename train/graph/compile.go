package graph

import (
	"errors"
	"fmt"
	"strings"

	"gorgonia.org/tensor"

	"github.com/distillmesh/distillmesh/train/kernel"
)

// ErrUnfed means that an output needs an input that the program does not have.
var ErrUnfed = errors.New("input is not among the program's")

// Program is a compiled set of expressions. It owns its memory, so it may run
// on one goroutine at a time; compile it twice to run it twice at once.
type Program struct {
	pool    *kernel.Pool
	values  []value
	steps   []step
	inputs  []int // place in values
	outputs []int
	arena   []float32
}

// value is one distinct expression of a program.
type value struct {
	op      *applied // nil for an input
	shape   tensor.Shape
	in      []int // the values it is made of
	storage int   // which piece of memory holds it
	data    []float32
}

// step is a value's kernel with its memory resolved.
type step struct {
	value int
	run   run
	in    [][]float32
}

// Compile makes a program that computes outputs from inputs on the pool's
// workers. Equal expressions are computed once, unneeded ones not at all, and
// all memory is laid out here: values whose lives do not overlap share it.
func Compile(pool *kernel.Pool, inputs, outputs []*Node) (*Program, error) {
	p := &Program{pool: pool}
	c := compiler{program: p, place: make(map[*Node]int), known: make(map[string]int), seen: make(map[*Node]bool)}
	for _, n := range inputs {
		if c.seen[n] {
			return nil, fmt.Errorf("compile: input %s given twice", n.Name())
		}
		c.seen[n] = true
		c.place[n] = c.add(value{shape: n.Shape()})
		p.inputs = append(p.inputs, c.place[n])
	}
	for _, n := range outputs {
		walk(n, c.seen, c.visit)
		if c.err != nil {
			return nil, fmt.Errorf("compile: %w", c.err)
		}
		p.outputs = append(p.outputs, c.place[n])
	}
	c.prune()
	p.layOut()
	p.bindSteps()
	return p, nil
}

// compiler turns nodes into distinct values.
type compiler struct {
	program *Program
	place   map[*Node]int
	known   map[string]int // by operation and inputs
	seen    map[*Node]bool
	err     error
}

func (c *compiler) add(v value) int {
	c.program.values = append(c.program.values, v)
	return len(c.program.values) - 1
}

func (c *compiler) visit(n *Node) {
	op := operationOf(n)
	if op == nil {
		c.err = errors.Join(c.err, fmt.Errorf("%w: %s", ErrUnfed, n.Name()))
		return
	}
	if c.err != nil {
		return
	}
	v := value{op: op, shape: n.Shape()}
	for _, child := range c.children(op) {
		v.in = append(v.in, c.place[child])
	}
	key := fmt.Sprint(op.String(), v.shape, v.in)
	at, ok := c.known[key]
	if !ok {
		at = c.add(v)
		c.known[key] = at
	}
	c.place[n] = at
}

// children are the nodes whose values an operation reads. A constant reads
// none, and arithmetic stretches by itself what a broadcast would write out.
func (c *compiler) children(op *applied) []*Node {
	switch o := op.operation.(type) {
	case mapped:
		if o.kind == &filling {
			return nil
		}
	case arithmetic:
		in := make([]*Node, len(op.in))
		for i, child := range op.in {
			in[i] = child
			if inner := operationOf(child); inner != nil && stretchesAlone(inner, op.in[1-i]) {
				in[i] = inner.in[0]
			}
		}
		return in
	}
	return op.in
}

// stretchesAlone tells whether op is a broadcast to no more than the shape of
// the other side of an arithmetic operation.
func stretchesAlone(op *applied, other *Node) bool {
	b, ok := op.operation.(broadcast)
	if !ok || !sameShape(b.to, other.Shape()) {
		return false
	}
	o := operationOf(other)
	if o == nil {
		return true
	}
	_, both := o.operation.(broadcast)
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

// bindSteps prepares each value's kernel on the memory it was given.
func (p *Program) bindSteps() {
	for at, v := range p.values {
		if v.op == nil {
			continue
		}
		if _, shared := v.op.operation.(reshape); shared {
			continue
		}
		shapes, in := make([]tensor.Shape, len(v.in)), make([][]float32, len(v.in))
		for i, from := range v.in {
			shapes[i] = p.values[from].shape
		}
		p.steps = append(p.steps, step{value: at, run: v.op.bind(shapes, v.shape), in: in})
	}
	p.resolve()
}

// resolve points every step at the present memory of its inputs.
func (p *Program) resolve() {
	for _, s := range p.steps {
		for i, from := range p.values[s.value].in {
			s.in[i] = p.values[from].data
		}
	}
}

// Run computes all outputs from what the inputs hold. It allocates nothing once
// the workers' scratch memory has grown to its size in the first run.
func (p *Program) Run() {
	for i := range p.steps {
		s := &p.steps[i]
		s.run(p.pool, s.in, p.values[s.value].data)
	}
}

// Input is the memory of input i: write the values there before a run.
func (p *Program) Input(i int) []float32 { return p.values[p.inputs[i]].data }

// Output is the memory of output i, valid until the next run.
func (p *Program) Output(i int) []float32 { return p.values[p.outputs[i]].data }

// Bind makes the caller's memory input i, so that parameters can be shared by
// several programs and updated in place. Programs never write to their inputs.
func (p *Program) Bind(i int, data []float32) error {
	at := p.inputs[i]
	if len(data) != len(p.values[at].data) {
		return fmt.Errorf("bind input %d: %d values for shape %v", i, len(data), p.values[at].shape)
	}
	for j := range p.values {
		if p.values[j].storage == p.values[at].storage {
			p.values[j].data = data
		}
	}
	p.resolve()
	return nil
}

// Bytes is the memory that the program holds for values, inputs included.
func (p *Program) Bytes() int { return 4 * len(p.arena) }

// String lists the program's steps, one a line, with the memory of each.
func (p *Program) String() string {
	var b strings.Builder
	for at, v := range p.values {
		name := "input"
		if v.op != nil {
			name = v.op.String()
		}
		fmt.Fprintf(&b, "%%%d = %s %v %v @%d\n", at, name, v.in, v.shape, v.storage)
	}
	return b.String()
}
