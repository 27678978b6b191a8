package graph

import (
	"cmp"
	"slices"
)

// alignment, in values, keeps each piece of memory at the start of a cache line.
const alignment = 16

// storage is one piece of memory and the steps between which it holds something
// that is still needed.
type storage struct {
	size        int
	first, last int
	pinned      bool // input or output: never shared, never overwritten
	offset      int
}

// layOut gives every value its memory: a reshape shares its input's, an
// operation that may overwrite a dying input does, and the rest is packed so
// that only lives that overlap lie apart.
func (p *Program) layOut() {
	pieces := p.lives()
	p.overwrite(pieces)
	p.arena = make([]float32, place(pieces)+alignment)
	for at := range p.values {
		v := &p.values[at]
		offset, size := pieces[v.storage].offset, v.shape.TotalSize()
		v.data = p.arena[offset : offset+size : offset+size]
	}
}

// lives makes one piece a value, reshapes aside, and finds its last reader.
func (p *Program) lives() []storage {
	var pieces []storage
	for at := range p.values {
		v := &p.values[at]
		if v.op != nil {
			if _, shared := v.op.operation.(reshape); shared {
				v.storage = p.values[v.in[0]].storage
				continue
			}
		}
		v.storage = len(pieces)
		pieces = append(pieces, storage{size: v.shape.TotalSize(), first: at, last: at, pinned: v.op == nil})
	}
	for at, v := range p.values {
		for _, in := range v.in {
			s := &pieces[p.values[in].storage]
			s.last = max(s.last, at)
		}
	}
	for _, at := range p.outputs {
		pieces[p.values[at].storage].pinned = true
	}
	for i := range pieces {
		if pieces[i].pinned {
			pieces[i].first, pieces[i].last = 0, len(p.values)
		}
	}
	return pieces
}

// overwrite lets results take over the memory of inputs that die with them. A
// result that must stay (an output) keeps memory of its own.
func (p *Program) overwrite(pieces []storage) {
	merged := make([]int, len(pieces))
	for i := range merged {
		merged[i] = i
	}
	for at := range p.values {
		v := &p.values[at]
		v.storage = merged[v.storage]
		if v.op == nil {
			continue
		}
		o, ok := v.op.operation.(overwriter)
		own := &pieces[v.storage]
		if !ok || own.pinned || own.first != at || own.size == 0 {
			continue
		}
		for _, i := range o.overwrites() {
			if i >= len(v.in) {
				continue // a constant reads nothing
			}
			from := p.values[v.in[i]].storage
			if s := &pieces[from]; !s.pinned && s.last == at && s.size == own.size {
				s.last = own.last
				merged[v.storage], v.storage = from, from
				own.size = 0
				break
			}
		}
	}
}

// place sets the offsets, largest piece first, each at the lowest address where
// it meets no piece that lives at the same time. It returns the memory needed.
func place(pieces []storage) (total int) {
	order := make([]*storage, 0, len(pieces))
	for i := range pieces {
		if pieces[i].size > 0 {
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
