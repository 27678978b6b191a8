package kip

import (
	"math/rand/v2"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/kernel"
	"github.com/distillmesh/distillmesh/train/ntk"
	"github.com/distillmesh/distillmesh/train/parallel"
)

// batch draws the targets of each step: an equal share of every held class,
// without replacement. A step's draw depends on the seed and the step alone, so that an
// interrupted run goes on as it would have.
type batch struct {
	pool    *kernel.Pool // that copies
	samples *data.Samples
	seed    uint64
	members [][]int // of the classes held
	take    []int   // of each
	same    bool    // every sample is a target of every step
	filled  bool
	pick    []int // samples of the step
	next    []int // of the step after it, drawn while those are copied
	step    int   // that next is of, or -1
	swaps   []int
	squares []float32 // <x,x>/d of every sample
	to      *ntk.Regression
}

func newBatch(s *data.Samples, most int, seed uint64, workers int) *batch {
	b := &batch{samples: s, seed: seed, same: true, step: -1, squares: make([]float32, s.Len())}
	for _, index := range s.ByClass() {
		if len(index) > 0 {
			b.members = append(b.members, index)
		}
	}
	share := max(1, most/len(b.members))
	total := 0
	for _, index := range b.members {
		n := min(share, len(index))
		b.take = append(b.take, n)
		b.same = b.same && n == len(index)
		total += n
	}
	b.pick, b.next, b.swaps = make([]int, 0, total), make([]int, 0, total), make([]int, 0, share)
	parallel.Each(workers, s.Len(), func(i int) { b.squares[i] = ntk.Square(s.Row(i)) })
	return b
}

func (b *batch) len() int { return cap(b.pick) }

// fill copies the targets of a step (counted from 0) into the regression.
func (b *batch) fill(to *ntk.Regression, step int) {
	if b.same && b.filled {
		return
	}
	if b.step != step {
		b.draw(step)
	}
	b.pick, b.next = b.next, b.pick
	b.step, b.to = step+1, to
	b.pool.Run(1+(len(b.pick)+copyRows-1)/copyRows, b)
	b.to, b.filled = nil, true
}

// draw picks the targets of a step into next.
func (b *batch) draw(step int) {
	rng := data.Stream(b.seed, "kip-targets", uint64(step))
	b.next = b.next[:0]
	for c, index := range b.members {
		b.some(rng, index, b.take[c])
	}
}

// some appends n of index to next, by the first n swaps of a shuffle, and then
// undoes the swaps.
func (b *batch) some(rng *rand.Rand, index []int, n int) {
	if n == len(index) {
		b.next = append(b.next, index...)
		return
	}
	b.swaps = b.swaps[:0]
	for i := range n {
		j := i + rng.IntN(len(index)-i)
		index[i], index[j] = index[j], index[i]
		b.swaps = append(b.swaps, j)
	}
	b.next = append(b.next, index[:n]...)
	for i := n - 1; i >= 0; i-- {
		j := b.swaps[i]
		index[i], index[j] = index[j], index[i]
	}
}

// copyRows is how many targets one part copies.
const copyRows = 64

// Part implements kernel.Task: the first draws the next step's targets, the
// others copy some of this one's.
func (b *batch) Part(_ *kernel.Scratch, part int) {
	if part == 0 {
		if !b.same {
			b.draw(b.step)
		}
		return
	}
	d, lo, hi := b.samples.Shape.Size(), (part-1)*copyRows, min(len(b.pick), part*copyRows)
	for i, j := range b.pick[lo:hi] {
		b.to.Squares[lo+i], b.to.Truth[lo+i] = b.squares[j], b.samples.Y[j]
	}
	kernel.Gather(b.to.Targets[lo*d:hi*d], b.samples.X, b.pick[lo:hi], d)
}
