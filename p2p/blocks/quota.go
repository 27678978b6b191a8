package blocks

import (
	"context"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ipfs/boxo/blockstore"
	blockformat "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	"github.com/ipfs/go-datastore"
	dssync "github.com/ipfs/go-datastore/sync"
	ipld "github.com/ipfs/go-ipld-format"
)

// quotaStore counts the bytes of the blocks below it, refuses what exceeds the
// quota, and remembers which blocks are young.
type quotaStore struct {
	blockstore.Blockstore
	opt      Options
	used     atomic.Int64 // bytes of stored blocks
	reserved atomic.Int64 // bytes promised to running adds, beyond used

	mu    sync.Mutex // one writer at a time, so that a block is counted once
	young map[string]time.Time
}

// promise is what is left of the bytes that makeRoom set aside. It travels in the
// context of the add, down to each Put. Fields are guarded by quotaStore.mu.
type promise struct{ left int64 }

type promiseKey struct{}

// covers returns how many of n bytes the promise pays for. A nil promise pays nothing.
func (p *promise) covers(n int64) int64 {
	if p == nil {
		return 0
	}
	return min(n, p.left)
}

func newQuotaStore(bs blockstore.Blockstore, used int64, opt Options) *quotaStore {
	q := &quotaStore{Blockstore: bs, opt: opt, young: map[string]time.Time{}}
	q.used.Store(used)
	return q
}

// Put stores a block unless it is held already or the quota forbids it.
func (q *quotaStore) Put(ctx context.Context, b blockformat.Block) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.put(ctx, b)
}

// PutMany stores blocks one by one; the first refusal ends it.
func (q *quotaStore) PutMany(ctx context.Context, bs []blockformat.Block) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, b := range bs {
		if err := q.put(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

func (q *quotaStore) put(ctx context.Context, b blockformat.Block) error {
	if have, err := q.Blockstore.Has(ctx, b.Cid()); err != nil || have {
		return err
	}
	n := int64(len(b.RawData()))
	promise, _ := ctx.Value(promiseKey{}).(*promise)
	covered := promise.covers(n)
	if used := q.used.Load() + q.reserved.Load(); q.opt.QuotaBytes > 0 && used+n-covered > q.opt.QuotaBytes {
		return &FullError{NeedBytes: n, UsedBytes: used, QuotaBytes: q.opt.QuotaBytes}
	}
	if err := q.Blockstore.Put(ctx, b); err != nil {
		return err
	}
	q.used.Add(n)
	if covered > 0 {
		promise.left -= covered
		q.reserved.Add(-covered)
	}
	q.markYoung(string(b.Cid().Hash()))
	return nil
}

// markYoung notes when a block came and forgets those that have come of age.
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

// isYoung reports whether a block came less than MinAge ago.
func (q *quotaStore) isYoung(c cid.Cid) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	t, ok := q.young[string(c.Hash())]
	return ok && q.opt.Now().Sub(t) < q.opt.MinAge
}

// DeleteBlock removes a block and gives its bytes back.
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

// makeRoom sets need bytes aside for the puts made with the returned context,
// until release. It collects unpinned blocks as far as that takes: above the
// high-water mark old ones down to the low-water mark, and young ones too when
// the quota leaves no choice. The caller must not hold the pin lock.
// Errors: *FullError.
func (s *Store) makeRoom(ctx context.Context, need int64) (_ context.Context, release func(), err error) {
	quota, q := s.opt.QuotaBytes, s.quota
	if quota == 0 {
		return ctx, func() {}, nil
	}
	s.room.Lock()
	defer s.room.Unlock()
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
	p := &promise{left: need}
	q.reserved.Add(need)
	return context.WithValue(ctx, promiseKey{}, p), func() { q.giveBack(p) }, nil
}

// giveBack ends a promise.
func (q *quotaStore) giveBack(p *promise) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.reserved.Add(-p.left)
	p.left = 0
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

func syncWrap(d datastore.Batching) datastore.Batching { return dssync.MutexWrap(d) }
