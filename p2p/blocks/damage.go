package blocks

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/boxo/pinning/pinner/dspinner"
	"github.com/ipfs/go-cid"
	"github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/autobatch"
	"github.com/ipfs/go-datastore/namespace"
	"github.com/ipfs/go-datastore/query"
)

// Damage is what was found damaged when a store was opened.
type Damage struct {
	Rebuilt int   // pins that the database had lost and the journal brought back
	Lines   int   // of the journal that cannot be read
	Cause   error // why the database could not be read; nil if it could
	// Doubt means that pins may be missing from both records. Nothing is collected
	// until Settle.
	Doubt bool
}

// Any reports whether anything was damaged.
func (d Damage) Any() bool { return d.Rebuilt > 0 || d.Lines > 0 || d.Cause != nil || d.Doubt }

// Damage is what was found damaged.
func (s *Store) Damage() Damage {
	s.table.mu.RLock()
	defer s.table.mu.RUnlock()
	return s.table.damage
}

// Settle ends doubt: the caller has pinned again whatever is to be kept.
func (s *Store) Settle() {
	s.table.mu.Lock()
	defer s.table.mu.Unlock()
	s.table.damage.Doubt = false
}

// openPins reads both records of what is pinned, and mends one by the other. What
// either of them has is kept: a pin too many costs space, a pin too few costs a set.
func (s *Store) openPins(ctx context.Context, path string) error {
	t := &s.table
	t.byRoot = map[cid.Cid]Pin{}
	said := replay{}
	if path != "" {
		var err error
		if t.journal, said, err = openJournal(path); err != nil {
			return fmt.Errorf("open pins: %w", damaged(path, err))
		}
	}
	held, cause := s.readPins(ctx)
	if cause != nil {
		if err := s.resetPinner(ctx, held); err != nil { // more than the pins cannot be read, and both say the same
			return fmt.Errorf("open pins: %w", damaged(filepath.Join(filepath.Dir(path), database), err))
		}
	}
	t.damage = Damage{Lines: said.damaged, Cause: cause}
	for root, p := range held {
		if e, ok := said.entries[root]; ok && e.removed && root == said.last {
			if err := s.dropPin(ctx, root); err != nil { // a crash came between
				return fmt.Errorf("open pins: %w", err)
			}
			continue
		}
		t.byRoot[root] = p
	}
	if err := s.adopt(ctx, said, held); err != nil {
		return fmt.Errorf("open pins: %w", err)
	}
	// A line that cannot be read may be a pin that the database has lost too.
	t.damage.Doubt = said.damaged > 0 || said.missing && cause != nil ||
		path != "" && said.missing && len(held) == 0 && s.quota.used.Load() > 0
	if t.journal == nil || said.says(t.byRoot) && t.journal.lines <= 2*len(t.byRoot)+spareLines {
		return t.journal.resume()
	}
	return t.journal.rewrite(t.byRoot, said.damaged > 0)
}

// adopt takes over the pins of a journal that the database lacks.
func (s *Store) adopt(ctx context.Context, said replay, held map[cid.Cid]Pin) error {
	t := &s.table
	for root, e := range said.entries {
		if _, ok := held[root]; ok || e.removed {
			continue
		}
		if err := s.keepPin(ctx, e.Pin); err != nil {
			return err
		}
		t.byRoot[root] = e.Pin
		if root != said.last { // else a crash came between
			t.damage.Rebuilt++
		}
	}
	return nil
}

// readPins lists the pins of the database.
func (s *Store) readPins(ctx context.Context) (map[cid.Cid]Pin, error) {
	out := map[cid.Cid]Pin{}
	if err := s.openPinner(ctx); err != nil {
		return out, err
	}
	for p := range s.pins.RecursiveKeys(ctx, true) {
		if p.Err != nil {
			return out, p.Err
		}
		found := Pin{Root: p.Pin.Key, Name: p.Pin.Name}
		v, err := s.meta.Get(ctx, sizeKey(found.Root))
		if err == nil && len(v) == 16 {
			found.Stat = Stat{Bytes: int64(binary.BigEndian.Uint64(v)), Blocks: int64(binary.BigEndian.Uint64(v[8:]))}
		} else if found.Stat, err = s.measure(ctx, found.Root); err != nil && !errors.Is(err, ErrNotFound) {
			return out, err
		}
		out[found.Root] = found
	}
	return out, nil
}

// pinnerSpace is where the database has pins. A namespace must not be a prefix that
// the pinner's own keys begin with ("pins"): such keys are taken for prefixed ones and
// come back cut.
//
// The writes of one pin are one batch, for which the disk is waited for once: the journal
// has it already.
func (s *Store) pinnerSpace() datastore.Datastore {
	return autobatch.NewAutoBatching(namespace.Wrap(s.meta, datastore.NewKey("pinner")), 256)
}

func (s *Store) openPinner(ctx context.Context) error {
	pins, err := dspinner.New(ctx, s.pinnerSpace(), s.dag)
	if err != nil {
		return err
	}
	pins.SetAutosync(false) // keepPin and dropPin flush
	s.pins = pins
	return nil
}

// resetPinner empties the database's record of pins, which cannot be read. The pins
// that could be are written again.
func (s *Store) resetPinner(ctx context.Context, held map[cid.Cid]Pin) error {
	space := s.pinnerSpace()
	keys, err := space.Query(ctx, query.Query{KeysOnly: true})
	if err != nil {
		return err
	}
	all, err := keys.Rest()
	if err != nil {
		return err
	}
	for _, k := range all {
		if err := space.Delete(ctx, datastore.NewKey(k.Key)); err != nil {
			return err
		}
	}
	if err := space.Sync(ctx, datastore.NewKey("")); err != nil {
		return err
	}
	if err := s.openPinner(ctx); err != nil {
		return err
	}
	for _, p := range held {
		if err := s.keepPin(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// Directories finds the stored directories that have an entry of the name: candidates to
// pin again when there is doubt. It reads every stored block.
func (s *Store) Directories(ctx context.Context, entry string) (out []cid.Cid, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	keys, failure, err := allKeys(ctx, s.quota.Blockstore)
	if err != nil {
		return nil, fmt.Errorf("find directories: %w", err)
	}
	for key := range keys {
		if size, err := s.blocks.GetSize(ctx, key); err != nil || size > maxDirectory {
			continue // it cannot be read, or is a part of a file
		}
		block, err := s.blocks.Get(ctx, key)
		if err != nil {
			continue
		}
		node, err := merkledag.DecodeProtobuf(block.RawData())
		if err != nil {
			continue
		}
		if _, err := node.GetNodeLink(entry); err == nil {
			out = append(out, cid.NewCidV1(cid.DagProtobuf, key.Hash()))
		}
	}
	return out, failure()
}

// maxDirectory is the largest block of a directory that Directories looks at.
const maxDirectory = 64 << 10
