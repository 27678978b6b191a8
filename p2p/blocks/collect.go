package blocks

import (
	"context"
	"errors"
	"fmt"

	"github.com/ipfs/boxo/blockstore"
	"github.com/ipfs/boxo/dag/walker"
	pin "github.com/ipfs/boxo/pinning/pinner"
	"github.com/ipfs/go-cid"
)

// Collect deletes every unpinned block that no running fetch needs and returns the bytes
// freed. It waits for running adds, and deletes nothing when any pinned block is
// unreadable, or, with ErrDoubt, when pins may have been lost.
func (s *Store) Collect(ctx context.Context) (freed int64, err error) {
	s.reserving.Lock()
	defer s.reserving.Unlock()
	return s.collect(ctx, 0, false)
}

// collect deletes unpinned blocks until at most target bytes are used; spareYoung
// keeps those younger than MinAge. The caller holds s.reserving.
func (s *Store) collect(ctx context.Context, target int64, spareYoung bool) (freed int64, err error) {
	if s.Damage().Doubt {
		return 0, fmt.Errorf("collect blocks: %w", ErrDoubt)
	}
	defer s.blocks.GCLock(ctx).Unlock(ctx)
	live, err := s.mark(ctx, nil)
	if err != nil {
		return 0, fmt.Errorf("collect blocks: %w: %w", ErrUnreadable, err)
	}
	before := s.quota.used.Load()
	if err := s.sweep(ctx, live, target, spareYoung); err != nil {
		return before - s.quota.used.Load(), fmt.Errorf("collect blocks: %w", err)
	}
	return before - s.quota.used.Load(), nil
}

// Discard unpins a root and deletes the blocks that it alone needs, also those that cannot be
// read, so that they can be fetched again. ErrNotPinned when it is not pinned. Where something
// else that is pinned lacks a block, what that block refers to is not known: such blocks may
// be deleted with the root, and come back when the other is fetched again.
func (s *Store) Discard(ctx context.Context, root cid.Cid) error {
	if err := s.Unpin(ctx, root); err != nil {
		return err
	}
	if _, err := s.Collect(ctx); !errors.Is(err, ErrUnreadable) {
		return err
	}
	s.reserving.Lock()
	defer s.reserving.Unlock()
	defer s.blocks.GCLock(ctx).Unlock(ctx)
	live, err := s.mark(ctx, func(error) {})
	if err != nil {
		return fmt.Errorf("discard %s: %w", root, err)
	}
	for _, c := range s.under(ctx, root) {
		if live.Has(c) {
			continue
		}
		if err := s.running.unless(c, func() error { return s.blocks.DeleteBlock(ctx, c) }); err != nil {
			return fmt.Errorf("discard %s: %w", root, err)
		}
	}
	return nil
}

// under lists the blocks of a DAG, as far as they can be read.
func (s *Store) under(ctx context.Context, root cid.Cid) (out []cid.Cid) {
	links := walker.LinksFetcherFromBlockstore(s.blocks)
	fetch := func(ctx context.Context, c cid.Cid) ([]cid.Cid, error) {
		out = append(out, c)
		return links(ctx, c)
	}
	all := func(cid.Cid) bool { return true }
	_ = walker.WalkDAG(ctx, root, fetch, all, walker.WithVisitedTracker(walker.NewMapTracker()))
	return out
}

// mark walks everything pinned. Recursive roots come first: a CID that is marked
// already makes the walk skip its subtree. The tracker is exact: with a false positive
// a subtree would stay unmarked, and sweep would delete it.
//
// Blocks that cannot be read end the walk, unless unreadable is given: it is told their error.
func (s *Store) mark(ctx context.Context, unreadable func(error)) (*walker.MapTracker, error) {
	live := walker.NewMapTracker()
	var failed error // of a read, which WalkDAG only logs
	links := walker.LinksFetcherFromBlockstore(s.blocks)
	fetch := func(ctx context.Context, c cid.Cid) ([]cid.Cid, error) {
		out, err := links(ctx, c)
		if err != nil && failed == nil {
			if err = fmt.Errorf("read %s: %w", c, missing(err)); unreadable == nil {
				failed = err
			} else {
				unreadable(err)
			}
		}
		return out, err
	}
	all := func(cid.Cid) bool { return failed == nil }
	for root := range s.table.all() {
		if err := walker.WalkDAG(ctx, root, fetch, all, walker.WithVisitedTracker(live)); err != nil {
			return nil, err
		}
		if failed != nil {
			return nil, failed
		}
	}
	for _, pins := range []<-chan pin.StreamedPin{s.pins.DirectKeys(ctx, false), s.pins.InternalPins(ctx, false)} {
		for p := range pins {
			if p.Err != nil {
				return nil, p.Err
			}
			live.Visit(p.Pin.Key)
		}
	}
	return live, nil
}

// sweep deletes what is not live. Keys come as raw CIDs whatever their codec, so
// the tracker, which compares multihashes, decides.
func (s *Store) sweep(ctx context.Context, live *walker.MapTracker, target int64, spareYoung bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	keys, failure, err := allKeys(ctx, s.quota.Blockstore)
	if err != nil {
		return err
	}
	for c := range keys {
		if s.quota.used.Load() <= target {
			return nil
		}
		if live.Has(c) || spareYoung && s.quota.isYoung(c) {
			continue
		}
		if err := s.running.unless(c, func() error { return s.blocks.DeleteBlock(ctx, c) }); err != nil {
			return err
		}
	}
	if err := failure(); err != nil {
		return err
	}
	return ctx.Err()
}

// allKeys streams the keys of bs together with the error that ended the stream early.
func allKeys(ctx context.Context, bs blockstore.Blockstore) (<-chan cid.Cid, func() error, error) {
	if with, ok := bs.(blockstore.AllKeysChanWithErrer); ok {
		return with.AllKeysChanWithErr(ctx)
	}
	keys, err := bs.AllKeysChan(ctx)
	return keys, func() error { return nil }, err
}
