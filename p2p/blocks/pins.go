package blocks

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	pin "github.com/ipfs/boxo/pinning/pinner"
	"github.com/ipfs/go-cid"
	"github.com/ipfs/go-datastore"
)

// pinTable is what is pinned, in memory: asking for one root or listing all reads no
// database. Every change is written to the journal, then to the database.
type pinTable struct {
	mu      sync.RWMutex
	byRoot  map[cid.Cid]Pin
	changes sync.Mutex // one change at a time
	journal *journal   // nil for a store in memory
	damage  Damage
}

// sizeKey is the key of the size of a pinned DAG, so that opening the store walks no DAG.
func sizeKey(root cid.Cid) datastore.Key {
	return datastore.NewKey("size").ChildString(root.String())
}

// Pin protects a complete DAG from the collector, under a name. Pinning it again
// renames it. ErrNotFound when part of the DAG is missing.
func (s *Store) Pin(ctx context.Context, root cid.Cid, name string) error {
	defer s.blocks.PinLock(ctx).Unlock(ctx)
	stat, err := s.measure(ctx, root)
	if err != nil {
		return fmt.Errorf("pin %s: %w", root, err)
	}
	return s.pinLocked(ctx, Pin{Root: root, Name: name, Stat: stat})
}

// pinLocked pins a DAG known to be complete. The caller holds the pin lock.
func (s *Store) pinLocked(ctx context.Context, p Pin) error {
	t := &s.table
	t.changes.Lock()
	defer t.changes.Unlock()
	if held, ok := t.find(p.Root); ok && held == p {
		return nil
	}
	if err := t.journal.add(entry{Pin: p}); err != nil {
		return fmt.Errorf("pin %s: %w", p.Root, err)
	}
	if err := s.keepPin(ctx, p); err != nil {
		return fmt.Errorf("pin %s: %w", p.Root, err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.byRoot[p.Root] = p
	return nil
}

// keepPin writes a pin to the database.
func (s *Store) keepPin(ctx context.Context, p Pin) error {
	value := binary.BigEndian.AppendUint64(nil, uint64(p.Bytes))
	value = binary.BigEndian.AppendUint64(value, uint64(p.Blocks))
	if err := s.meta.Put(ctx, sizeKey(p.Root), value); err != nil {
		return err
	}
	if err := s.pins.PinWithMode(ctx, p.Root, pin.Recursive, p.Name); err != nil {
		return err
	}
	return s.pins.Flush(ctx)
}

// Unpin lets the collector delete a DAG. It returns ErrNotPinned when it is not pinned.
func (s *Store) Unpin(ctx context.Context, root cid.Cid) error {
	t := &s.table
	t.changes.Lock()
	defer t.changes.Unlock()
	held, ok := t.find(root)
	if !ok {
		return fmt.Errorf("unpin %s: %w", root, ErrNotPinned)
	}
	if err := t.journal.add(entry{Pin: held, removed: true}); err != nil {
		return fmt.Errorf("unpin %s: %w", root, err)
	}
	t.mu.Lock()
	delete(t.byRoot, root)
	pins := len(t.byRoot)
	t.mu.Unlock()
	if err := s.dropPin(ctx, root); err != nil {
		return fmt.Errorf("unpin %s: %w", root, err)
	}
	if t.journal != nil && t.journal.lines > 2*pins+spareLines {
		return t.journal.rewrite(t.all(), false)
	}
	return nil
}

// dropPin deletes a pin from the database.
func (s *Store) dropPin(ctx context.Context, root cid.Cid) error {
	err := s.pins.Unpin(ctx, root, true)
	if errors.Is(err, pin.ErrNotPinned) {
		err = nil // the database lost it
	}
	return errors.Join(err, s.pins.Flush(ctx), s.meta.Delete(ctx, sizeKey(root)))
}

// Pins lists what is pinned, ordered by name and root.
func (s *Store) Pins(context.Context) ([]Pin, error) {
	out := slices.Collect(maps.Values(s.table.all()))
	slices.SortFunc(out, func(x, y Pin) int {
		return cmp.Or(cmp.Compare(x.Name, y.Name), cmp.Compare(x.Root.KeyString(), y.Root.KeyString()))
	})
	return out, nil
}

// PinOf is the pin of one root, or ErrNotPinned.
func (s *Store) PinOf(_ context.Context, root cid.Cid) (Pin, error) {
	if p, ok := s.table.find(root); ok {
		return p, nil
	}
	return Pin{}, fmt.Errorf("find pin of %s: %w", root, ErrNotPinned)
}

// find is the pin of a root.
func (t *pinTable) find(root cid.Cid) (Pin, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	p, ok := t.byRoot[root]
	return p, ok
}

// all is a copy of the table.
func (t *pinTable) all() map[cid.Cid]Pin {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return maps.Clone(t.byRoot)
}
