package blocks

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
	"github.com/libp2p/go-libp2p/core/peer"
)

// FetchOptions limit and direct a fetch. Zero limits mean the defaults.
type FetchOptions struct {
	MaxBytes   int64                    // of the whole DAG, every distinct block once; 0 leaves it to the quota
	MaxLogical int64                    // of all files, what is repeated counted again; 0 for no limit
	MaxBlocks  int64                    // default 64, and one for every 16 KiB of MaxBytes; without it 1 << 20
	MaxDepth   int                      // of the DAG; default 32
	MaxEntries int                      // links of one node; default 1 << 16
	Size       int64                    // announced size, reserved before the first block; 0 when unknown
	Pin        string                   // name to pin under; empty stores without a pin
	From       []peer.ID                // peers to ask first
	Complete   func()                   // called when all blocks are here, before they are verified; nil for nothing
	Verify     func(fs.FS) error        // judges the complete directory before it is pinned; nil accepts
	Progress   func(bytes, total int64) // called after each block, with Size as total, from several goroutines at once
	Pace
}

func (o FetchOptions) withDefaults() FetchOptions {
	if o.MaxBlocks == 0 && o.MaxBytes > 0 {
		o.MaxBlocks = 64 + o.MaxBytes>>14
	}
	orElse(&o.MaxBlocks, 1<<20)
	orElse(&o.MaxDepth, 32)
	orElse(&o.MaxEntries, 1<<16)
	orElse(&o.Stall, time.Minute)
	orElse(&o.FirstBlock, o.Stall)
	orElse(&o.MinRate, 16<<10)
	return o
}

func orElse[T int | int64 | time.Duration](v *T, fallback T) {
	if *v == 0 {
		*v = fallback
	}
}

// FetchResult is what a fetch moved.
type FetchResult struct {
	Stat                 // of the whole DAG
	Fetched    Stat      // the part that came over the network
	Duplicates int64     // blocks that arrived again
	Providers  []peer.ID // who sent blocks, in order of ID
}

// fetch is one running fetch.
type fetch struct {
	root cid.Cid
	opt  FetchOptions
	from []peer.AddrInfo

	ctx           context.Context // of the walk, with its reservation
	bytes, blocks atomic.Int64
	start         time.Time
	alive         *time.Timer // cancels the fetch unless reset in time
	again         *time.Timer // asks all providers again unless reset in time

	mu        sync.Mutex
	arrivals  map[cid.Cid]int // blocks asked for, and how often each came
	asking    inquiry
	loss      bool // a peer has left since the inquiry began
	fetched   Stat
	providers map[peer.ID]struct{}
}

// wants reports whether c has been asked for by this fetch.
func (f *fetch) wants(c cid.Cid) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, ok := f.arrivals[c]
	return ok
}

// received counts a block that came from a peer, if this fetch asked for it, and reports
// whether it is the first time.
func (f *fetch) received(from peer.ID, c cid.Cid, size int64) (first bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, asked := f.arrivals[c]
	if !asked {
		return false
	}
	f.arrivals[c] = n + 1
	f.providers[from] = struct{}{}
	if n == 0 {
		f.fetched.Bytes += size
		f.fetched.Blocks++
	}
	return n == 0
}

func (f *fetch) result() FetchResult {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := FetchResult{Stat: Stat{Bytes: f.bytes.Load(), Blocks: f.blocks.Load()}, Fetched: f.fetched}
	for _, n := range f.arrivals {
		r.Duplicates += max(0, int64(n)-1)
	}
	r.Providers = slices.Sorted(maps.Keys(f.providers))
	return r
}

// Fetch brings the DAG under root into the store: complete, verified and (with a
// name) pinned. The blocks of a failed fetch stay unpinned, so the collector deletes
// them.
//
// Errors: ErrNoProviders, ErrStalled, ErrTooLarge, ErrRefused (with the error of
// Verify), *FullError, or the context's.
func (x *Exchange) Fetch(ctx context.Context, root cid.Cid, opt FetchOptions) (FetchResult, error) {
	f := &fetch{root: root, opt: opt.withDefaults(), arrivals: map[cid.Cid]int{}, providers: map[peer.ID]struct{}{}}
	for _, p := range opt.From {
		f.from = append(f.from, peer.AddrInfo{ID: p})
	}
	x.asks(f, root)
	defer func() { x.store.running.remove(f.arrivals) }()
	if err := x.fetch(ctx, f); err != nil {
		return f.result(), fmt.Errorf("fetch %s: %w", root, err)
	}
	return f.result(), nil
}

// asks notes that a fetch needs a block, before it looks for it: the collector spares
// what a fetch needs.
func (x *Exchange) asks(f *fetch, c cid.Cid) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, asked := f.arrivals[c]; !asked {
		f.arrivals[c] = 0
		x.store.running.add(c)
	}
}

func (x *Exchange) fetch(ctx context.Context, f *fetch) error {
	if f.opt.MaxBytes > 0 && f.opt.Size > f.opt.MaxBytes {
		return fmt.Errorf("%w: %d bytes announced, at most %d wanted", ErrTooLarge, f.opt.Size, f.opt.MaxBytes)
	}
	complete, err := x.store.Has(ctx, f.root)
	if err != nil {
		return err
	}
	if !complete && len(f.from) == 0 && len(x.find(ctx, f.root)) == 0 {
		return ErrNoProviders
	}
	if !complete {
		var release func()
		if ctx, release, err = x.store.reserve(ctx, f.opt.Size); err != nil {
			return err
		}
		defer release()
	}
	if err := x.walk(ctx, f); err != nil {
		return err
	}
	if f.opt.Complete != nil {
		f.opt.Complete()
	}
	return x.store.admit(ctx, f)
}

// inFlight is how many blocks of one fetch are asked for at once. A block has at most 2 MiB.
const inFlight = 8

// walk asks for every block of the DAG, several at a time, in one bitswap session.
func (x *Exchange) walk(ctx context.Context, f *fetch) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	f.ctx, f.start = ctx, time.Now()
	f.alive = time.AfterFunc(f.opt.FirstBlock, func() { cancel(ErrStalled) })
	defer f.alive.Stop()
	x.mu.Lock()
	x.fetches[f] = struct{}{}
	x.mu.Unlock()
	defer func() {
		x.mu.Lock()
		delete(x.fetches, f)
		x.mu.Unlock()
	}()
	f.mu.Lock()
	f.again = time.AfterFunc(f.opt.FirstBlock/inquiries, func() { f.inquire(ctx, x.service) })
	f.mu.Unlock()
	f.inquire(ctx, x.service)
	f.again.Reset(f.opt.FirstBlock / inquiries)
	defer f.again.Stop()
	links := func(ctx context.Context, c cid.Cid) ([]*ipld.Link, error) {
		x.asks(f, c)
		return f.links(ctx, c)
	}
	visit := newDepths(f.opt.MaxDepth, cancel)
	err := merkledag.WalkDepth(ctx, links, f.root, visit.visit, merkledag.Concurrency(inFlight))
	if cause := context.Cause(ctx); cause != nil {
		return f.explain(cause)
	}
	return err
}

// explain turns a stall in which no peer ever answered into ErrNoProviders.
func (f *fetch) explain(cause error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if errors.Is(cause, ErrStalled) && f.fetched.Blocks == 0 && f.blocks.Load() == 0 {
		return fmt.Errorf("%w: nobody answered within %v (%w)", ErrNoProviders, f.opt.FirstBlock, cause)
	}
	return cause
}

// links gets one block and counts it. Exceeding a limit ends the walk.
func (f *fetch) links(ctx context.Context, c cid.Cid) ([]*ipld.Link, error) {
	block, err := f.block(ctx, c)
	if err != nil {
		return nil, err
	}
	bytes, blocks := f.bytes.Add(int64(len(block.RawData()))), f.blocks.Add(1)
	f.alive.Reset(f.patience(bytes))
	f.mu.Lock()
	if !f.loss { // blocks still under way from a peer that has left put nothing off
		f.again.Reset(f.opt.Stall / inquiries)
	}
	f.mu.Unlock()
	if f.opt.Progress != nil {
		f.opt.Progress(bytes, f.opt.Size)
	}
	switch {
	case f.opt.MaxBytes > 0 && bytes > f.opt.MaxBytes:
		return nil, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, f.opt.MaxBytes)
	case blocks > f.opt.MaxBlocks:
		return nil, fmt.Errorf("%w: more than %d blocks", ErrTooLarge, f.opt.MaxBlocks)
	}
	return linksOf(block, f.opt.MaxEntries)
}

// depths remembers what a walk has visited and cancels it when it goes too deep.
type depths struct {
	max    int
	cancel context.CancelCauseFunc
	seen   *cid.Set
}

func newDepths(max int, cancel context.CancelCauseFunc) *depths {
	return &depths{max: max, cancel: cancel, seen: cid.NewSet()}
}

// visit reports whether to descend. The walk calls it from one goroutine at a time.
func (d *depths) visit(c cid.Cid, depth int) bool {
	if depth > d.max {
		d.cancel(fmt.Errorf("%w: deeper than %d", ErrTooLarge, d.max))
		return false
	}
	return d.seen.Visit(c)
}

// admit verifies a complete DAG and pins it. Its blocks are registered as those of a
// running fetch until it is pinned, so verifying needs no lock.
func (s *Store) admit(ctx context.Context, f *fetch) error {
	if err := s.verify(ctx, f); err != nil || f.opt.Pin == "" {
		return err
	}
	defer s.blocks.PinLock(ctx).Unlock(ctx)
	return s.pinLocked(ctx, Pin{Root: f.root, Name: f.opt.Pin, Stat: f.result().Stat})
}

// verify measures a complete DAG and has the caller judge it, when it has one of the places that
// all fetches share.
func (s *Store) verify(ctx context.Context, f *fetch) error {
	select {
	case s.verifying <- struct{}{}:
		defer func() { <-s.verifying }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if f.opt.Verify != nil || f.opt.MaxLogical > 0 {
		m, err := s.inspect(ctx, f.root, f.opt.MaxDepth)
		switch {
		case errors.Is(err, ErrShape):
			return fmt.Errorf("%w: %w", ErrRefused, err)
		case err != nil:
			return err
		case f.opt.MaxLogical > 0 && m.bytes > f.opt.MaxLogical:
			return fmt.Errorf("%w: its blocks repeat to %d bytes, at most %d wanted", ErrTooLarge, m.bytes, f.opt.MaxLogical)
		}
	}
	if f.opt.Verify != nil {
		dir, err := s.tree(ctx, f.root)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrRefused, err)
		}
		if err := f.opt.Verify(dir); err != nil {
			return fmt.Errorf("%w: %w", ErrRefused, err)
		}
	}
	return nil
}

// FetchRaw returns one block of at most max bytes, from the store or from peers,
// and keeps it unpinned. Errors as for Fetch.
func (x *Exchange) FetchRaw(ctx context.Context, c cid.Cid, max int64) ([]byte, error) {
	if _, err := x.Fetch(ctx, c, FetchOptions{MaxBytes: max, MaxBlocks: 1}); err != nil {
		return nil, err
	}
	return x.store.Raw(ctx, c)
}
