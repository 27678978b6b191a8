package announce

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/query"
	"github.com/libp2p/go-libp2p/core/peer"
)

// Layout of a book in its datastore. A record is the Unix second until which its
// slot is kept (8 bytes), then the envelope; a counter is 8 bytes. Numbers are
// big-endian.
var (
	recordPrefix  = datastore.NewKey("record")
	counterPrefix = datastore.NewKey("counter")
)

func (s slot) key(prefix datastore.Key) datastore.Key {
	root := "none"
	if s.root.Defined() {
		root = s.root.String()
	}
	signerAndTask := prefix.ChildString(s.signer.String()).ChildString(s.task.String())
	return signerAndTask.ChildString(string(s.subject)).ChildString(root)
}

func recordKey(s slot) datastore.Key  { return s.key(recordPrefix) }
func counterKey(s slot) datastore.Key { return s.key(counterPrefix) }

func (h held) marshal() []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(h.until.Unix())), h.rec.Envelope...)
}

func unmarshalHeld(b []byte) (held, error) {
	if len(b) < 8 {
		return held{}, errors.New("stored announcement too short")
	}
	r, err := Open(b[8:])
	return held{rec: r, until: time.Unix(int64(binary.BigEndian.Uint64(b)), 0).UTC()}, err
}

// load fills an empty book from its datastore.
func (b *Book) load(ctx context.Context) error {
	if err := b.each(ctx, counterPrefix, b.loadCounter); err != nil {
		return err
	}
	if err := b.each(ctx, recordPrefix, b.loadRecord); err != nil {
		return err
	}
	b.sweep(b.opt.Now())
	return nil
}

func (b *Book) loadCounter(ctx context.Context, key datastore.Key, value []byte) error {
	s, err := parseCounterKey(key)
	if err != nil || len(value) != 8 {
		return fmt.Errorf("sequence counter %s is damaged", key)
	}
	b.counters[s] = binary.BigEndian.Uint64(value)
	b.use(s)
	return nil
}

func (b *Book) loadRecord(ctx context.Context, key datastore.Key, value []byte) error {
	h, err := unmarshalHeld(value)
	if err != nil || !h.rec.Subject.known() {
		return b.ds.Delete(ctx, key) // damaged, or of another version
	}
	h.account = earlier
	b.place(h.rec.slot(), h)
	return nil
}

func (b *Book) each(ctx context.Context, prefix datastore.Key,
	f func(context.Context, datastore.Key, []byte) error) error {
	results, err := b.ds.Query(ctx, query.Query{Prefix: prefix.String()})
	if err != nil {
		return err
	}
	entries, err := results.Rest()
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := f(ctx, datastore.RawKey(e.Key), e.Value); err != nil {
			return err
		}
	}
	return nil
}

func parseCounterKey(key datastore.Key) (s slot, err error) {
	parts := key.List() // counter, signer, task, subject, root
	if len(parts) != 5 {
		return s, errors.New("unexpected key")
	}
	if s.signer, err = peer.Decode(parts[1]); err != nil {
		return s, err
	}
	if s.task, err = cid.Decode(parts[2]); err != nil {
		return s, err
	}
	s.subject = Subject(parts[3])
	if parts[4] != "none" {
		s.root, err = cid.Decode(parts[4])
	}
	return s, err
}

// Sweep drops expired records and returns how many. A withdrawal stays until what
// it withdrew would have expired; this node's own offers stay until withdrawn.
func (b *Book) Sweep() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.sweep(b.opt.Now())
}

func (b *Book) sweep(now time.Time) (dropped int) {
	var ended []slot
	for s, h := range b.records {
		if _, own := b.counters[s]; (!own || h.rec.Kind == Withdraw) && !h.until.After(now) {
			ended = append(ended, s)
		}
	}
	return b.drop(ended)
}

// drop deletes records, from disk first, and returns how many. What cannot be deleted
// from disk now is kept.
func (b *Book) drop(slots []slot) int {
	ctx := context.Background()
	if len(slots) == 0 {
		return 0
	}
	batch, err := b.ds.Batch(ctx)
	if err != nil {
		return 0
	}
	for _, s := range slots {
		if batch.Delete(ctx, recordKey(s)) != nil {
			return 0
		}
	}
	if batch.Commit(ctx) != nil {
		return 0
	}
	for _, s := range slots {
		b.forget(s)
	}
	return len(slots)
}
