package blocks

import (
	"sync"

	"github.com/ipfs/go-cid"
)

// running keeps the blocks of fetches in progress from the collector, without a lock
// that lasts as long as a fetch: a fetch registers each block before it asks for it.
type running struct {
	mu     sync.Mutex
	blocks map[string]int // by multihash -> how many fetches need it
}

// add registers a block.
func (r *running) add(c cid.Cid) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.blocks == nil {
		r.blocks = map[string]int{}
	}
	r.blocks[string(c.Hash())]++
}

// remove gives up blocks, each registered once by the caller.
func (r *running) remove(all map[cid.Cid]int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range all {
		key := string(c.Hash())
		if r.blocks[key]--; r.blocks[key] <= 0 {
			delete(r.blocks, key)
		}
	}
}

// unless calls f, which deletes a block, unless a fetch needs it. No fetch can register
// it meanwhile.
func (r *running) unless(c cid.Cid, f func() error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.blocks[string(c.Hash())] > 0 {
		return nil
	}
	return f()
}
