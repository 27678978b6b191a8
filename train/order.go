package train

import (
	"math/rand/v2"

	"github.com/distillmesh/distillmesh/train/data"
)

// Order goes through n samples in mini-batches, in a new random order each
// epoch. The last batch of an epoch may be smaller. A batch depends on the seed
// and its step alone, so it can start at any step.
type Order struct {
	seed     uint64
	batch    int
	perEpoch int // steps
	epoch    int // of the current order
	index    []int
	pcg      rand.PCG
	rng      *rand.Rand
}

// NewOrder is an order of n samples, at least one, in batches of the given
// size, at least one.
func NewOrder(seed uint64, n, batch int) *Order {
	o := &Order{seed: seed, batch: batch, perEpoch: (n + batch - 1) / batch, epoch: -1, index: make([]int, n)}
	o.rng = rand.New(&o.pcg)
	return o
}

// Batch is the samples of a step, counted from 0, valid until the next call.
func (o *Order) Batch(step int) []int {
	epoch, at := step/o.perEpoch, step%o.perEpoch*o.batch
	if epoch != o.epoch {
		o.epoch = epoch
		for i := range o.index {
			o.index[i] = i
		}
		data.Restart(&o.pcg, o.seed, "shuffle", uint64(epoch))
		o.rng.Shuffle(len(o.index), func(i, j int) { o.index[i], o.index[j] = o.index[j], o.index[i] })
	}
	return o.index[at:min(len(o.index), at+o.batch)]
}
