package enginetest

import (
	"fmt"
	"math/rand/v2"

	"gorgonia.org/tensor"

	"github.com/distillmesh/distillmesh/train/graph"
)

// rule is a kind of update on arrays of given shapes.
type rule struct {
	name    string
	shapes  []tensor.Shape
	last    []float32 // values of the last array, where they have a meaning
	factors []float32 // of the values of the other arrays; nil: 1
	build   func(in []*graph.Node) graph.Update
}

// rules is a table of all rules.
func rules() []rule {
	// 37 values are vectors and a rest on every processor.
	s := tensor.Shape{37}
	var adam, plain [6]float32
	graph.AdamRates(&adam, 3, 0.01, graph.Beta1, graph.Beta2, 1e-2)
	graph.AdamRates(&plain, 3, 0.5, graph.Beta1, graph.Beta2, 0)
	step := func(in []*graph.Node) graph.Update { return graph.Adam(in[0], in[1], in[2], in[3], in[4]) }
	return []rule{
		{name: "assign", shapes: shapes(1, s, 37),
			build: func(in []*graph.Node) graph.Update { return graph.Assign(in[0], in[1]) }},
		{name: "descend", shapes: shapes(3, s, 1), last: []float32{0.3},
			build: func(in []*graph.Node) graph.Update { return graph.Descend(in[0], in[1], in[2], in[3]) }},
		{name: "descend in place", shapes: shapes(2, s, 1), last: []float32{0.3},
			build: func(in []*graph.Node) graph.Update { return graph.Descend(in[0], in[0], in[1], in[2]) }},
		{name: "momentum", shapes: shapes(3, s, 3), last: []float32{0.1, 0.9, 0.01},
			build: func(in []*graph.Node) graph.Update { return graph.Momentum(in[0], in[1], in[2], in[3]) }},
		{name: "adam", shapes: shapes(4, s, 6), last: adam[:], build: step},
		{name: "adam where epsilon decides", shapes: shapes(4, s, 6), last: plain[:],
			factors: []float32{1, 1e-8, 1e-8, 1e-19}, build: step},
		{name: "adamw", shapes: shapes(4, s, 6), last: adam[:],
			build: func(in []*graph.Node) graph.Update { return graph.AdamW(in[0], in[1], in[2], in[3], in[4]) }},
		{name: "clamp", shapes: []tensor.Shape{{2, 3, 2, 2}, {3}, {3}}, last: []float32{0.2, 0.4, 0.6},
			build: func(in []*graph.Node) graph.Update { return graph.Clamp(in[0], graph.Scale(in[1], -0.2), in[2]) }},
		{name: "distance", shapes: []tensor.Shape{{3}, {37}, {37}},
			build: func(in []*graph.Node) graph.Update { return graph.Distance(in[0], in[1], in[2], false) }},
		{name: "squared distance", shapes: []tensor.Shape{{3}, {37}, {37}}, build: func(in []*graph.Node) graph.Update {
			return graph.Distance(in[0], in[1], graph.Scale(in[2], 0.5), true)
		}},
	}
}

// update compares what a rule writes, in three runs, with its reference.
func update(e graph.Engine, r rule) error {
	rng := rand.New(rand.NewPCG(3, 3))
	g := graph.New()
	s := graph.Spec{}
	var variables []graph.Variable
	values := make(map[*graph.Node][]float64)
	for i, shape := range r.shapes {
		n := graph.Input(g, fmt.Sprint("a", i), shape...)
		feed := narrow(apart(rng, shape.TotalSize(), true))
		if i == len(r.shapes)-1 && r.last != nil {
			feed = r.last
		} else if r.factors != nil {
			for j := range feed {
				feed[j] *= r.factors[i]
			}
		}
		v, err := e.Variable(len(feed))
		if err != nil {
			return err
		}
		if err := v.Set(feed); err != nil {
			return err
		}
		for _, x := range feed {
			values[n] = append(values[n], float64(x))
		}
		s.Inputs, variables = append(s.Inputs, n), append(variables, v)
	}
	u := r.build(s.Inputs)
	s.Updates = []graph.Update{u}
	p, err := e.Compile(s)
	if err != nil {
		return err
	}
	if err := graph.BindAll(p, 0, variables); err != nil {
		return err
	}
	for range 3 {
		if err := p.Run(); err != nil {
			return err
		}
		if err := refer(u, values); err != nil {
			return err
		}
	}
	for i, n := range s.Inputs {
		got := make([]float32, variables[i].Len())
		if err := variables[i].Get(got); err != nil {
			return err
		}
		if err := near(got, values[n]); err != nil {
			return fmt.Errorf("array %d: %w", i, err)
		}
	}
	return nil
}

// refer runs a rule's reference on the values of inputs.
func refer(u graph.Update, values map[*graph.Node][]float64) error {
	arrays := make([]graph.Array, len(u.In))
	for i, n := range u.In {
		v, ok := values[n]
		if !ok {
			out, err := graph.Reference(values, n)
			if err != nil {
				return err
			}
			v = out[0]
		}
		arrays[i] = graph.Array{Shape: n.Shape(), Data: v}
	}
	u.Rule.Reference(arrays)
	return nil
}
