package announce

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/ipfs/go-datastore"
)

// commit is a group of slots that changed in memory and are written together: a disk
// takes as long for one as for all that came meanwhile.
type commit struct {
	slots map[slot]struct{}
	done  bool // under Book.disk
	err   error
}

func newCommit() *commit { return &commit{slots: map[slot]struct{}{}} }

// save returns when a commit is on disk, with all that has changed since it was begun.
// What could not be written is part of the next commit. Callers hold no lock.
func (b *Book) save(ctx context.Context, c *commit) error {
	b.disk.Lock()
	defer b.disk.Unlock()
	if c.done {
		return c.err
	}
	b.mu.Lock()
	b.unsaved = newCommit()
	values := make(map[datastore.Key][]byte, len(c.slots)) // nil for what is gone
	for s := range c.slots {
		values[recordKey(s)] = nil
		if h, ok := b.records[s]; ok {
			values[recordKey(s)] = h.marshal()
		}
		if n, own := b.counters[s]; own {
			values[counterKey(s)] = binary.BigEndian.AppendUint64(nil, n)
		}
	}
	b.mu.Unlock()
	// Others wait for the same commit, so it does not end with the context of one.
	c.done, c.err = true, b.writeAll(context.WithoutCancel(ctx), values)
	if c.err != nil {
		b.mu.Lock()
		for s := range c.slots {
			b.unsaved.slots[s] = struct{}{}
		}
		b.mu.Unlock()
	}
	c.slots = nil
	return c.err
}

// write stores a record of this node and its number, which no other commit has. The caller
// holds disk.
func (b *Book) write(ctx context.Context, s slot, h held) error {
	return b.writeAll(ctx, map[datastore.Key][]byte{
		recordKey(s): h.marshal(), counterKey(s): binary.BigEndian.AppendUint64(nil, h.rec.Seq),
	})
}

func (b *Book) writeAll(ctx context.Context, values map[datastore.Key][]byte) error {
	if len(values) == 0 {
		return nil
	}
	batch, err := b.ds.Batch(ctx)
	if err != nil {
		return fmt.Errorf("store announcements: %w", err)
	}
	for key, value := range values {
		if value == nil {
			err = batch.Delete(ctx, key)
		} else {
			err = batch.Put(ctx, key, value)
		}
		if err != nil {
			return fmt.Errorf("store announcements: %w", err)
		}
	}
	if err := batch.Commit(ctx); err != nil {
		return fmt.Errorf("store announcements: %w", err)
	}
	return nil
}
