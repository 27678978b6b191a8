package blocks

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	pin "github.com/ipfs/boxo/pinning/pinner"
	"github.com/ipfs/go-cid"
	"github.com/ipfs/go-datastore"
)

// sizeKey is the key of the size of a pinned DAG, so that listing pins walks no DAG.
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
	return s.pinLocked(ctx, root, name, stat)
}

// pinLocked pins a DAG known to be complete. The caller holds the pin lock.
func (s *Store) pinLocked(ctx context.Context, root cid.Cid, name string, stat Stat) error {
	value := binary.BigEndian.AppendUint64(nil, uint64(stat.Bytes))
	value = binary.BigEndian.AppendUint64(value, uint64(stat.Blocks))
	if err := s.meta.Put(ctx, sizeKey(root), value); err != nil {
		return fmt.Errorf("pin %s: %w", root, err)
	}
	if err := s.pins.PinWithMode(ctx, root, pin.Recursive, name); err != nil {
		return fmt.Errorf("pin %s: %w", root, err)
	}
	if err := s.pins.Flush(ctx); err != nil {
		return fmt.Errorf("pin %s: %w", root, err)
	}
	return nil
}

// Unpin lets the collector delete a DAG. It returns ErrNotPinned when it is not pinned.
func (s *Store) Unpin(ctx context.Context, root cid.Cid) error {
	err := s.pins.Unpin(ctx, root, true)
	if errors.Is(err, pin.ErrNotPinned) {
		return fmt.Errorf("unpin %s: %w", root, ErrNotPinned)
	}
	if err := errors.Join(err, s.pins.Flush(ctx), s.meta.Delete(ctx, sizeKey(root))); err != nil {
		return fmt.Errorf("unpin %s: %w", root, err)
	}
	return nil
}

// Pins lists what is pinned, ordered by name and root.
func (s *Store) Pins(ctx context.Context) ([]Pin, error) {
	var out []Pin
	for p := range s.pins.RecursiveKeys(ctx, true) {
		if p.Err != nil {
			return nil, fmt.Errorf("list pins: %w", p.Err)
		}
		stat, err := s.size(ctx, p.Pin.Key)
		if err != nil {
			return nil, fmt.Errorf("list pins: %s: %w", p.Pin.Key, err)
		}
		out = append(out, Pin{Root: p.Pin.Key, Name: p.Pin.Name, Stat: stat})
	}
	slices.SortFunc(out, func(x, y Pin) int {
		return cmp.Or(cmp.Compare(x.Name, y.Name), cmp.Compare(x.Root.KeyString(), y.Root.KeyString()))
	})
	return out, nil
}

// PinOf is the pin of one root, or ErrNotPinned.
func (s *Store) PinOf(ctx context.Context, root cid.Cid) (Pin, error) {
	fail := func(err error) (Pin, error) { return Pin{}, fmt.Errorf("find pin of %s: %w", root, err) }
	found, err := s.pins.CheckIfPinnedWithType(ctx, pin.Recursive, true, root)
	if err != nil {
		return fail(err)
	}
	if len(found) != 1 || !found[0].Pinned() {
		return fail(ErrNotPinned)
	}
	stat, err := s.size(ctx, root)
	if err != nil {
		return fail(err)
	}
	return Pin{Root: root, Name: found[0].Name, Stat: stat}, nil
}

func (s *Store) size(ctx context.Context, root cid.Cid) (Stat, error) {
	v, err := s.meta.Get(ctx, sizeKey(root))
	if err != nil {
		return Stat{}, err
	}
	if len(v) != 16 {
		return Stat{}, errors.New("stored size is damaged")
	}
	return Stat{Bytes: int64(binary.BigEndian.Uint64(v)), Blocks: int64(binary.BigEndian.Uint64(v[8:]))}, nil
}

func (s *Store) isPinned(ctx context.Context, root cid.Cid) (bool, error) {
	_, pinned, err := s.pins.IsPinnedWithType(ctx, root, pin.Recursive)
	return pinned, err
}
