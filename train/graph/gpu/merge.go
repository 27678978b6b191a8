package gpu

import (
	"slices"

	"github.com/distillmesh/distillmesh/train/gpu/fused"
)

// few is the number of places up to which a launch costs more than its work.
const few = 1 << 14

// merge joins kernels that walk through the same places, and makes those calls that add up parts.
func (p *plan) merge() {
	written := make(map[int]int) // the call that writes each array
	var calls []call
	for _, c := range p.calls {
		if to := p.partner(calls, c, written); to >= 0 {
			calls[to] = join(calls[to], c)
			for _, a := range c.args[c.reads:] {
				written[a.array] = to
			}
			continue
		}
		for _, a := range c.args {
			if a.array >= 0 {
				if _, ok := written[a.array]; !ok && p.arrays[a.array].piece != nil {
					written[a.array] = len(calls)
				}
			}
		}
		calls = append(calls, c)
	}
	p.calls = nil
	for _, c := range calls {
		p.calls = append(p.calls, c)
		if c.fused != nil {
			p.splitSums()
		}
	}
}

// partner is the latest call that c can join: of the same places, after everything that c reads has
// been written, and with an array in common unless both are small; or -1.
func (p *plan) partner(calls []call, c call, written map[int]int) int {
	if c.fused == nil {
		return -1
	}
	after := -1
	for _, a := range c.args[:c.reads] {
		if at, ok := written[a.array]; ok {
			after = max(after, at)
		}
	}
	for to := len(calls) - 1; to > after; to-- {
		other := calls[to]
		if other.fused == nil || !slices.Equal(other.fused.Dims, c.fused.Dims) ||
			!slices.Equal(other.fused.Summed, c.fused.Summed) || len(other.args)+len(c.args) > mostArrays {
			continue
		}
		if size(c.fused.Dims) <= few || shareArray(other, c) {
			return to
		}
	}
	return -1
}

func size(dims []int) int {
	n := 1
	for _, d := range dims {
		n *= d
	}
	return n
}

// shareArray reports whether two calls read an array in common, place for place.
func shareArray(a, b call) bool {
	for _, x := range a.fused.Reads {
		for _, y := range b.fused.Reads {
			same := a.args[x.Array].array == b.args[y.Array].array
			if same && !stretched(a.fused, x) && !stretched(b.fused, y) {
				return true
			}
		}
	}
	return false
}

// stretched reports whether a kernel reads values of an array at several places.
func stretched(k *fused.Kernel, r fused.Read) bool {
	for d, n := range k.Dims {
		if n > 1 && r.Strides[d] == 0 {
			return true
		}
	}
	return false
}

// join is one call that computes what two did.
func join(a, b call) call {
	k := &fused.Kernel{Dims: a.fused.Dims, Summed: a.fused.Summed}
	out := call{fused: k}
	var written []argument
	for _, from := range []call{a, b} {
		numbers := make([]int, len(from.fused.Reads))
		for i, r := range from.fused.Reads {
			r.Array = out.reading(from.args[r.Array].array)
			numbers[i] = readOf(k, r)
		}
		made := make([]int, len(from.fused.Code))
		for n, i := range from.fused.Code {
			if i.Op == fused.Load {
				i.X = numbers[i.X]
			} else {
				i = i.Moved(made)
			}
			made[n] = k.Add(i)
		}
		for _, r := range from.fused.Stores {
			k.Stores = append(k.Stores, fused.Result{Value: made[r.Value]})
		}
		for _, r := range from.fused.Sums {
			k.Sums = append(k.Sums, fused.Result{Value: made[r.Value]})
		}
		written = append(written, from.args[from.reads:]...)
	}
	out.reads = k.Inputs
	for i := range k.Stores {
		k.Stores[i].Array = out.reads + i
	}
	for i := range k.Sums {
		k.Sums[i].Array = out.reads + i
	}
	out.args = append(out.args, written...)
	return out
}

// reading is the number of an array, which is added unless it is read already.
func (c *call) reading(array int) int {
	for i, x := range c.args {
		if x.array == array {
			return i
		}
	}
	c.args = append(c.args, argument{array: array})
	c.fused.Inputs++
	return len(c.args) - 1
}

// splitSums computes the sums of the last call in parts, where they are few and long, and adds a call per
// sum that adds the parts up.
func (p *plan) splitSums() {
	at := len(p.calls) - 1
	c := p.calls[at]
	if !c.fused.Split() {
		return
	}
	for i := c.reads; i < len(c.args); i++ {
		to, parts := c.args[i].array, c.fused.Parts
		sums := p.arrays[to].piece.Size
		c.args[i].array = p.make(sums * parts)
		p.calls = append(p.calls, addParts(c.args[i].array, to, sums, parts))
	}
}
