package cpu

import (
	"fmt"
	"math"

	"gorgonia.org/tensor"

	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/kernel"
)

// update is a rule bound to values of its program.
type update struct {
	rule   graph.Rule
	values []int // among the program's
	in     [][]float32
	run    func(in [][]float32)
}

// addUpdates binds the updates. What they read is kept as outputs.
func (p *program) addUpdates(updates []graph.Update) error {
	at := p.outputs[p.results:]
	for _, u := range updates {
		bound := update{rule: u.Rule, values: at[:len(u.In)], in: make([][]float32, len(u.In))}
		shapes := make([]tensor.Shape, len(u.In))
		for i, n := range u.In {
			shapes[i] = n.Shape()
		}
		at = at[len(u.In):]
		if bound.run = updateOf(u.Rule, shapes); bound.run == nil {
			return fmt.Errorf("engine cpu: no kernel for update %s", u.Rule)
		}
		p.updates = append(p.updates, bound)
	}
	p.moved = true
	return nil
}

// updateOf is the kernel of a rule, or nil.
func updateOf(rule graph.Rule, shapes []tensor.Shape) func(in [][]float32) {
	switch r := rule.(type) {
	case graph.AssignRule:
		return func(in [][]float32) { copy(in[0], in[1]) }
	case graph.DescendRule:
		return func(in [][]float32) { kernel.ScaleAdd(in[0], in[2], in[1], -in[3][0]) }
	case graph.MomentumRule:
		return func(in [][]float32) {
			rates := in[3]
			kernel.Momentum(in[0], in[1], in[2], rates[0], rates[1], rates[2])
		}
	case graph.AdamRule:
		return func(in [][]float32) {
			rates, decay := in[4], in[4][5]
			if r.Decoupled {
				kernel.ScaleAdd(in[0], in[0], in[0], -decay)
				decay = 0
			}
			kernel.AdamStep{Rate: rates[0], Root: rates[1], Beta1: rates[2], Beta2: rates[3], Epsilon: rates[4],
				Decay: decay}.Apply(in[0], in[1], in[2], in[3])
		}
	case graph.ClampRule:
		area := 1
		if len(shapes[0]) > 2 {
			area = shapes[0][2:].TotalSize()
		}
		return func(in [][]float32) { clamp(in[0], in[1], in[2], area) }
	case graph.DistanceRule:
		return func(in [][]float32) { distance(in[0], in[1], in[2], r.Squared) }
	}
	return nil
}

// clamp moves values into the range of their channel.
func clamp(x, low, high []float32, area int) {
	for i, v := range x {
		c := i / area % len(low)
		x[i] = min(max(v, low[c]), high[c])
	}
}

// distance adds up in float64.
func distance(to, a, b []float32, squared bool) {
	sum := 0.0
	for i, v := range a {
		d := float64(v) - float64(b[i])
		if squared {
			sum += d * d
		} else {
			sum += math.Abs(d)
		}
	}
	parts := graph.Split(sum)
	copy(to, parts[:])
}
