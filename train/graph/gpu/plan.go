package gpu

import (
	"crypto/sha256"
	"fmt"
	"math"

	"gorgonia.org/tensor"

	"github.com/distillmesh/distillmesh/train/gpu/fused"
	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/graph/lower"
)

// call is a launch whose arrays have no memory yet.
type call struct {
	name   string        // of a fixed kernel
	fused  *fused.Kernel // or one made for the program
	groups [2]int
	args   []argument
	reads  int   // of the arrays, those before the written ones
	writes []int // of an update's call, the arrays that it changes
}

// argument is an array, by its place among the plan's, or bytes.
type argument struct {
	array int // -1 for bytes
	bytes []byte
}

// array is memory that calls read and write.
type array struct {
	piece *lower.Piece // nil for an input
	input int          // its number; -1
}

// plan is a program before it has memory.
type plan struct {
	*lower.List
	spec   graph.Spec
	arrays []array
	home   []int  // of each value its array, or -1 for one that has no memory
	kept   []bool // of each value, whether it has memory
	calls  []call
	// updates is how many calls come before those of the updates.
	updates int
	fusing  fusing
}

// newPlan plans the calls of a program.
func newPlan(s graph.Spec) (*plan, error) {
	list, err := lower.Lower(s)
	if err != nil {
		return nil, err
	}
	p := &plan{List: list, spec: s, home: make([]int, len(list.Values)), kept: make([]bool, len(list.Values))}
	for at := range p.home {
		p.home[at] = -1
		if n := p.Values[at].Shape.TotalSize(); n > math.MaxInt32 || n < 0 {
			return nil, fmt.Errorf("engine gpu: an array of %d values, at most %d", n, math.MaxInt32)
		}
	}
	for number, at := range p.Inputs {
		p.home[at] = p.add(array{input: number})
	}
	p.keep()
	for at := range p.Values {
		if err := p.compute(at); err != nil {
			return nil, err
		}
	}
	p.merge()
	if err := p.addUpdates(); err != nil {
		return nil, err
	}
	p.lives()
	return p, nil
}

func (p *plan) add(a array) int {
	p.arrays = append(p.arrays, a)
	return len(p.arrays) - 1
}

// make is a new array of n values.
func (p *plan) make(n int) int { return p.add(array{piece: &lower.Piece{Size: n}, input: -1}) }

// compute adds the calls that compute a value, if it has memory.
func (p *plan) compute(at int) error {
	v := p.Values[at]
	if v.Op == nil || !p.kept[at] {
		return nil
	}
	if _, alias := v.Op.(graph.ReshapeOp); alias {
		p.home[at] = p.home[v.In[0]]
		return nil
	}
	p.home[at] = p.make(v.Shape.TotalSize())
	if v.Shape.TotalSize() == 0 {
		return nil
	}
	if isMap(v.Op) || isSum(v.Op) {
		p.fuse(at)
		return nil
	}
	return p.fixed(at)
}

// lives finds the calls between which the content of each array is needed.
func (p *plan) lives() {
	for i := range p.arrays {
		if s := p.arrays[i].piece; s != nil {
			s.First, s.Last = len(p.calls), -1
		}
	}
	for i, c := range p.calls {
		for _, a := range c.args {
			if a.array >= 0 && p.arrays[a.array].piece != nil {
				s := p.arrays[a.array].piece
				s.First, s.Last = min(s.First, i), max(s.Last, i)
			}
		}
	}
	for _, at := range p.Outputs {
		if s := p.arrays[p.home[at]].piece; s != nil {
			s.First, s.Last = -1, len(p.calls)
		}
	}
	for i := range p.arrays {
		if s := p.arrays[i].piece; s != nil && s.Last < s.First {
			s.Size = 0 // nothing uses it any more
		}
	}
}

// key identifies the program: equal ones compute the same.
func (p *plan) key() string {
	h := sha256.New()
	for _, v := range p.Values {
		name := "input"
		if v.Op != nil {
			name = v.Op.String()
		}
		fmt.Fprintln(h, name, v.Shape, v.In)
	}
	fmt.Fprintln(h, p.Inputs, p.Outputs, len(p.spec.Outputs))
	for _, u := range p.spec.Updates {
		fmt.Fprintln(h, u.Rule)
	}
	return string(h.Sum(nil))
}

// shape is that of a value.
func (p *plan) shape(at int) tensor.Shape { return p.Values[at].Shape }
