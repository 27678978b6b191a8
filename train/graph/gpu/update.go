package gpu

import (
	"fmt"
	"slices"

	"gorgonia.org/tensor"

	"github.com/distillmesh/distillmesh/train/gpu/fused"
	"github.com/distillmesh/distillmesh/train/graph"
)

// addUpdates adds the calls of the updates, in order, after everything else.
func (p *plan) addUpdates() error {
	at := p.Outputs[len(p.spec.Outputs):]
	p.updates = len(p.calls)
	for _, rule := range p.spec.Updates {
		u := updater{in: at[:len(rule.In)]}
		at = at[len(rule.In):]
		shape := p.shape(u.in[0])
		if shape.TotalSize() == 0 {
			continue
		}
		u.fusedBuilder = fusedBuilder{plan: p, kernel: &fused.Kernel{Dims: []int{shape.TotalSize()}}, target: -1}
		switch r := rule.Rule.(type) {
		case graph.AssignRule:
			u.write(0, u.array(1))
		case graph.DescendRule:
			u.write(0, u.op(fused.Sub, u.array(1), u.op(fused.Mul, u.number(3, 0), u.array(2))))
		case graph.MomentumRule:
			u.momentum()
		case graph.AdamRule:
			u.adam(r.Decoupled)
		case graph.ClampRule:
			u.clamp(shape)
		case graph.DistanceRule:
			p.distance(u.in, r.Squared)
			continue
		default:
			return fmt.Errorf("engine gpu: no kernel for update %s", rule.Rule)
		}
		u.finish()
	}
	return nil
}

// mostTogether is how many arrays the kernels of one launch have: OpenCL promises room for a kilobyte of arguments,
// of which an array takes 24 bytes.
const mostTogether = 40

// together adds a call to the one before it, whose groups come first, where neither needs what the other writes and
// neither writes what the other reads.
func (p *plan) together(c call) bool {
	if len(p.calls) == p.updates {
		return false
	}
	last := &p.calls[len(p.calls)-1]
	if last.fused == nil || len(last.args)+len(c.args) > mostTogether {
		return false
	}
	for _, w := range last.writes {
		for _, a := range c.args {
			if a.array == w {
				return false
			}
		}
	}
	for _, w := range c.args[c.reads:] {
		if slices.ContainsFunc(last.args, func(a argument) bool { return a.array == w.array }) {
			return false
		}
		last.writes = append(last.writes, w.array)
	}
	last.fused.Also = append(last.fused.Also, c.fused)
	last.args = append(last.args, c.args...)
	return true
}

// updater writes the kernel of one update.
type updater struct {
	fusedBuilder
	in []int // its arrays' values
}

// array is the value of array i at the place at hand.
func (u *updater) array(i int) int { return u.read(u.plan.home[u.in[i]], tensor.Shape(u.kernel.Dims)) }

// number is number j of array i, the same everywhere.
func (u *updater) number(i, j int) int {
	return u.from(u.plan.home[u.in[i]], fused.Read{Start: j, Strides: make([]int, len(u.kernel.Dims))})
}

func (u *updater) op(o fused.Op, x, y int) int {
	return u.kernel.Add(fused.Instruction{Op: o, X: x, Y: y})
}

// write makes a value the new one of array i.
func (u *updater) write(i, value int) {
	u.kernel.Stores = append(u.kernel.Stores, fused.Result{Value: value})
	u.writes = append(u.writes, u.plan.home[u.in[i]])
}

// finish adds the call.
func (u *updater) finish() {
	for i := range u.kernel.Stores {
		u.kernel.Stores[i].Array = u.kernel.Inputs + i
	}
	c := u.call()
	if u.plan.together(c) {
		return
	}
	for _, w := range c.args[c.reads:] {
		c.writes = append(c.writes, w.array)
	}
	u.plan.calls = append(u.plan.calls, c)
}

// momentum: u = m u + (g + decay w); w -= rate u.
func (u *updater) momentum() {
	w, g, v := u.array(0), u.array(1), u.array(2)
	rate, m, decay := u.number(3, 0), u.number(3, 1), u.number(3, 2)
	v = u.op(fused.Add, u.op(fused.Mul, m, v), u.op(fused.Add, g, u.op(fused.Mul, decay, w)))
	u.write(2, v)
	u.write(0, u.op(fused.Sub, w, u.op(fused.Mul, rate, v)))
}

// adam: m = b1 m + (1-b1) g; v = b2 v + (1-b2) g^2; w -= rate m / (root sqrt(v) + epsilon).
func (u *updater) adam(decoupled bool) {
	w, g, m, v := u.array(0), u.array(1), u.array(2), u.array(3)
	rate, root, b1, b2, epsilon, decay := u.number(4, 0), u.number(4, 1), u.number(4, 2), u.number(4, 3), u.number(4, 4),
		u.number(4, 5)
	if decoupled {
		w = u.op(fused.Sub, w, u.op(fused.Mul, decay, w))
	} else {
		g = u.op(fused.Add, g, u.op(fused.Mul, decay, w))
	}
	one := u.kernel.Add(fused.Instruction{Op: fused.Constant, C: 1})
	m = u.op(fused.Add, u.op(fused.Mul, b1, m), u.op(fused.Mul, u.op(fused.Sub, one, b1), g))
	v = u.op(fused.Add, u.op(fused.Mul, b2, v), u.op(fused.Mul, u.op(fused.Mul, u.op(fused.Sub, one, b2), g), g))
	below := u.op(fused.Add, u.op(fused.Mul, root, u.op(fused.Sqrt, v, 0)), epsilon)
	u.write(2, m)
	u.write(3, v)
	u.write(0, u.op(fused.Sub, w, u.op(fused.Div, u.op(fused.Mul, rate, m), below)))
}

// clamp moves values into the range of their channel.
func (u *updater) clamp(shape tensor.Shape) {
	area := 1
	if len(shape) > 2 {
		area = shape[2:].TotalSize()
	}
	u.kernel.Dims = []int{shape[0], shape[1], area}
	channel := fused.Read{Strides: []int{0, 1, 0}}
	low, high := u.from(u.plan.home[u.in[1]], channel), u.from(u.plan.home[u.in[2]], channel)
	u.write(0, u.op(fused.AtMost, u.op(fused.AtLeast, u.array(0), low), high))
}

// distance adds up |a - b| or its square.
func (p *plan) distance(in []int, squared bool) {
	c := call{name: "differences", groups: [2]int{1, 1}, reads: 2,
		args: []argument{{array: p.home[in[1]]}, {array: p.home[in[2]]}, {array: p.home[in[0]]}}}
	flag := map[bool]int{true: 1}[squared]
	p.calls = append(p.calls, c.with(words(p.shape(in[1]).TotalSize()), words(flag)))
}
