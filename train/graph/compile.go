package graph

import (
	"errors"
	"fmt"
	"slices"
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
	step    int    // where it is computed
	row     rowRun // its kernel in a row program; nil: it stands alone
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
		c.place[n] = c.add(value{shape: n.Shape(), step: -1, kept: true})
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
	p.fuse()
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
	c.place[n] = c.distinct(c.inTwoSums(v))
}

// distinct is the place of a value, which it adds unless it is there.
func (c *compiler) distinct(v value) int {
	key := fmt.Sprint(v.op.String(), v.shape, v.in)
	at, ok := c.known[key]
	if !ok {
		at = c.add(v)
		c.known[key] = at
	}
	return at
}

// inTwoSums makes a sum within rows and over rows two: the first then belongs
// to the rows' program.
func (c *compiler) inTwoSums(v value) value {
	if _, ok := v.op.operation.(sumTo); !ok {
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
	first := c.distinct(value{op: &applied{operation: sumTo{within}, out: within}, shape: within, in: v.in})
	return value{op: v.op, shape: v.shape, in: []int{first}}
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

// bindSteps prepares each step's kernel on the memory it was given.
func (p *Program) bindSteps() {
	p.steps = slices.DeleteFunc(p.steps, func(s step) bool {
		_, shared := p.values[s.values[0]].op.operation.(reshape)
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
		s.run, s.in = v.op.bind(shapes, v.shape), make([][]float32, len(v.in))
	}
	p.resolve()
}

// resolve points every step at the present memory of its inputs.
func (p *Program) resolve() {
	for _, s := range p.steps {
		for i := range s.in {
			s.in[i] = p.values[p.values[s.values[0]].in[i]].data
		}
	}
}

// Run computes all outputs from what the inputs hold. It allocates nothing once
// the workers' scratch memory has grown to its size in the first run.
func (p *Program) Run() {
	for i := range p.steps {
		s := &p.steps[i]
		if s.fused != nil {
			s.fused.run(p.pool)
			continue
		}
		s.run(p.pool, s.in, p.values[s.values[0]].data)
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
		if p.values[j].kept && p.values[j].storage == p.values[at].storage {
			p.values[j].data = data
		}
	}
	p.resolve()
	return nil
}

// Bytes is the memory that the program holds for values, inputs included.
func (p *Program) Bytes() int { return 4 * len(p.arena) }

// String lists the program's values in the order of their steps, one a line;
// those of one row program stand together, and those that only it sees have no
// memory.
func (p *Program) String() string {
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
	return b.String()
}
