// Package lower turns expressions into a list of distinct values, in an order in which they can
// be computed: what every engine's compiler starts from.
package lower

import (
	"errors"
	"fmt"
	"slices"

	"gorgonia.org/tensor"

	"github.com/distillmesh/distillmesh/train/graph"
)

// Value is one distinct expression.
type Value struct {
	Op    graph.Operation // nil for an input
	Shape tensor.Shape
	// In are the places of the values that it is computed from. A constant has none, and the
	// operands of arithmetic may have to be stretched.
	In []int
}

// List is the values of a program.
type List struct {
	Values []Value // each after those that it is computed from, the inputs first
	Inputs []int   // places, in the order of the Spec
	// Outputs are the places of the outputs, then those of what each update reads and writes.
	Outputs []int
}

// Lower lists the values of a Spec: equal ones once, those that nothing needs not at all. It fails
// with ErrUnfed where an input is missing.
func Lower(s graph.Spec) (*List, error) {
	if err := graph.CheckSpec(s); err != nil {
		return nil, err
	}
	b := builder{place: make(map[*graph.Node]int), known: make(map[string]int), seen: make(map[*graph.Node]bool)}
	for _, n := range s.Inputs {
		b.seen[n] = true
		b.place[n] = b.add(Value{Shape: n.Shape()})
		b.Inputs = append(b.Inputs, b.place[n])
	}
	wanted := slices.Clone(s.Outputs)
	for _, u := range s.Updates {
		wanted = append(wanted, u.In...)
	}
	for _, n := range wanted {
		graph.Walk(n, b.seen, b.visit)
		if b.err != nil {
			return nil, fmt.Errorf("compile: %w", b.err)
		}
		b.Outputs = append(b.Outputs, b.place[n])
	}
	b.prune()
	return &b.List, nil
}

// builder turns nodes into distinct values.
type builder struct {
	List
	place map[*graph.Node]int
	known map[string]int // by operation and inputs
	seen  map[*graph.Node]bool
	err   error
}

func (b *builder) add(v Value) int {
	b.Values = append(b.Values, v)
	return len(b.Values) - 1
}

func (b *builder) visit(n *graph.Node) {
	op, in := graph.OperationOf(n)
	if op == nil {
		b.err = errors.Join(b.err, fmt.Errorf("%w: %s", graph.ErrUnfed, n.Name()))
		return
	}
	if b.err != nil {
		return
	}
	v := Value{Op: op, Shape: n.Shape()}
	for _, child := range children(op, in) {
		v.In = append(v.In, b.place[child])
	}
	b.place[n] = b.distinct(b.splitReduction(v))
}

// distinct is the place of a value, which is added unless it exists.
func (b *builder) distinct(v Value) int {
	key := fmt.Sprint(v.Op.String(), v.Shape, v.In)
	at, ok := b.known[key]
	if !ok {
		at = b.add(v)
		b.known[key] = at
	}
	return at
}

// splitReduction splits a sum within rows and over rows into two: the first can
// then be computed together with what comes before it.
func (b *builder) splitReduction(v Value) Value {
	if _, ok := v.Op.(graph.SumOp); !ok {
		return v
	}
	in := b.Values[v.In[0]].Shape
	within, lead := in.Clone(), 1
	if len(in) == 4 {
		lead = 2
	}
	for i := range within {
		if i >= lead {
			within[i] = v.Shape[i]
		}
	}
	if slices.Equal(within, in) || slices.Equal(within, v.Shape) || within[min(lead, len(within)):].TotalSize() != 1 {
		return v
	}
	first := b.distinct(Value{Op: graph.SumOp{To: within}, Shape: within, In: v.In})
	return Value{Op: v.Op, Shape: v.Shape, In: []int{first}}
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
	if !ok || !slices.Equal(b.To, other.Shape()) {
		return false
	}
	o, _ := graph.OperationOf(other)
	_, both := o.(graph.BroadcastOp)
	return !both
}

// prune drops values that no output needs.
func (b *builder) prune() {
	needed := make([]bool, len(b.Values))
	for _, at := range b.Outputs {
		needed[at] = true
	}
	for at := len(b.Values) - 1; at >= 0; at-- {
		if needed[at] {
			for _, in := range b.Values[at].In {
				needed[in] = true
			}
		}
	}
	moved, kept := make([]int, len(b.Values)), b.Values[:0]
	for at, v := range b.Values {
		if !needed[at] && v.Op != nil {
			continue
		}
		for i, in := range v.In {
			v.In[i] = moved[in]
		}
		moved[at] = len(kept)
		kept = append(kept, v)
	}
	b.Values = kept
	for i, at := range b.Outputs {
		b.Outputs[i] = moved[at]
	}
}
