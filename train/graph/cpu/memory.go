package cpu

import (
	"cmp"
	"slices"

	"github.com/distillmesh/distillmesh/train/graph"
)

// alignment, in values, keeps each piece of memory at the start of a cache line.
const alignment = 16

// storage is one piece of memory and the steps between which its content is
// needed.
type storage struct {
	size        int
	first, last int  // steps
	pinned      bool // input or output: never shared, never overwritten
	input       bool // not part of the arena
	offset      int
}

// layOut assigns memory to the values that need it: a reshape shares that of
// its input, an operation overwrites an input that is no longer needed if it
// may, and the rest is packed so that only values with overlapping lifetimes
// have separate memory.
func (p *program) layOut() {
	pieces := p.lives()
	p.overwrite(pieces)
	p.arena = make([]float32, arrange(pieces)+alignment)
	for at := range p.values {
		v := &p.values[at]
		if !v.kept {
			continue
		}
		if pieces[v.storage].input {
			continue // it gets memory when it is set or bound
		}
		offset, size := pieces[v.storage].offset, v.shape.TotalSize()
		v.data = p.arena[offset : offset+size : offset+size]
	}
}

// lives makes one piece of memory per value, except for reshapes, and finds its last reader.
func (p *program) lives() []storage {
	var pieces []storage
	for at := range p.values {
		v := &p.values[at]
		if !v.kept {
			continue
		}
		if v.op != nil {
			if _, shared := v.op.(graph.ReshapeOp); shared {
				v.storage = p.values[v.in[0]].storage
				continue
			}
		}
		v.storage = len(pieces)
		pieces = append(pieces, storage{size: v.shape.TotalSize(), first: v.step, last: v.step, pinned: v.op == nil,
			input: v.op == nil})
	}
	for _, v := range p.values {
		for _, in := range v.in {
			if p.values[in].kept {
				s := &pieces[p.values[in].storage]
				s.last = max(s.last, v.step)
			}
		}
	}
	for _, at := range p.outputs {
		pieces[p.values[at].storage].pinned = true
	}
	for i := range pieces {
		if pieces[i].pinned {
			pieces[i].first, pieces[i].last = -1, len(p.steps)
		}
	}
	return pieces
}

// overwrite lets results reuse the memory of inputs that are last read there. A
// result that must stay (an output) keeps memory of its own.
func (p *program) overwrite(pieces []storage) {
	merged := make([]int, len(pieces))
	for i := range merged {
		merged[i] = i
	}
	for i, s := range p.steps {
		for _, at := range s.values {
			p.rename(at, merged)
			for _, in := range p.values[at].in {
				p.rename(in, merged)
			}
		}
		for position, at := range s.values {
			v := &p.values[at]
			if !v.kept {
				continue
			}
			own := &pieces[v.storage]
			if own.pinned || own.first != i || own.size == 0 {
				continue
			}
			if from := p.dying(pieces, s, i, position); from >= 0 {
				pieces[from].last = own.last
				merged[v.storage], v.storage = from, from
				own.size = 0
			}
		}
	}
	for at := range p.values {
		p.rename(at, merged)
	}
}

// rename finds the piece into which a value's memory was merged.
func (p *program) rename(at int, merged []int) {
	if v := &p.values[at]; v.kept {
		v.storage = merged[v.storage]
	}
}

// dying is a piece of memory that the value at a position of step i may
// overwrite, or -1: one that the step reads last, row for row of the same size,
// at no later position, and at this one only where the operation allows it.
func (p *program) dying(pieces []storage, s step, i, position int) int {
	v := p.values[s.values[position]]
	for _, earlier := range s.values[:position+1] {
		for _, in := range p.values[earlier].in {
			if !p.values[in].kept {
				continue
			}
			from := p.values[in].storage
			if q := pieces[from]; q.pinned || q.last != i || q.first == i || q.size != v.shape.TotalSize() {
				continue
			}
			if p.safe(s, position, from) {
				return from
			}
		}
	}
	return -1
}

// safe reports whether the value at a position of a step may overwrite a piece.
func (p *program) safe(s step, position, piece int) bool {
	own := p.values[s.values[position]]
	for at, reader := range s.values {
		v := p.values[reader]
		for j, in := range v.in {
			if !p.values[in].kept || p.values[in].storage != piece {
				continue
			}
			if at > position {
				return false
			}
			if s.rows > 0 {
				o := operandOf(p.values[in].shape, v.shape)
				if o.kind != ownRow || o.size != rowSize(own.shape) {
					return false
				}
			}
			if at == position {
				o, ok := v.kernel.(overwriter)
				if !ok || !slices.Contains(o.overwrites(), j) {
					return false
				}
			}
		}
	}
	return true
}

// arrange sets the offsets, largest piece first, each at the lowest address where
// it overlaps no piece with an overlapping lifetime. It returns the memory needed.
func arrange(pieces []storage) (total int) {
	order := make([]*storage, 0, len(pieces))
	for i := range pieces {
		if pieces[i].size > 0 && !pieces[i].input {
			order = append(order, &pieces[i])
		}
	}
	slices.SortStableFunc(order, func(a, b *storage) int { return cmp.Compare(b.size, a.size) })
	var placed []*storage // by offset
	for _, s := range order {
		s.offset = 0
		for _, o := range placed {
			if o.last < s.first || s.last < o.first {
				continue
			}
			if s.offset+aligned(s.size) <= o.offset {
				break
			}
			s.offset = max(s.offset, o.offset+aligned(o.size))
		}
		at, _ := slices.BinarySearchFunc(placed, s, func(a, b *storage) int { return cmp.Compare(a.offset, b.offset) })
		placed = slices.Insert(placed, at, s)
		total = max(total, s.offset+aligned(s.size))
	}
	return total
}

func aligned(n int) int { return (n + alignment - 1) / alignment * alignment }
