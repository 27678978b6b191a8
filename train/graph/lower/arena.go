package lower

import (
	"cmp"
	"slices"
)

// Alignment, in values, keeps each piece of memory at the start of a cache line.
const Alignment = 16

// Piece is memory whose content is needed from one step to another.
type Piece struct {
	Size        int // values; zero for none
	First, Last int // steps
	Offset      int // set by Arrange
}

// Arrange sets the offsets, largest piece first, each at the lowest address where
// it overlaps no piece with an overlapping lifetime. It returns the values needed in all.
func Arrange(pieces []*Piece) (total int) {
	order := slices.DeleteFunc(slices.Clone(pieces), func(p *Piece) bool { return p.Size == 0 })
	slices.SortStableFunc(order, func(a, b *Piece) int { return cmp.Compare(b.Size, a.Size) })
	var placed []*Piece // by offset
	for _, s := range order {
		s.Offset = 0
		for _, o := range placed {
			if o.Last < s.First || s.Last < o.First {
				continue
			}
			if s.Offset+Aligned(s.Size) <= o.Offset {
				break
			}
			s.Offset = max(s.Offset, o.Offset+Aligned(o.Size))
		}
		at, _ := slices.BinarySearchFunc(placed, s, func(a, b *Piece) int { return cmp.Compare(a.Offset, b.Offset) })
		placed = slices.Insert(placed, at, s)
		total = max(total, s.Offset+Aligned(s.Size))
	}
	return total
}

// Aligned is the next multiple of Alignment.
func Aligned(n int) int { return (n + Alignment - 1) / Alignment * Alignment }
