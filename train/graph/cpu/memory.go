package cpu

import (
	"slices"

	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/graph/lower"
)

// storage is one piece of memory and the steps between which its content is
// needed.
type storage struct {
	lower.Piece
	pinned bool // input or output: never shared, never overwritten
	input  bool // not part of the arena
}

// layOut assigns memory to the values that need it: a reshape shares that of
// its input, an operation overwrites an input that is no longer needed if it
// may, and the rest is packed so that only values with overlapping lifetimes
// have separate memory.
func (p *program) layOut() {
	pieces := p.lives()
	p.overwrite(pieces)
	var inArena []*lower.Piece
	for i := range pieces {
		if !pieces[i].input {
			inArena = append(inArena, &pieces[i].Piece)
		}
	}
	p.arena = make([]float32, lower.Arrange(inArena)+lower.Alignment)
	for at := range p.values {
		v := &p.values[at]
		if !v.kept {
			continue
		}
		if pieces[v.storage].input {
			continue // it gets memory when it is set or bound
		}
		offset, size := pieces[v.storage].Offset, v.shape.TotalSize()
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
		pieces = append(pieces, storage{lower.Piece{Size: v.shape.TotalSize(), First: v.step, Last: v.step}, v.op == nil,
			v.op == nil})
	}
	for _, v := range p.values {
		for _, in := range v.in {
			if p.values[in].kept {
				s := &pieces[p.values[in].storage]
				s.Last = max(s.Last, v.step)
			}
		}
	}
	for _, at := range p.outputs {
		pieces[p.values[at].storage].pinned = true
	}
	for i := range pieces {
		if pieces[i].pinned {
			pieces[i].First, pieces[i].Last = -1, len(p.steps)
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
			if own.pinned || own.First != i || own.Size == 0 {
				continue
			}
			if from := p.dying(pieces, s, i, position); from >= 0 {
				pieces[from].Last = own.Last
				merged[v.storage], v.storage = from, from
				own.Size = 0
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
			if q := pieces[from]; q.pinned || q.Last != i || q.First == i || q.Size != v.shape.TotalSize() {
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
