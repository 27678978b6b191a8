package blocks

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ipfs/boxo/blockstore"
	blockformat "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
)

// quotaStore counts the bytes of the blocks below it, refuses blocks above the quota,
// and knows which blocks are younger than MinAge.
type quotaStore struct {
	blockstore.Blockstore
	opt      Options
	used     atomic.Int64 // bytes of stored blocks
	reserved atomic.Int64 // bytes set aside for running adds and fetches, beyond used

	mu      sync.Mutex
	writing map[string]chan struct{} // blocks being written, by multihash, so that each is counted once
	young   map[string]time.Time     // when a block was stored, by multihash
}

// reservation is what is left of the bytes that reserve set aside. It is passed in
// the context of an add, down to each Put. quotaStore.mu guards it.
type reservation struct{ left int64 }

type reservationKey struct{}

// covers returns how many of n bytes are reserved. A nil reservation covers none.
func (r *reservation) covers(n int64) int64 {
	if r == nil {
		return 0
	}
	return min(n, r.left)
}

func newQuotaStore(bs blockstore.Blockstore, used int64, opt Options) *quotaStore {
	q := &quotaStore{Blockstore: bs, opt: opt, young: map[string]time.Time{},
		writing: map[string]chan struct{}{}}
	q.used.Store(used)
	return q
}

// Put stores a block unless it is held already or the quota forbids it. Blocks are written
// side by side, since each write waits for the disk.
func (q *quotaStore) Put(ctx context.Context, b blockformat.Block) error {
	hash := string(b.Cid().Hash())
	q.mu.Lock()
	for q.writing[hash] != nil { // by somebody else
		written := q.writing[hash]
		q.mu.Unlock()
		<-written
		q.mu.Lock()
	}
	undo, err := q.claim(ctx, b)
	if err != nil || undo == nil {
		q.mu.Unlock()
		return err
	}
	written := make(chan struct{})
	q.writing[hash] = written
	q.mu.Unlock()

	err = q.Blockstore.Put(ctx, b)

	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.writing, hash)
	close(written)
	if err != nil {
		undo()
	}
	return err
}

// PutMany stores blocks one by one; the first refusal ends it.
func (q *quotaStore) PutMany(ctx context.Context, bs []blockformat.Block) error {
	for _, b := range bs {
		if err := q.Put(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

// claim counts a block that is to be written, and gives a function that takes it back; nil
// for a block that is held already. Callers lock.
func (q *quotaStore) claim(ctx context.Context, b blockformat.Block) (undo func(), err error) {
	if have, err := q.Blockstore.Has(ctx, b.Cid()); err != nil {
		return nil, err
	} else if have {
		_, err := q.Blockstore.Get(ctx, b.Cid())
		if errors.Is(err, blockstore.ErrHashMismatch) { // it is damaged, and written again in its place
			return func() {}, q.Blockstore.DeleteBlock(ctx, b.Cid())
		}
		return nil, err
	}
	n := int64(len(b.RawData()))
	reserved, _ := ctx.Value(reservationKey{}).(*reservation)
	covered := reserved.covers(n)
	if used := q.used.Load() + q.reserved.Load(); q.opt.QuotaBytes > 0 && used+n-covered > q.opt.QuotaBytes {
		return nil, &FullError{NeedBytes: n, UsedBytes: used, QuotaBytes: q.opt.QuotaBytes}
	}
	q.used.Add(n)
	if covered > 0 {
		reserved.left -= covered
		q.reserved.Add(-covered)
	}
	q.markYoung(string(b.Cid().Hash()))
	return func() {
		q.used.Add(-n)
		if covered > 0 {
			reserved.left += covered
			q.reserved.Add(covered)
		}
		delete(q.young, string(b.Cid().Hash()))
	}, nil
}

// markYoung notes when a block was stored and forgets blocks older than MinAge.
func (q *quotaStore) markYoung(hash string) {
	now := q.opt.Now()
	if len(q.young)%256 == 255 {
		for h, t := range q.young {
			if now.Sub(t) >= q.opt.MinAge {
				delete(q.young, h)
			}
		}
	}
	if q.opt.MinAge > 0 {
		q.young[hash] = now
	}
}

// isYoung reports whether a block was stored less than MinAge ago.
func (q *quotaStore) isYoung(c cid.Cid) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	t, ok := q.young[string(c.Hash())]
	return ok && q.opt.Now().Sub(t) < q.opt.MinAge
}

// DeleteBlock removes a block and subtracts its bytes from those used.
func (q *quotaStore) DeleteBlock(ctx context.Context, c cid.Cid) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	n, err := q.Blockstore.GetSize(ctx, c)
	if ipld.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := q.Blockstore.DeleteBlock(ctx, c); err != nil {
		return err
	}
	q.used.Add(-int64(n))
	delete(q.young, string(c.Hash()))
	return nil
}

// reserve sets need bytes aside for the puts made with the returned context, until
// release. It collects unpinned blocks where necessary: above the high-water mark
// those older than MinAge, down to the low-water mark, and younger ones when the quota
// would be exceeded otherwise. The caller must not hold the pin lock.
// Errors: *FullError.
func (s *Store) reserve(ctx context.Context, need int64) (_ context.Context, release func(), err error) {
	quota, q := s.opt.QuotaBytes, s.quota
	if quota == 0 {
		return ctx, func() {}, nil
	}
	s.reserving.Lock()
	defer s.reserving.Unlock()
	taken := func() int64 { return q.used.Load() + q.reserved.Load() }
	low, high := int64(s.opt.LowWater*float64(quota)), int64(s.opt.HighWater*float64(quota))
	if taken()+need > high {
		if _, err := s.collect(ctx, max(0, low-need), true); err != nil {
			return nil, nil, err
		}
	}
	if taken()+need > quota {
		if _, err := s.collect(ctx, max(0, quota-need), false); err != nil {
			return nil, nil, err
		}
	}
	if taken()+need > quota {
		return nil, nil, &FullError{NeedBytes: need, UsedBytes: taken(), QuotaBytes: quota}
	}
	r := &reservation{left: need}
	q.reserved.Add(need)
	return context.WithValue(ctx, reservationKey{}, r), func() { q.release(r) }, nil
}

// release ends a reservation.
func (q *quotaStore) release(r *reservation) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.reserved.Add(-r.left)
	r.left = 0
}

// sizeOfFiles sums the block files under a flatfs directory.
func sizeOfFiles(dir string) (total int64, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".data") {
			return err
		}
		info, err := d.Info()
		if err == nil {
			total += info.Size()
		}
		return err
	})
	return total, err
}
